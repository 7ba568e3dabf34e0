"""What the network did where no answer came, in words, and what to do about it."""

import re
import socket
import ssl
from collections.abc import Iterator

from kargo_release.authorities import BUNDLES, SYSTEM_BUNDLE
from kargo_release.errors import FailedError, excerpt
from kargo_release.oci.connection import OverdueError
from kargo_release.oci.retry import TimeLimits, TransientError

_RETRIED_ONCE = 0.5
# What http.client says (_tunnel) when a proxy answers something else than 200.
_NO_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})(.*)", re.DOTALL)
_AUTHENTICATION_REQUIRED = "407"
# OpenSSL's words for bytes that are no TLS (ssl/record, ssl/sslerr).
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def broken_connection(host: str, error: Exception, limits: TimeLimits) -> Exception:
    """Return what to raise when no answer came: a TransientError where another try may help."""
    causes = list(_causes(error))
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if tls and not isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _insecure(host, tls)
    if any(isinstance(cause, OverdueError) for cause in causes):
        return FailedError(
            f"registry {host} took over {limits.answer:g} s for an answer",
            "Check the network, then run the command again.",
        )
    if any(_is_timeout(cause) for cause in causes):
        return TransientError(_timed_out(host, causes, limits), min(_RETRIED_ONCE, limits.broken))
    if refused := next(filter(None, (_NO_TUNNEL.match(str(cause)) for cause in causes)), None):
        return _no_tunnel(host, *refused.groups())
    return TransientError(_broken(host, causes), limits.broken)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [getattr(each, "reason", None), *each.args]
        todo += [cause for cause in inner if isinstance(cause, BaseException)]
        todo += [each.__cause__, each.__context__]


def _is_timeout(cause: BaseException) -> bool:
    return isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__


def _timed_out(host: str, causes: list[BaseException], limits: TimeLimits) -> FailedError:
    if any("ConnectTimeout" in type(cause).__name__ for cause in causes):
        message = f"registry {host} did not answer within {limits.connect:g} s"
    else:
        message = f"registry {host} stopped answering: nothing came for {limits.read:g} s"
    return FailedError(message, "Check the network and the registry, then run the command again.")


def _insecure(host: str, error: ssl.SSLError) -> FailedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return FailedError(
            f"the TLS certificate of registry {host} is not trusted: {error.verify_message}",
            _CERTIFICATES.get(error.verify_code, _AUTHORITY),
        )
    reason = error.reason or str(error)
    if reason in _NOT_TLS:
        return FailedError(
            f"registry {host} does not speak TLS: {excerpt(reason)}",
            "If it speaks plain HTTP, set plain_http: true.",
        )
    return FailedError(
        f"registry {host} and this machine do not agree on TLS: {excerpt(reason)}",
        "Check what the registry, and what lies before it, demands of TLS.",
    )


def _no_tunnel(host: str, status: str, reason: str) -> FailedError:
    return FailedError(
        f"the proxy leads nobody to registry {host}: it answered {excerpt(status + reason)}",
        "Correct the user and the password in HTTPS_PROXY."
        if status == _AUTHENTICATION_REQUIRED
        else "Have the proxy allow it, or name the registry in NO_PROXY.",
    )


def _broken(host: str, causes: list[BaseException]) -> FailedError:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return FailedError(
            f"the name of registry {host} cannot be resolved", "Check the name and the network."
        )
    how = "refused" if any(isinstance(c, ConnectionRefusedError) for c in causes) else "broke"
    proxied = any(type(cause).__name__ == "ProxyError" for cause in causes)
    if proxied:
        return FailedError(
            f"the proxy for registry {host} {how} the connection",
            "Correct HTTP_PROXY or HTTPS_PROXY, or name the registry in NO_PROXY; then run again.",
        )
    return FailedError(
        f"registry {host} {how} the connection",
        "Check its address and that it is running, then run again.",
    )


_AUTHORITY = (
    f"Name the file of your authority in {BUNDLES[0]}, or in {BUNDLES[1]} or {SYSTEM_BUNDLE}."
)
_OTHER_HOST = "Write the host into registry as the certificate names it, or renew the certificate."
# By OpenSSL's numbers of X509_V_ERR (openssl verify, "Diagnostics").
_CERTIFICATES = {
    9: "Check this machine's clock, and the certificate of the registry.",
    10: "Renew the certificate of the registry, or check this machine's clock.",
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}
