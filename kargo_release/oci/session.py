"""HTTP to one registry under our own rules: time limits, bounded answers, no leaked credentials."""

import ssl
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # absent from the stubs only
    proxy_bypass_environment,
)

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from kargo_release import __version__
from kargo_release.errors import FailedError, InvalidError
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.faults import broken_connection, unwell
from kargo_release.oci.hosts import is_loopback, origin
from kargo_release.oci.retry import TimeLimits, TransientError, retry_after

_CHUNK = 1 << 18
_LONGEST_ERROR = 1 << 20
_REDIRECTS = 5
_BUSY = frozenset({429, 502, 503, 504})
# Bodies stay as they are stored, for digests are of those bytes.
_HEADERS = {"User-Agent": f"kargo-release/{__version__}", "Accept-Encoding": "identity"}


class Session(requests.Session):
    """Connections to one registry, pooled, for as many threads as there are jobs.

    Args:
        host: The registry as the user calls it, ``host[:port]``.
        url: Its root, ``https://host:port``.
        jobs: How many connections are kept.
        environ: The environment: ``HTTPS_PROXY``, ``NO_PROXY``, ``REQUESTS_CA_BUNDLE``.
        limits: How long to wait.
    """

    def __init__(
        self, host: str, url: str, *, jobs: int, environ: Mapping[str, str], limits: TimeLimits
    ) -> None:
        super().__init__()
        self.host = host
        self.origin = origin(url)
        self.limits = limits
        # Otherwise every request reads the environment, and credentials from ~/.netrc.
        self.trust_env = False
        self.proxies.update(_proxies(url, environ))
        self.verify = environ.get("REQUESTS_CA_BUNDLE") or True
        # Harbor takes a client that returns its cookies for a browser, and asks for CSRF tokens.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("http://", HTTPAdapter(pool_maxsize=jobs))
        if self.origin.startswith("https:"):
            self.mount("https://", _SystemTrust(pool_maxsize=jobs))

    def attempt(self, call: Call) -> Answer:
        """Send a request once, following the redirects of GET and HEAD, and return the answer.

        Raises:
            TransientError: The connection broke, or the registry is busy.
            FailedError: There is no way to reach it.
            InvalidError: The answer is longer than ``call.limit``, or leads astray.
        """
        url = call.url
        for _ in range(_REDIRECTS):
            answer = self._once(call, url)
            location = answer.headers.get("Location")
            redirected = answer.status_code in requests.models.REDIRECT_STATI and location
            if not redirected or call.method not in {"GET", "HEAD"}:
                return self._well(answer)
            url = urljoin(url, location)
        raise InvalidError(
            f"registry {self.host} redirects without end", "Check the registry's address."
        )

    def _once(self, call: Call, url: str) -> Answer:
        request = requests.Request(call.method, url, headers=self._headers(call, url))
        request.data = call.data
        shown = self.host if origin(url) == self.origin else urlsplit(url).netloc
        try:
            response = self.send(
                request.prepare(),
                timeout=(self.limits.connect, self.limits.read),
                stream=True,
                allow_redirects=False,
            )
            return self._read(response, call)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise broken_connection(shown, error, self.limits) from error

    def _headers(self, call: Call, url: str) -> dict[str, str]:
        target = origin(url)
        if target.startswith("http:") and self.origin.startswith("https:"):
            raise InvalidError(
                f"registry {self.host} leads from https to {target}",
                "Set the external address of the registry to https.",
            )
        headers = {**_HEADERS, **call.headers}
        if call.authorization and target == call.audience:
            headers["Authorization"] = call.authorization
        return headers

    def _read(self, response: requests.Response, call: Call) -> Answer:
        limit = call.limit if response.ok else max(call.limit, _LONGEST_ERROR)
        body = b"" if call.method == "HEAD" else b"".join(self._chunks(response, limit))
        # An empty body is never read, so its connection would not come back to the pool.
        response.raw.release_conn()
        return Answer(
            response.url, response.status_code, response.reason or "", response.headers, body
        )

    def _chunks(self, response: requests.Response, limit: int) -> Iterator[bytes]:
        length, end = 0, time.monotonic() + self.limits.answer
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            length += len(chunk)
            if length > limit:
                response.raw.close()
                raise InvalidError(
                    f"registry {self.host} answered with more than {limit} bytes",
                    "Check what the registry holds.",
                )
            if time.monotonic() > end:
                response.raw.close()
                raise FailedError(
                    f"registry {self.host} took over {self.limits.answer:g} s for an answer",
                    "Check the network, then run the command again.",
                )
            yield chunk

    def _well(self, answer: Answer) -> Answer:
        if answer.status_code in _BUSY:
            asked = retry_after(answer.headers.get("Retry-After"))
            raise TransientError(unwell(self.host, answer), self.limits.busy, asked)
        return answer


class _SystemTrust(HTTPAdapter):
    """Trusts the authorities of the system (``SSL_CERT_FILE``) besides those of requests."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)


def _proxies(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    host = urlsplit(url).hostname or ""
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if is_loopback(host) or proxy_bypass_environment(host, {"no": exempt}):
        return {}
    named = {
        scheme: environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY")
        for scheme in ("http", "https")
    }
    return {scheme: proxy for scheme, proxy in named.items() if proxy}
