"""What the backup asks of an object store: S3, or a folder that behaves alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from kargo_release.bucket.moments import EPOCH

Conditions = Literal["honoured", "half", "ignored", "unknown"]
"""How a store takes conditional writes; ``unknown`` ones it refuses.

``half``: it refuses to replace what has changed; whether it keeps what is there (If-None-Match)
could not be tried, for nothing was there.
"""


@dataclass(frozen=True)
class Stored:
    """What a store tells of an object without its bytes."""

    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listed:
    """An object as a list of the store shows it.

    ``size`` is in bytes. ``etag`` is the one that ``head`` tells; None where only reading the
    object would tell it. ``modified`` is when it was stored, in UTC; 1970 where nobody knows.
    """

    key: str
    size: int
    etag: str | None
    modified: datetime = field(default=EPOCH, compare=False)


@dataclass(frozen=True)
class Protection:
    """What keeps former states of objects; ``unknown`` where the store does not tell us.

    ``retention`` is what object lock does to every new object, such as ``GOVERNANCE 30 days``;
    empty when nothing is locked unasked.
    """

    versioning: Literal["enabled", "suspended", "off", "unknown"]
    object_lock: Literal["enabled", "off", "unknown"]
    retention: str = ""


@dataclass(frozen=True)
class Trial:
    """How a store takes writes, tried out.

    ``left`` names what stays of the trial, for it could not be removed; empty for nothing.
    ``server_time`` is the store's clock, in UTC; None where it tells none.
    """

    conditions: Conditions
    left: str = ""
    server_time: datetime | None = None


class LostRaceError(Exception):
    """The object changed, or came into being, since it was looked at; look again."""


class ObjectStore(Protocol):
    """Keys to bytes, with writes that can be made conditional.

    A key is one visible file name (``keys.checked_key``), so that every store can hold it.
    """

    @property
    def address(self) -> str:
        """How a person names the whole store: ``s3://bucket/prefix/`` or a path."""
        ...

    def location(self, key: str) -> str:
        """Return how a person names the object: ``s3://bucket/prefix/key`` or a path."""
        ...

    def head(self, key: str) -> Stored | None:
        """Return what is stored under ``key``, or None when nothing is."""
        ...

    def get(self, key: str, limit: int) -> tuple[bytes, Stored] | None:
        """Return the bytes (at most ``limit`` of them) and their state, or None."""
        ...

    def list(self) -> Iterator[Listed]:
        """Yield what is stored, by the name's bytes; a store that is not there yet holds nothing.

        What bears no name of a key (``keys.checked_key``) is left out: hidden things, and what
        lies in a folder further down.

        Raises:
            FailedError: The store can't be reached, or what it tells is no complete list.
            RefusedError: Access is denied, or there is no such bucket.
        """
        ...

    def protection(self) -> Protection:
        """Return what keeps former states of the objects.

        Raises:
            FailedError: The store can't be reached.
            RefusedError: The credentials are wrong, or there is no such bucket.
        """
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

    def trial(self) -> Trial:
        """Return how the store takes writes; what that makes is removed again.

        Raises:
            RefusedError: Nobody may write, or read.
            FailedError: The store can't be reached, or the disk refused.
        """
        ...

    def check_writable(self) -> None:
        """Make sure, once, that conditional writes are honoured.

        Raises:
            RefusedError: They are not, and no single writer was promised; or nobody may write.
            FailedError: The store can't be reached, or the folder can't be made or locked.
        """
        ...
