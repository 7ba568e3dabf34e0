"""Makes index.yaml anew of the archives in the backup: `rebuild-index`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256

from kargo_release.bucket.store import LostRaceError, ObjectStore
from kargo_release.charts import index, index_store
from kargo_release.charts.archived import Shelf
from kargo_release.charts.index import Index
from kargo_release.charts.index_of_archives import IndexOfArchives, index_of
from kargo_release.charts.project import Project
from kargo_release.errors import InvalidError, UsageError


@dataclass(frozen=True)
class Rebuild:
    """What ``rebuild-index`` did.

    Args:
        reference: How a person names the index.
        made: The new index, and how it differs.
        is_changed: Whether it had to be written; in a dry run it was not.
        unreadable: Why the index before could not be read; empty when it could.
        copy: Where what could not be read is kept; empty when nothing is.
    """

    reference: str
    made: IndexOfArchives
    is_changed: bool
    unreadable: str
    copy: str


@dataclass(frozen=True)
class _Before:
    index: Index
    etag: str | None
    data: bytes = field(default=b"", repr=False)
    error: InvalidError | None = None

    @cached_property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()

    @property
    def copy(self) -> str:
        return f"index.unreadable-{self.sha256[:12]}.yaml"


def rebuild_index(project: Project, waits: Callable[[str], None], *, dry_run: bool) -> Rebuild:
    """Make the index say what the archives in the backup say, whoever else releases meanwhile.

    Archives that are no charts are left out. An index that can't be read is kept under another
    name.

    Args:
        project: Whose backup it is.
        waits: Told what may take a while.
        dry_run: Write nothing.

    Raises:
        UsageError: There is no backup.
        FailedError: The backup can't be reached, or others wrote the index at each of many tries.
        RefusedError: Access is denied, or the store takes no conditional writes.
        InvalidError: The index would grow too large.
    """
    store = project.object_store()
    if store is None:
        raise UsageError(
            "there is no backup whose index could be made",
            "Set `backup` in kargo-release.yaml: s3://BUCKET/PREFIX, or a folder.",
        )
    if not dry_run:
        project.prepare()
        store.check_writable()
    shelf = Shelf(store, project.settings.jobs)
    waits(f"reading the archives in {store.address}")
    place = store.location(index.KEY)
    rebuilding = Rebuilding(store, shelf, dry_run=dry_run)
    return index_store.until_won(rebuilding.attempt, place)


class Rebuilding:
    """The tries to write a new index, each of which begins with what is out then.

    Args:
        store: The backup.
        shelf: What reads its archives.
        dry_run: Write nothing.
    """

    def __init__(self, store: ObjectStore, shelf: Shelf, *, dry_run: bool) -> None:
        self._store, self._shelf, self._dry_run = store, shelf, dry_run
        self._sent: dict[str, Rebuild] = {}

    def attempt(self) -> Rebuild:
        """Make the index anew, once.

        Raises:
            LostRaceError: Somebody else wrote the index meanwhile, or our write was carried out
                and its answer was lost; the next try tells which.
            KargoError: As ``rebuild_index``.
        """
        # In this order: what a release puts into the index was stored before, so it is listed.
        before = _before(self._store)
        if sent := self._sent.get(before.sha256):
            return sent
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        done = self._rebuild(before, index_of(self._shelf.archives(), before.index, now))
        if done.is_changed and not self._dry_run:
            self._write(before, done)
        return done

    def _rebuild(self, before: _Before, made: IndexOfArchives) -> Rebuild:
        place = self._store.location
        return Rebuild(
            place(index.KEY),
            made,
            made.index is not before.index or before.error is not None,
            before.error.message if before.error else "",
            place(before.copy) if before.error else "",
        )

    def _write(self, before: _Before, done: Rebuild) -> None:
        if before.error:
            _keep(self._store, before.copy, before.data)
        data = index.render(done.made.index)
        self._sent[sha256(data).hexdigest()] = done
        index_store.write(self._store, data, before.etag)


def _before(store: ObjectStore) -> _Before:
    found = store.get(index.KEY, index.LIMIT)
    if found is None:
        return _Before(index.EMPTY, None)
    data, about = found
    try:
        read = index.read(data, store.location(index.KEY))
        _ = read.entries  # all of it, for parts of it are else read only when they are asked for
    except InvalidError as error:
        return _Before(index.EMPTY, about.etag, data, error)
    return _Before(read, about.etag, data)


def _keep(store: ObjectStore, key: str, data: bytes) -> None:
    # Lost to somebody who kept the same before: the name tells the content.
    with suppress(LostRaceError):
        store.put(key, data, if_match=None, content_type="application/octet-stream")
