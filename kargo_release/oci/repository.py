"""One repository of a registry: authorized requests, and the manifests and blobs in it.

Protocol: OCI distribution specification 1.1, ``spec.md``.
"""

from dataclasses import replace

from kargo_release.errors import FailedError, InvalidError, KargoError
from kargo_release.oci.artifact import Blob
from kargo_release.oci.authentication import Authentication
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.hosts import origin
from kargo_release.oci.refusals import is_html, refusal
from kargo_release.oci.retry import TransientError, retry
from kargo_release.oci.session import Session
from kargo_release.oci.tokens import Scope

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_DONE = frozenset({200, 201, 202})
_CLIENT_ERRORS = range(400, 500)
# OCI distribution specification 1.1, "Error codes".
_BLOB_UNKNOWN = b"MANIFEST_BLOB_UNKNOWN"
_UNAUTHORIZED = 401
NOT_FOUND = 404


class Repository:
    """A repository for one purpose; cheap to make, made anew for each use.

    Args:
        session: The connections to the registry.
        authentication: The registry's authorizations.
        scope: The repository's path, and what is to be done with it.
    """

    def __init__(self, session: Session, authentication: Authentication, scope: Scope) -> None:
        self.session = session
        self.scope = scope
        self._authentication = authentication
        self._root = f"{session.origin}/v2/{scope.repository}"

    def request(self, call: Call) -> Answer:
        """Return the answer to a request, authorized, and sent again while that may help."""
        return retry(lambda: self.attempt(call), self.session.limits)

    def attempt(self, call: Call) -> Answer:
        """Return the answer to a request, authorized.

        Raises:
            TransientError: Another try may help.
            RefusedError: The login is missing or not accepted.
        """
        sent = self._authentication.authorization(self.scope)
        answer = self._send(call, sent)
        # Only the registry may ask who we are: another host would name a token server of its own.
        if answer.status_code != _UNAUTHORIZED or origin(answer.url) != self.session.origin:
            return answer
        sent = self._authentication.answer(self.scope, sent, answer)
        answer = self._send(call, sent)
        if answer.status_code == _UNAUTHORIZED:
            raise self._authentication.forbidden(self.scope, self._spoken(call, sent, answer))
        return answer

    def _spoken(self, call: Call, sent: str, refused: Answer) -> Answer:
        """Return the refusal with its words, which no answer to HEAD has."""
        if call.method != "HEAD":
            return refused
        spoken = self._send(replace(call, method="GET"), sent)
        return spoken if spoken.status_code == refused.status_code else refused

    def manifest(self, reference: str, method: str = "GET") -> Answer | None:
        """Return the answer to a request for a manifest, by tag or digest; None without one."""
        url = f"{self._root}/manifests/{reference}"
        answer = self.request(Call(method, url, {"Accept": _MANIFESTS}))
        if answer.status_code == NOT_FOUND:
            return None
        if method == "HEAD" and answer.status_code not in _DONE:
            return self.manifest(reference)  # which has words for it
        return self._own(self.done(answer))

    def put(self, manifest: Blob, tag: str) -> str:
        """Store the very bytes of a manifest; return the digest that the registry tells, or "".

        Raises:
            TransientError: The registry does not see a blob, as some do for a moment while two
                store the same one.
        """
        url = f"{self._root}/manifests/{tag}"
        headers = {"Content-Type": manifest.media_type}
        answer = self.request(Call("PUT", url, headers, manifest))
        if answer.status_code in _CLIENT_ERRORS and _BLOB_UNKNOWN in answer.content:
            raise TransientError(self.refusal(answer), self.session.limits.broken)
        return self._own(self.done(answer)).headers.get("Docker-Content-Digest", "")

    def blob(self, digest: str, limit: int) -> bytes:
        """Return the bytes that come for a blob, at most ``limit`` of them."""
        answer = self.request(Call("GET", f"{self._root}/blobs/{digest}", limit=limit))
        if answer.status_code == NOT_FOUND:
            raise InvalidError(
                f"registry {self.session.host} does not hold the blob {digest} of "
                f"{self.scope.repository}, though a manifest names it",
                "Push the artifact again.",
            )
        return self.done(answer).content

    def done(self, answer: Answer) -> Answer:
        """Return the answer if it tells of success.

        Raises:
            KargoError: It does not; in the registry's own words.
        """
        if answer.status_code in _DONE:
            return answer
        raise self.refusal(answer)

    def _own(self, answer: Answer) -> Answer:
        """Return the answer if it is the registry's own: a portal answers 200 with its page."""
        if not is_html(answer):
            return answer
        raise FailedError(
            f"registry {self.session.host} answered with a page for people to {self.scope.deed()}",
            "Check its address and what lies before it: a proxy may want a login. Run it again.",
        )

    def refusal(self, answer: Answer) -> KargoError:
        """Return the error for an answer that is no success."""
        return refusal(self.session.host, answer, self.scope.deed(), self.session.log_in)

    def _send(self, call: Call, authorization: str) -> Answer:
        return self.session.attempt(call.authorized(authorization, self.session.origin))
