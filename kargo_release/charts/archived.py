"""The archives in a backup, each read for what an index says of it."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kargo_release import plan
from kargo_release.bucket.store import Listed, ObjectStore
from kargo_release.charts import metadata
from kargo_release.charts.archive import LARGEST_ARCHIVE, ChartArchive
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import InvalidError, KargoError

_SUFFIX = ".tgz"
_LARGE = 8 << 20  # bytes; charts have some thousands
_Mark = tuple[object, ...]


@dataclass(frozen=True)
class Archived:
    """An archive that a backup holds.

    Args:
        key: Its name in the backup.
        place: How a person names it: ``s3://bucket/prefix/key`` or a path.
        digest: The SHA-256 of its bytes, in hexadecimal.
        stored: When it was stored, RFC 3339 in UTC.
        metadata: What its Chart.yaml says, as Helm's index has it; None when ``error`` is set.
        error: Why it is no chart that can be listed.
    """

    key: str
    place: str
    digest: str
    stored: str
    metadata: Mapping[str, Any] | None
    error: InvalidError | None = None

    @property
    def file_name(self) -> str:
        """The name that Helm and a release look for."""
        about = self.metadata or {}
        return f"{about.get('name')}-{about.get('version')}{_SUFFIX}"


class Shelf:
    """Reads the archives of a backup, each once for as long as the list shows it unchanged.

    Args:
        store: The backup.
        jobs: How many are read at once.
    """

    def __init__(self, store: ObjectStore, jobs: int) -> None:
        self._store = store
        self._jobs = jobs
        self._read: dict[_Mark, Archived] = {}
        self._unpacking = threading.Lock()

    def archives(self, *, but: Collection[str] = ()) -> list[Archived]:
        """Return what the backup holds now, in the order of the names.

        Args:
            but: Names that are passed over.

        Raises:
            FailedError: The store can't be reached, or breaks off.
            RefusedError: Access is denied.
        """
        found = (each for each in self._store.list() if _is_archive(each) and each.key not in but)
        listed = {_mark(each): each for each in found}
        fresh = [each for mark, each in listed.items() if mark not in self._read]
        # A large one is read while no other is: several at once would take all the memory.
        for large, jobs in ((False, self._jobs), (True, 1)):
            self._look_at([each for each in fresh if (each.size > _LARGE) is large], jobs)
        return [self._read[mark] for mark in listed if mark in self._read]

    def _look_at(self, fresh: Sequence[Listed], jobs: int) -> None:
        for listed, answer in zip(fresh, plan.each(self._archived, fresh, jobs), strict=True):
            if isinstance(answer, KargoError):
                raise answer
            if answer is not None:
                self._read[_mark(listed)] = answer

    def _archived(self, listed: Listed) -> Archived | None:
        stored = listed.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
        place = self._store.location(listed.key)
        try:
            found = self._store.get(listed.key, LARGEST_ARCHIVE)
        except InvalidError as error:
            return Archived(listed.key, place, "", stored, None, error)
        if found is None:  # it went meanwhile
            return None
        digest = sha256(found[0]).hexdigest()
        try:
            with self._unpacking:  # a small one may unpack to as much as a large one
                about = _metadata(found[0], place)
            return Archived(listed.key, place, digest, stored, about)
        except InvalidError as error:
            return Archived(listed.key, place, digest, stored, None, error)


def _is_archive(listed: Listed) -> bool:
    return listed.key.endswith(_SUFFIX)


def _mark(listed: Listed) -> _Mark:
    return listed.key, listed.size, listed.etag, listed.modified


def _metadata(tgz: bytes, place: str) -> Mapping[str, Any]:
    archive = ChartArchive.read(tgz, place)
    [data] = (file.data for file in archive.files if file.path == CHART_FILE)
    return metadata.read_packed(data, f"{place}: {CHART_FILE}").helm
