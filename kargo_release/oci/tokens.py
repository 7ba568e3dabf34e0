"""Asks for a token for one repository, and reads it.

Sources: the token protocol as in distribution/distribution
``docs/content/spec/auth/token.md`` and ``oauth.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from kargo_release.errors import FailedError, InvalidError, excerpt
from kargo_release.oci.artifact import Blob
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.challenges import Challenge
from kargo_release.oci.credentials import Login
from kargo_release.oci.hosts import is_loopback, origin

if TYPE_CHECKING:
    from kargo_release.oci.session import Session

_LONGEST_TOKEN = 1 << 20
# What the protocol says of a token without expires_in.
_DEFAULT_LIFE = 60.0
# No token is kept for longer than a day, whatever number the server tells.
_LONGEST_LIFE = 86400.0
# A token is renewed this long before its end, so that it does not end under way.
_MARGIN = 10.0
_CLIENT = "kargo-release"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Scope:
    """What is to be done with one repository: ``pull``, or ``pull,push``."""

    repository: str
    actions: str

    def deed(self) -> str:
        """Return the scope in words."""
        return f"{'push to' if 'push' in self.actions else 'pull'} {self.repository}"

    def text(self) -> str:
        """Return the scope as the token protocol writes it."""
        return f"repository:{self.repository}:{self.actions}"


@dataclass(frozen=True)
class Grant:
    """What is sent for a scope, and until when, by the clock that only goes forward."""

    challenge: Challenge
    authorization: str = field(repr=False)
    ends: float


def token_request(
    session: "Session", scope: Scope, challenge: Challenge, login: Login | None
) -> Call:
    """Return the request for a token.

    Args:
        session: The connections to the registry.
        scope: What is to be done.
        challenge: What the registry asks for.
        login: Whose token it is to be; None for anybody's.

    Raises:
        InvalidError: The registry names no place that a login may be sent to.
    """
    realm = _realm(session, challenge)
    wanted = {"scope": _wanted(scope, challenge)}
    if service := challenge.parameters.get("service"):
        wanted["service"] = service
    if login and login.identity_token:
        return _post(realm, wanted, login.identity_token)
    return _get(realm, wanted, login.basic() if login else "")


def read_grant(challenge: Challenge, answer: Answer, asked: float) -> Grant:
    """Return what a token server's answer lets us send.

    Args:
        challenge: What the token answers.
        answer: The answer.
        asked: When it was asked for, by the clock that only goes forward.

    Raises:
        FailedError: There is no token in it that can be sent.
    """
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unreadable(challenge)
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise _unreadable(challenge)
    seconds = _life(document.get("expires_in"))
    return Grant(challenge, f"Bearer {token}", asked + max(seconds - _MARGIN, seconds / 2))


def _realm(session: "Session", challenge: Challenge) -> str:
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
    except ValueError:
        parts = urlsplit("")
    host, ours = parts.hostname or "", urlsplit(session.origin)
    plain = parts.scheme == ours.scheme == "http" and (is_loopback(host) or host == ours.hostname)
    if host and (parts.scheme == "https" or plain):
        return realm
    raise InvalidError(
        f"registry {session.host} sends logins to {excerpt(realm)!r}, not over https",
        "Correct the registry's token realm.",
    )


def _unreadable(challenge: Challenge) -> FailedError:
    where = excerpt(challenge.parameters.get("realm", ""))
    return FailedError(f"{where} gave no token that can be read", "Check the registry's realm.")


def _life(told: object) -> float:
    """Return the seconds that a token is good for."""
    return min(told, _LONGEST_LIFE) if isinstance(told, int | float) and told > 0 else _DEFAULT_LIFE


def _get(realm: str, wanted: Mapping[str, str], basic: str) -> Call:
    url = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(wanted)}"
    return Call("GET", url, authorization=basic, audience=origin(realm), limit=_LONGEST_TOKEN)


def _post(realm: str, wanted: Mapping[str, str], identity_token: str) -> Call:
    form = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": identity_token}
    body = Blob(_FORM, urlencode({**form, **wanted}).encode())
    return Call("POST", realm, {"Content-Type": _FORM}, body, limit=_LONGEST_TOKEN)


def _wanted(scope: Scope, challenge: Challenge) -> str:
    """Return the scope as the registry names it, with all the actions that are ours."""
    kind, _, rest = challenge.parameters.get("scope", "").partition(":")
    name, _, actions = rest.rpartition(":")
    if kind != "repository" or not name or " " in rest:
        return scope.text()
    both = dict.fromkeys([*scope.actions.split(","), *actions.split(",")])
    return f"{kind}:{name}:{','.join(action for action in both if action)}"
