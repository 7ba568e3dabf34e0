"""One repository of a registry, through oras, with what oras gets wrong put right."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urljoin

import oras.container
import oras.provider

from kargo_release.errors import InvalidError
from kargo_release.oci.artifact import Blob
from kargo_release.oci.authentication import Authentication, Scope
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.faults import refusal
from kargo_release.oci.hosts import origin
from kargo_release.oci.retry import retry
from kargo_release.oci.session import Session

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DONE = frozenset({200, 201, 202})
_UNAUTHORIZED = 401
_NOT_FOUND = 404
_PAGES = 1000
_DIGEST = "Docker-Content-Digest"


class Repository(oras.provider.Registry):  # type: ignore[misc]  # oras has no type hints
    """A repository for one purpose; cheap to make, made anew for each use, not shared by threads.

    oras gives the addresses, the test for a blob, the way of an upload and the list of tags. Its
    requests, retries and authentication are replaced, for it has no time limits, retries every
    exception for minutes, reads bodies whole, and shares one token among repositories.

    Args:
        session: The connections to the registry.
        authentication: The registry's authorizations.
        scope: The repository's path, and what is to be done with it.
    """

    def __init__(self, session: Session, authentication: Authentication, scope: Scope) -> None:
        scheme, _, netloc = session.origin.partition("://")
        super().__init__(hostname=netloc, insecure=scheme == "http")
        self._http = session
        self._authentication = authentication
        self._scope = scope
        self._container = oras.container.Container(f"{netloc}/{scope.repository}")

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Answer:
        """Send a request, authorized, and again while that may help; oras sends all by this."""
        call = self._call(method, url, data, headers)
        return retry(lambda: self._authorized(call), self._http.limits)

    def manifest(self, reference: str, method: str = "GET") -> Answer | None:
        """Return the answer to a request for a manifest, by tag or digest; None without one.

        Raises:
            KargoError: Any answer but 200 and 404.
        """
        url = f"{self.prefix}://{self._container.manifest_url(reference)}"
        answer = self.do_request(url, method, headers={"Accept": ", ".join(_MANIFESTS)})
        if answer.status_code == _NOT_FOUND:
            return None
        self._check_200_response(answer)
        return answer

    def blob(self, digest: str, limit: int) -> Answer:
        """Return the answer to a request for a blob of at most ``limit`` bytes."""
        url = f"{self.prefix}://{self._container.get_blob_url(digest)}"
        call = self._call("GET", url, limit=limit)
        answer = retry(lambda: self._authorized(call), self._http.limits)
        if answer.status_code == _NOT_FOUND:
            raise InvalidError(
                f"registry {self._http.host} does not hold the blob {digest} of "
                f"{self._scope.repository}, though a manifest names it",
                "Push the artifact again.",
            )
        self._check_200_response(answer)
        return answer

    def upload(self, blob: Blob) -> None:
        """Store a blob, unless it is there.

        A body that did not arrive is sent again to a new upload, for the old one is in doubt.
        """
        retry(lambda: self._upload_once(blob), self._http.limits)

    def put(self, manifest: Blob, tag: str) -> str:
        """Store the very bytes of a manifest; return the digest that the registry tells, or ""."""
        url = f"{self.prefix}://{self._container.manifest_url(tag)}"
        headers = {"Content-Type": manifest.media_type}
        answer = self.do_request(url, "PUT", data=manifest.data, headers=headers)
        self._check_200_response(answer)
        return answer.headers.get(_DIGEST, "")

    def tags(self) -> list[str]:
        """Return all tags; empty when there is no such repository."""
        found: list[str] = self.get_tags(self._container)
        return found

    def _call(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = 4 << 20,
    ) -> Call:
        return Call(method, url, headers or {}, data, audience=self._http.origin, limit=limit)

    def _authorized(self, call: Call) -> Answer:
        sent = self._authentication.authorization(self._scope)
        answer = self._http.attempt(call.authorized(sent))
        # Only the registry may ask who we are: another host would name a token server of its own.
        if answer.status_code != _UNAUTHORIZED or origin(answer.url) != self._http.origin:
            return answer
        sent = self._authentication.answer(self._scope, sent, answer)
        answer = self._http.attempt(call.authorized(sent))
        if answer.status_code == _UNAUTHORIZED:
            raise self._authentication.rejected(answer)
        return answer

    def _upload_once(self, blob: Blob) -> None:
        if self.blob_exists({"digest": blob.digest}, self._container):
            return
        begun = self.do_request(f"{self.prefix}://{self._container.upload_blob_url()}", "POST")
        self._check_200_response(begun)
        location = self._get_location(begun, self._container)
        if not location:
            raise InvalidError(
                f"registry {self._http.host} does not say where to upload to",
                "Check that the address is that of a registry.",
            )
        url = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': blob.digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        self._check_200_response(self._authorized(self._call("PUT", url, blob.data, headers)))

    def _check_200_response(self, response: Answer) -> None:
        if response.status_code not in _DONE:
            raise self._refusal(response)

    def _refusal(self, answer: Answer) -> Exception:
        return refusal(self._http.host, answer, self._scope.deed())

    def _do_paginated_request(self, url: str, callable: Callable[[Any], Any]) -> None:  # noqa: A002 - the name that oras gives it
        for _ in range(_PAGES):
            answer = self.do_request(url)
            if answer.status_code == _NOT_FOUND:
                return
            self._check_200_response(answer)
            self._check_page(answer)
            following = answer.next_link()
            if not callable(answer) or not following:
                return
            url = self._on_this_registry(urljoin(url, following))
        raise InvalidError(
            f"registry {self._http.host} lists tags of {self._scope.repository} without end"
        )

    def _check_page(self, answer: Answer) -> None:
        try:
            tags = answer.json().get("tags") or []
            if all(isinstance(tag, str) for tag in tags) and isinstance(tags, list):
                return
        except (ValueError, AttributeError, TypeError, RecursionError):
            pass
        raise InvalidError(
            f"{self._http.host} answered with something else than a list of tags",
            "Check that the address is that of a registry.",
        )

    def _on_this_registry(self, url: str) -> str:
        if origin(url) == self._http.origin:
            return url
        raise InvalidError(
            f"registry {self._http.host} continues its list of tags on {origin(url)}",
            "Check the external address that the registry is set to.",
        )
