"""What a registry refuses, in its own words, and what to do about it.

Sources: OCI distribution specification 1.1, "Error codes", for the document. For Harbor's words
goharbor/harbor ``src/server/middleware`` (v2auth, immutable, readonly, repoproxy), its
``src/pkg/quota/types`` for quotas, and ``src/lib/http/error.go`` for the status of each. For
Amazon's what ``docker push`` passes on of ECR, as in moby/buildkit#3776.
"""

import json
import re

from kargo_release.errors import FailedError, KargoError, RefusedError, excerpt
from kargo_release.oci.call import Answer

_ERRORS_TOLD = 3
_CLIENT_ERRORS = range(400, 500)
_UNAUTHORIZED = 401
_TITLE = re.compile(rb"<title>([^<]{1,200})</title>", re.IGNORECASE)
_LONGEST_HEAD = 4096
_LONGEST_TEXT = 300


def refusal(host: str, answer: Answer, what: str, log_in: str) -> KargoError:
    """Return the error for an answer that is no success, in the registry's own words.

    Args:
        host: The registry's host and port.
        answer: What it answered.
        what: What was wanted, as in "pull kano:1.4.0".
        log_in: The command that logs in there.
    """
    said = words(answer)
    kind, remedy = _STATUSES.get(answer.status_code, (FailedError, ""))
    if cure := said_remedy(answer):
        kind, remedy = RefusedError, cure
    message = f"registry {host} answered {status(answer)} to {what}{said}"
    return kind(message, remedy.format(log_in=log_in) or "Look into the registry's log; run again.")


def said_remedy(answer: Answer) -> str:
    """Return what to do about a refusal that is known by its words; empty for any other."""
    if answer.status_code not in _CLIENT_ERRORS:
        return ""
    known = _PLACES if answer.status_code == _UNAUTHORIZED else (*_PLACES, *_RULES)
    said = words(answer)
    return next((remedy for phrase, remedy in known if phrase.search(said)), "")


def unwell(host: str, answer: Answer) -> FailedError:
    """Return the error for a registry that stays busy or away."""
    return FailedError(
        f"registry {host} keeps answering {status(answer)}{words(answer)}",
        "Wait until the registry is well, then run the command again.",
    )


def words(answer: Answer) -> str:
    """Return what the registry says of the error, bounded, with ": " before it; may be empty."""
    body = answer.content
    try:
        errors = json.loads(body)["errors"]
        said = "; ".join(_sentence(error) for error in errors[:_ERRORS_TOLD])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        said = _page(body) if is_html(answer) else _text(answer)
    said = excerpt(said)
    return f": {said}" if said else ""


def is_html(answer: Answer) -> bool:
    """Return whether a page for people came instead of an answer for programs."""
    kind = answer.headers.get("Content-Type", "")
    return kind.startswith("text/html") or answer.content.lstrip()[:1] == b"<"


def status(answer: Answer) -> str:
    """Return the status in numbers and the server's words."""
    return excerpt(f"{answer.status_code} {answer.reason or ''}")


def _text(answer: Answer) -> str:
    is_text = answer.headers.get("Content-Type", "text/plain").startswith("text/plain")
    return answer.content[:_LONGEST_TEXT].decode(errors="replace") if is_text else ""


def _page(body: bytes) -> str:
    title = _TITLE.search(body[:_LONGEST_HEAD])
    said = f", {title[1].decode(errors='replace')!r}" if title else ""
    return f"an HTML page instead of a registry's answer{said}"


def _sentence(error: dict[str, object]) -> str:
    detail = error.get("detail")
    parts = [error.get("code"), error.get("message"), detail if isinstance(detail, str) else None]
    return " - ".join(excerpt(str(part)) for part in parts if part)


_PROJECT = "Create the project in the registry, or correct the registry's address."
_Phrases = tuple[tuple[re.Pattern[str], str], ...]
# Each phrase has a space in it, which no name of a project, a repository or a tag has: those may
# bear any of these words. The first is about what is not there, which Harbor tells by a 401, too.
_PLACES: _Phrases = (
    (re.compile(r"\bproject \S+ not found"), _PROJECT),
    (
        re.compile(r"\brepository with name \S+ does not exist"),
        "Create the repository first: Amazon's registry makes none by itself.",
    ),
)
# What a registry tells only to who was let in.
_RULES: _Phrases = (
    (
        # Go's net/http, server.go; without the setting, this machine's registries get no TLS.
        re.compile(r"sent an HTTP request to an HTTPS server"),
        "Set `plain_http: false`: this registry speaks TLS.",
    ),
    (
        re.compile(r"\b(configured as|is) immutable(?![\w/-])"),
        "Give it a new version, or exempt its tag from the registry's rule of immutable tags.",
    ),
    (
        re.compile(r"\bquota exceeded\b|exceed the configured upper limit", re.IGNORECASE),
        "Have the project's quota raised, or remove from it what is no longer needed.",
    ),
    (
        re.compile(r"\bin read.only mode"),
        "Have the registry's administrator end its read-only mode, then run the command again.",
    ),
    (
        re.compile(r"\bto a proxy project"),
        "Set registry to a project that is no proxy cache; nothing can be pushed to this one.",
    ),
)

_LOG_IN = "Log in: {log_in}"
_ELSEWHERE = "Write the address that it redirects to into the settings, if it is the right one."
_BODIES = (
    "Raise the limit for bodies of the registry or of the proxy before it (nginx: "
    "client_max_body_size)."
)
_STATUSES: dict[int, tuple[type[KargoError], str]] = {
    301: (FailedError, _ELSEWHERE),
    302: (FailedError, _ELSEWHERE),
    307: (FailedError, _ELSEWHERE),
    308: (FailedError, _ELSEWHERE),
    401: (RefusedError, _LOG_IN),
    403: (
        RefusedError,
        "Ask for the right to do this, or log in as another: {log_in}",
    ),
    404: (RefusedError, _PROJECT),
    405: (RefusedError, "Use a registry that can be written to; this one may be a mirror."),
    407: (FailedError, "Correct the user and the password in HTTP_PROXY."),
    409: (FailedError, "Somebody else may be pushing the same; run the command again."),
    412: (FailedError, "The registry holds something else by now; run the command again."),
    413: (FailedError, _BODIES),
}
