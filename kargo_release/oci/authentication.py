"""Answers a registry's challenge: basic, or a token for one repository."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from kargo_release.errors import RefusedError
from kargo_release.oci.call import Answer
from kargo_release.oci.challenges import Challenge, challenges
from kargo_release.oci.credentials import USERNAME, Login
from kargo_release.oci.image_credentials import USER
from kargo_release.oci.refusals import refusal, said_remedy, words
from kargo_release.oci.tokens import Grant, Scope, read_grant, token_request

if TYPE_CHECKING:
    from kargo_release.oci.session import Session

_OK = 200
_UNAUTHORIZED = (400, 401, 403)


class Authentication:
    """The authorizations for one registry, one for each scope; safe for many threads.

    Args:
        session: The way to the token server.
        find_login: Looks the login up; called once, at the first challenge.
    """

    def __init__(self, session: "Session", find_login: Callable[[], Login | None]) -> None:
        self._session = session
        self._find_login = find_login
        self._lock = threading.Lock()
        self._grants: dict[Scope, Grant] = {}
        self._basic = ""
        self._looked = False
        self._found: Login | None = None

    def authorization(self, scope: Scope) -> str:
        """Return what to send for ``scope``, renewed if it is about to end; may be empty.

        Empty is for a registry that has not asked for any so far.
        """
        with self._lock:
            grant = self._grants.get(scope)
            if grant is None:
                return self._basic
        if grant.ends > time.monotonic():
            return grant.authorization
        return self._granted(scope, grant.challenge).authorization

    def answer(self, scope: Scope, sent: str, refused: Answer) -> str:
        """Return what to send after the registry answered 401.

        A token that is refused is asked for anew, for it may have ended before its time; Harbor
        asks then for a password (goharbor/harbor ``src/server/middleware/v2auth/auth.go``,
        getChallenge), and others for nothing.

        Args:
            scope: What is to be done.
            sent: The authorization that was refused; may be empty.
            refused: The registry's answer.

        Raises:
            RefusedError: There is no login, or it is not accepted.
        """
        for challenge in challenges(refused.headers.get("WWW-Authenticate", "")):
            if challenge.scheme == "bearer":
                return self._granted(scope, challenge).authorization
            if challenge.scheme == "basic" and not sent:
                return self._password(refused)
        with self._lock:
            grant = self._grants.get(scope)
        if grant is None:
            raise self.rejected(refused)
        return self._granted(scope, grant.challenge).authorization

    def used(self) -> tuple[str, str]:
        """Return how we told who we are so far, and where the login came from.

        That is ``anonymous``, ``basic`` or ``token``, and `Login.source`; the latter is empty
        where no login was asked for, or there is none.
        """
        with self._lock:
            how = "basic" if self._basic else "token" if self._grants else "anonymous"
            found = self._found
        return how, found.source if found else ""

    def _login(self) -> Login | None:
        with self._lock:
            if not self._looked:
                self._found, self._looked = self._find_login(), True
            return self._found

    def _password(self, refused: Answer) -> str:
        login = self._login()
        if login is None or not login.username:
            raise self.rejected(refused)
        with self._lock:
            self._basic = login.basic()
        return self._basic

    def _granted(self, scope: Scope, challenge: Challenge) -> Grant:
        asked = time.monotonic()
        call = token_request(self._session, scope, challenge, self._login())
        answer = self._session.attempt(call)
        if answer.status_code in _UNAUTHORIZED:
            raise self.rejected(answer)
        if answer.status_code != _OK:
            what = f"the request for a token to {scope.deed()}"
            raise refusal(self._session.host, answer, what, self._session.log_in)
        grant = read_grant(challenge, answer, asked)
        with self._lock:
            self._grants[scope] = grant
        return grant

    def rejected(self, refused: Answer) -> RefusedError:
        """Return the error for who does not accept our login, or asks for one that we lack."""
        host, login = self._session.host, self._login()
        who = "the login" if login else "a request without a login"
        return RefusedError(
            f"registry {host} did not accept {who} ({refused.status_code}){words(refused)}",
            said_remedy(refused) or self._other_login(login),
        )

    def _other_login(self, login: Login | None) -> str:
        """Return what to do about a login that is missing, or not accepted."""
        log_in = self._session.log_in
        if login is None:
            return f"Log in: {log_in}{self._session.or_else}"
        if login.source.startswith((USERNAME, USER)):  # which would hide any other
            return f"Correct {login.source}; without them, what `{log_in}` writes is used."
        return f"Log in: {log_in}; this one comes from {login.source}"

    def forbidden(self, scope: Scope, refused: Answer) -> RefusedError:
        """Return the error for a registry that answers 401 to what it has itself let us have."""
        with self._lock:
            granted = scope in self._grants
        login = self._login()
        if not granted or login is None:
            return self.rejected(refused)
        host, status = self._session.host, refused.status_code
        return RefusedError(
            f"registry {host} does not let the login {scope.deed()} ({status}){words(refused)}",
            said_remedy(refused)
            or f"Give the login the right to {scope.deed()} (for a robot of Harbor: Push "
            f"Repository), or log in as another; this one comes from {login.source}",
        )
