"""Uploads and lists of tags by oras, with what oras gets wrong put right."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlencode

import oras.container
import oras.provider

from kargo_release.errors import InvalidError, RefusedError
from kargo_release.oci.artifact import Blob, Content
from kargo_release.oci.call import Answer, Call
from kargo_release.oci.hosts import origin, resolve
from kargo_release.oci.repository import NOT_FOUND, Repository
from kargo_release.oci.retry import retry

_MOST_PAGES = 1000
_LONGEST_LIST = 32 << 20  # bytes of all pages together
# Bytes: what is smaller takes less time to send again than to ask for.
_WORTH_ASKING = 64 << 10


class OrasClient(oras.provider.Registry):  # type: ignore[misc]  # oras has no type hints
    """One repository through oras; cheap to make, made anew for each use.

    oras gives the addresses, the test for a blob, the way of an upload and the list of tags. Its
    requests, retries and authentication are replaced, for it has no time limits, retries every
    exception for minutes, reads bodies whole, and shares one token among repositories.

    Args:
        repository: The repository, by which all requests go.
    """

    def __init__(self, repository: Repository) -> None:
        scheme, _, netloc = repository.session.origin.partition("://")
        super().__init__(hostname=netloc, insecure=scheme == "http")
        self._repository = repository
        self._container = oras.container.Container(f"{netloc}/{repository.scope.repository}")

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: Blob | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Answer:
        """Send a request, authorized, and again while that may help; oras sends all by this."""
        return self._repository.request(Call(method, url, headers or {}, data))

    def upload(self, blob: Content, *, may_be_there: bool) -> None:
        """Store a blob, unless it is there.

        Of a small one that is only asked where it may well be, and before another try: some
        registries lose sight of a blob for a moment while it is stored again.

        A body that did not arrive is sent again to a new upload, for the old one is in doubt.
        """
        asks = chain([may_be_there or blob.size >= _WORTH_ASKING], repeat(True))
        limits = self._repository.session.limits
        retry(lambda: self._upload_once(blob, is_asked=next(asks)), limits)

    def try_upload(self) -> None:
        """Begin an upload and cancel it.

        A registry that cannot cancel removes what is unfinished after some days by itself.
        """
        location = self._begin()
        with suppress(RefusedError):  # to cancel may need a right of its own: to delete
            self.do_request(location, "DELETE")

    def tags(self) -> list[str]:
        """Return all tags; empty when there is no such repository."""
        found: list[str] = self.get_tags(self._container)
        return found

    def _upload_once(self, blob: Content, *, is_asked: bool) -> None:
        if is_asked and self.blob_exists({"digest": blob.digest}, self._container):
            return
        location = self._begin()
        url = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': blob.digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        self._repository.done(self._repository.attempt(Call("PUT", url, headers, blob)))

    def _begin(self) -> str:
        """Begin an upload and return where it goes on."""
        begun = self.do_request(f"{self.prefix}://{self._container.upload_blob_url()}", "POST")
        if location := self._repository.done(begun).headers.get("Location"):
            return resolve(begun.url, location)
        raise InvalidError(
            f"registry {self._host} does not say where to upload to",
            "Check that the address is that of a registry.",
        )

    @property
    def _host(self) -> str:
        return self._repository.session.host

    def _do_paginated_request(self, url: str, callable: Callable[[Any], Any]) -> None:  # noqa: A002 - the name that oras gives it
        for answer in self._pages(url):
            if not callable(answer):
                return

    def _pages(self, url: str) -> Iterator[Answer]:
        length, pages = 0, 0
        while length <= _LONGEST_LIST and pages < _MOST_PAGES:
            answer = self.do_request(url)
            if answer.status_code == NOT_FOUND:
                return
            self._check_page(self._repository.done(answer))
            yield answer
            following = answer.next_link()
            if not following:
                return
            url = self._on_this_registry(resolve(url, following))
            length, pages = length + len(answer.content), pages + 1
        raise InvalidError(
            f"registry {self._host} lists the tags of {self._repository.scope.repository} "
            "without end",
            "Check the registry and what lies before it.",
        )

    def _check_page(self, answer: Answer) -> None:
        try:
            tags = answer.json().get("tags") or []
            if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
                return
        except (ValueError, AttributeError, TypeError, RecursionError):
            pass
        raise InvalidError(
            f"registry {self._host} answered with something else than a list of tags",
            "Check that the address is that of a registry.",
        )

    def _on_this_registry(self, url: str) -> str:
        if origin(url) == self._repository.session.origin:
            return url
        raise InvalidError(
            f"registry {self._host} continues its list of tags on {origin(url)}",
            "Check the external address that the registry is set to.",
        )
