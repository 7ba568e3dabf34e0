"""The backup as a destination: archives beside an index.yaml, itself a Helm repository."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import md5, sha256
from itertools import islice

from kargo_release.bucket.store import LostRaceError, ObjectStore, Stored
from kargo_release.charts import index, index_store
from kargo_release.charts.archive import LARGEST_ARCHIVE
from kargo_release.charts.archived import Shelf
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.destinations.archives import compare
from kargo_release.charts.index import Entry, Index
from kargo_release.charts.index_of_archives import index_of
from kargo_release.errors import FailedError, KargoError, RefusedError
from kargo_release.plan import Answer, Found, Row, State, each, look_up

_CONTENT_TYPE = "application/gzip"
_METADATA = "content-digest"
# Releases from which on one list, of at most so many objects, is quicker than asking for each.
_WORTH_LISTING, _LISTED = 10, 1000


class BackupDestination:
    """An object store with the archives and their index.

    Args:
        store: S3, or a folder.
        jobs: How many requests run at once.
        now: The time of this run, RFC 3339 in UTC.
    """

    name = "backup"

    def __init__(self, store: ObjectStore, jobs: int, now: str) -> None:
        self._store = store
        self._jobs = jobs
        self._now = now

    def find(self, desired: Sequence[ChartRelease]) -> Sequence[Answer]:
        """Return what the backup holds of each release: one request, and one for each release.

        Of many releases, those that one list shows to be out are not asked for.

        A development version is asked for only where the index has one: an archive that is not in
        the index is met when it is to be written.
        """
        listed = self.listed()
        etags = self._etags() if len(desired) >= _WORTH_LISTING else {}
        return look_up(lambda release: self._find(release, listed, etags), desired, self._jobs)

    def _etags(self) -> Mapping[str, str | None]:
        """Return the etags of the first archives; none where listing is not allowed."""
        try:
            return {each.key: each.etag for each in islice(self._store.list(), _LISTED)}
        except KargoError:
            return {}

    def listed(self) -> Index:
        """Return what index.yaml says; empty when there is none yet.

        Raises:
            InvalidError: It can't be read.
        """
        return index_store.stored(self._store)

    def publish(
        self, rows: Sequence[Row[ChartRelease]], done: Callable[[Row[ChartRelease], Answer], None]
    ) -> Sequence[Answer]:
        """Put each archive, then all that were put into the index, in one change of it."""
        self.check_writable()
        answers = self._indexed(rows, each(self._put, rows, self._jobs))
        for row, answer in zip(rows, answers, strict=True):
            done(row, answer)
        return answers

    def _indexed(
        self, rows: Sequence[Row[ChartRelease]], answers: Sequence[Answer]
    ) -> Sequence[Answer]:
        """Put what was stored into the index; return the answers, all failed if that fails."""
        entries = [
            Entry(row.desired.metadata.helm, answer.sha256, row.desired.created)
            for row, answer in zip(rows, answers, strict=True)
            if isinstance(answer, Found)
        ]
        try:
            index_store.update(self._store, entries, self._now, lambda: self._anew(rows))
        except KargoError as error:
            return [error if isinstance(answer, Found) else answer for answer in answers]
        return answers

    def _anew(self, rows: Sequence[Row[ChartRelease]]) -> Index:
        """Return the index of the archives that are there beside those of the rows.

        An index that was lost must not come back with this run's charts alone.
        """
        ours = {row.desired.archive.file_name for row in rows}
        others = Shelf(self._store, self._jobs).archives(but=ours)
        return index_of(others, index.EMPTY, self._now).index

    def check_writable(self) -> None:
        """Make sure that two who release at once can't overwrite each other's index.

        Raises:
            RefusedError: They can, and no single writer was promised.
        """
        self._store.check_writable()

    def fetch(self, release: ChartRelease) -> bytes:
        """Return the archive that is out."""
        return self._get(release)[0]

    def _get(self, release: ChartRelease) -> tuple[bytes, Stored]:
        stored = self._store.get(release.archive.file_name, LARGEST_ARCHIVE)
        if stored is None:
            raise FailedError(f"{self._place(release)} is gone", "Run it again.")
        return stored

    def _place(self, release: ChartRelease) -> str:
        return self._store.location(release.archive.file_name)

    def _find(self, release: ChartRelease, listed: Index, etags: Mapping[str, str | None]) -> Found:
        key, place = release.archive.file_name, self._place(release)
        entry = listed.entry(release.name, release.version) or {}
        ours = release.archive.sha256
        # Of two who replace a development version at once, one's archive may be out beside the
        # other's entry: the index alone proves nothing.
        if entry.get("digest") == ours and (_is_listed(release, etags) or self._is_stored(release)):
            return Found(State.SAME, place, sha256=ours)
        if release.is_dev and not entry:
            return Found(State.ABSENT, place)
        stored = self._store.get(key, LARGEST_ARCHIVE)
        if stored is None:
            return Found(State.ABSENT, place)
        data, about = stored
        digest = sha256(data).hexdigest()
        state = self._compare(release, data, about)
        if state is State.SAME and entry.get("digest") != digest:
            return Found(State.PARTIAL, place, sha256=digest, note="not yet in index.yaml")
        return Found(state, place, sha256=digest, mark=about.etag)

    def _is_stored(self, release: ChartRelease) -> bool:
        """Whether the archive's own metadata says that it is ours; a folder keeps none."""
        stored = self._store.head(release.archive.file_name)
        return stored is not None and self._declares(release, stored)

    def _declares(self, release: ChartRelease, stored: Stored) -> bool:
        return stored.metadata.get(_METADATA) == release.archive.content_digest

    def _compare(self, release: ChartRelease, data: bytes, about: Stored) -> State:
        if self._declares(release, about) or sha256(data).hexdigest() == release.archive.sha256:
            return State.SAME
        return compare(release, data, self._place(release))

    def _put(self, row: Row[ChartRelease]) -> Found:
        release, found = row.desired, row.found[self.name]
        sha256_out = found.sha256
        if found.state is not State.PARTIAL:
            sha256_out = self._store_archive(release, found.mark or None)
        return Found(State.SAME, self._place(release), sha256=sha256_out)

    def _store_archive(self, release: ChartRelease, etag: str | None) -> str:
        """Store the archive and return the sha256 of what is then out."""
        try:
            self._store.put(
                release.archive.file_name,
                release.archive.tgz,
                if_match=etag,
                content_type=_CONTENT_TYPE,
                metadata={_METADATA: release.archive.content_digest},
            )
        except LostRaceError:
            return self._settle(release, may_replace=release.is_dev and etag is None)
        return release.archive.sha256

    def _settle(self, release: ChartRelease, *, may_replace: bool) -> str:
        """Return the sha256 of what is out after all: somebody else's, if it is the same chart."""
        data, about = self._get(release)
        if compare(release, data, self._place(release)) is State.SAME:
            return sha256(data).hexdigest()
        if may_replace:
            return self._store_archive(release, about.etag)
        kind = FailedError if release.is_dev else RefusedError
        raise kind(
            f"{self._place(release)} was written by somebody else meanwhile",
            "Run it again: it compares with what is there now.",
        )


def _is_listed(release: ChartRelease, etags: Mapping[str, str | None]) -> bool:
    """Whether the etag, of most stores the MD5 of the bytes, says that the archive is ours."""
    digest = md5(release.archive.tgz, usedforsecurity=False).hexdigest()
    return etags.get(release.archive.file_name) == f'"{digest}"'
