"""HTTP to one registry under our own rules: time limits, bounded answers, no leaked credentials.

It stands on urllib3, as requests does: preparing a request costs requests more time than all else.
"""

import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.exceptions import HTTPError

from kargo_release import __version__
from kargo_release.errors import FailedError, InvalidError
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.connection import in_time, pool_classes
from kargo_release.oci.faults import broken_connection
from kargo_release.oci.hosts import origin, resolve
from kargo_release.oci.proxy import proxied
from kargo_release.oci.refusals import unwell
from kargo_release.oci.retry import TimeLimits, TransientError, retry_after
from kargo_release.oci.trust import trust

_CHUNK = 1 << 18
_LONGEST_ERROR = 1 << 20
_ERRORS = 400
_REDIRECTS = 5
_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 429, 502, 503, 504})
# Docker's registry answers so to who reads a tag while somebody else is writing it.
_STUMBLED = 500
_READING = frozenset({"GET", "HEAD"})
# Bodies stay as they are stored, for digests are of those bytes.
_HEADERS = {"User-Agent": f"kargo-release/{__version__}", "Accept-Encoding": "identity"}


class Session:
    """Connections to one registry and where it leads, pooled, for as many threads as jobs.

    Args:
        host: The registry as the user calls it, ``host[:port]``.
        url: Its root, ``https://host:port``.
        jobs: How many connections are kept.
        environ: The environment, which names proxies and authorities.
        limits: How long to wait.

    Attributes:
        log_in: The command that logs in to this registry.
        or_else: How else one does, to be put behind it; empty where that is all.
    """

    def __init__(
        self, host: str, url: str, *, jobs: int, environ: Mapping[str, str], limits: TimeLimits
    ) -> None:
        self.host = host
        plain = " --plain-http" if url.startswith("http:") else ""
        self.log_in = f"helm registry login {host}{plain}"
        self.or_else = ""
        self.origin = origin(url)
        self.limits = limits
        self._jobs = jobs
        self._environ = environ
        self._timeout = Timeout(connect=limits.connect, read=limits.read)
        self._lock = threading.Lock()
        self._pools: dict[str, HTTPConnectionPool | ProxyManager] = {}

    def attempt(self, call: Call) -> Answer:
        """Send a request once, following the redirects of GET and HEAD, and return the answer.

        Raises:
            TransientError: The connection broke, or the registry is busy.
            FailedError: There is no way to reach it, or the answer is longer than ``call.limit``.
            InvalidError: The answer leads astray.
        """
        url = call.url
        for _ in range(_REDIRECTS):
            answer = self._once(call, url)
            redirected = answer.status_code in _REDIRECTED and call.method in _READING
            location = answer.headers.get("Location") if redirected else None
            if not location:
                return self._well(answer, call)
            url = resolve(url, location)
        raise InvalidError(
            f"registry {self.host} redirects without end", "Check the registry's address."
        )

    def _once(self, call: Call, url: str) -> Answer:
        target = origin(url)
        headers = self._headers(call, target)
        try:
            response = self._send(call, url, target, headers)
            return self._read(response, call, url)
        except (HTTPError, OSError, UnicodeError) as error:
            shown = self.host if target == self.origin else urlsplit(target).netloc
            raise broken_connection(shown, error, self.limits) from error

    def _headers(self, call: Call, target: str) -> dict[str, str]:
        if target.startswith("http:") and self.origin.startswith("https:"):
            raise InvalidError(
                f"registry {self.host} leads from https to {target}",
                "Set the external address of the registry to https.",
            )
        headers = {**_HEADERS, **call.headers}
        if call.data:
            headers["Content-Length"] = str(call.data.size)
        if call.authorization and target == call.audience:
            headers["Authorization"] = call.authorization
        return headers

    def _send(
        self, call: Call, url: str, target: str, headers: Mapping[str, str]
    ) -> BaseHTTPResponse:
        pool = self._pool(target)
        if isinstance(pool, HTTPConnectionPool):
            parts = urlsplit(url)
            url = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        return pool.urlopen(
            call.method,
            url,
            body=in_time(call.data, self.limits) if call.data else None,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=self._timeout,
            preload_content=False,
        )

    def _pool(self, target: str) -> HTTPConnectionPool | ProxyManager:
        with self._lock:
            if target not in self._pools:
                self._pools[target] = self._connect(target)
            return self._pools[target]

    def _connect(self, target: str) -> HTTPConnectionPool | ProxyManager:
        context = trust(self._environ) if target.startswith("https:") else None
        pool: dict[str, Any] = {"maxsize": self._jobs, "ssl_context": context}
        proxy = proxied(target, self._environ, pool)
        manager = proxy or PoolManager(**pool)
        manager.pool_classes_by_scheme = pool_classes(self.limits)
        return proxy or manager.connection_from_url(target)

    def _read(self, response: BaseHTTPResponse, call: Call, url: str) -> Answer:
        limit = max(call.limit, _LONGEST_ERROR) if response.status >= _ERRORS else call.limit
        body = b"" if call.method == "HEAD" else b"".join(self._chunks(response, limit))
        # An empty body is never read, so its connection would not come back to the pool.
        response.release_conn()
        return Answer(url, response.status, response.reason or "", response.headers, body)

    def _chunks(self, response: BaseHTTPResponse, limit: int) -> Iterator[bytes]:
        length = 0
        for chunk in response.stream(_CHUNK, decode_content=False):
            length += len(chunk)
            if length > limit:
                response.close()
                raise FailedError(
                    f"registry {self.host} answered with more than {limit} bytes",
                    "Check the registry and what lies before it, then run the command again.",
                )
            yield chunk

    def _well(self, answer: Answer, call: Call) -> Answer:
        if answer.status_code == _STUMBLED and call.method in _READING:
            raise TransientError(unwell(self.host, answer), self.limits.broken)
        if answer.status_code in _BUSY:
            asked = retry_after(answer.headers.get("Retry-After"))
            raise TransientError(unwell(self.host, answer), self.limits.busy, asked)
        return answer
