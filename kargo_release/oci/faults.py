"""What a registry or the network did, in words, and what to do about it.

Source of the error document: OCI distribution specification 1.1, "Error codes".
"""

import json
import socket
import ssl
from collections.abc import Iterator

from kargo_release.errors import FailedError, KargoError, RefusedError, excerpt
from kargo_release.oci.call import Answer
from kargo_release.oci.retry import TimeLimits, TransientError

_ERRORS_TOLD = 3
_RETRIED_ONCE = 0.5


def refusal(host: str, answer: Answer, what: str) -> KargoError:
    """Return the error for an answer that is no success, in the registry's own words.

    Args:
        host: The registry's host and port.
        answer: What it answered.
        what: What was wanted, as in "pull kano:1.4.0".
    """
    kind, remedy = _STATUSES.get(answer.status_code, (FailedError, ""))
    said = words(answer)
    message = f"registry {host} answered {_status(answer)} to {what}" + said
    return kind(message, remedy.format(host=host) or "Look into the registry's log; run again.")


def unwell(host: str, answer: Answer) -> FailedError:
    """Return the error for a registry that stays busy or away."""
    return FailedError(
        f"registry {host} keeps answering {_status(answer)}{words(answer)}",
        "Wait until the registry is well, then run the command again.",
    )


def words(answer: Answer) -> str:
    """Return what the registry says of the error, bounded, with ": " before it; may be empty."""
    body = answer.content
    try:
        errors = json.loads(body)["errors"]
        said = "; ".join(_sentence(error) for error in errors[:_ERRORS_TOLD])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        said = "an HTML page instead of a registry's answer" if is_html(answer) else ""
    said = excerpt(said)
    return f": {said}" if said else ""


def is_html(answer: Answer) -> bool:
    """Return whether a page for people came instead of an answer for programs."""
    kind = answer.headers.get("Content-Type", "")
    return kind.startswith("text/html") or answer.content.lstrip()[:1] == b"<"


def broken_connection(host: str, error: Exception, limits: TimeLimits) -> Exception:
    """Return what to raise when no answer came: a TransientError where another try may help."""
    causes = list(_causes(error))
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        return _untrusted(host, tls)
    if any(_is_timeout(cause) for cause in causes):
        return TransientError(_timed_out(host, causes, limits), min(_RETRIED_ONCE, limits.broken))
    return TransientError(_broken(host, causes), limits.broken)


def _status(answer: Answer) -> str:
    return excerpt(f"{answer.status_code} {answer.reason or ''}")


def _sentence(error: dict[str, object]) -> str:
    detail = error.get("detail")
    parts = [error.get("code"), error.get("message"), detail if isinstance(detail, str) else None]
    return " - ".join(excerpt(str(part)) for part in parts if part)


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


def _untrusted(host: str, error: ssl.SSLError) -> FailedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return FailedError(
            f"the TLS certificate of registry {host} is not trusted: {error.verify_message}",
            "Name the file of your authority in SSL_CERT_FILE.",
        )
    return FailedError(
        f"registry {host} does not speak TLS: {excerpt(error.reason or str(error))}",
        "If it speaks plain HTTP, set plain_http: true.",
    )


def _broken(host: str, causes: list[BaseException]) -> FailedError:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return FailedError(
            f"the name of registry {host} cannot be resolved", "Check the name and the network."
        )
    how = "refused" if any(isinstance(c, ConnectionRefusedError) for c in causes) else "broke"
    proxied = any(type(cause).__name__ == "ProxyError" for cause in causes)
    who = f"the proxy for registry {host}" if proxied else f"registry {host}"
    return FailedError(
        f"{who} {how} the connection", "Check its address and that it is running, then run again."
    )


_LOG_IN = "Log in: helm registry login {host}"
_ELSEWHERE = "Write the address that it redirects to into the settings, if it is the right one."
_STATUSES: dict[int, tuple[type[KargoError], str]] = {
    301: (FailedError, _ELSEWHERE),
    302: (FailedError, _ELSEWHERE),
    307: (FailedError, _ELSEWHERE),
    308: (FailedError, _ELSEWHERE),
    401: (RefusedError, _LOG_IN),
    403: (
        RefusedError,
        "Ask for the right to do this, or log in as another: helm registry login {host}",
    ),
    404: (RefusedError, "Create the project in the registry, or correct the registry's address."),
    405: (RefusedError, "Use a registry that can be written to; this one may be a mirror."),
    409: (FailedError, "Somebody else may be pushing the same; run the command again."),
    412: (FailedError, "The registry holds something else by now; run the command again."),
    413: (FailedError, "Raise the body limit of the registry or of the proxy before it."),
}
