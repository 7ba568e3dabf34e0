"""What the backup asks of an object store: S3, or a folder that behaves alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """What a store tells of an object without its bytes."""

    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class LostRaceError(Exception):
    """The object changed, or came into being, since it was looked at; look again."""


class ObjectStore(Protocol):
    """Keys to bytes, with writes that can be made conditional.

    A key is one visible file name (``keys.checked_key``), so that every store can hold it.
    """

    def location(self, key: str) -> str:
        """Return how a person names the object: ``s3://bucket/prefix/key`` or a path."""
        ...

    def head(self, key: str) -> Stored | None:
        """Return what is stored under ``key``, or None when nothing is."""
        ...

    def get(self, key: str, limit: int) -> tuple[bytes, Stored] | None:
        """Return the bytes (at most ``limit`` of them) and their state, or None."""
        ...

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Stored:
        """Store ``data``, only if the object still bears the etag ``if_match``.

        ``if_match`` None means: only if there is no such object yet. A folder keeps neither the
        type nor the metadata: ``head`` then tells none.

        Raises:
            LostRaceError: The condition did not hold; nothing was written.
        """
        ...

    def check_writable(self) -> None:
        """Make sure, once, that conditional writes are honoured.

        Raises:
            RefusedError: They are not, and no single writer was promised; or nobody may write.
            FailedError: The store can't be reached, or the folder can't be made or locked.
        """
        ...
