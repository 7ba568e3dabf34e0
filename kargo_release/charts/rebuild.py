"""Makes index.yaml anew of the archives in the backup: `rebuild-index`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from kargo_release.bucket.store import LostRaceError, ObjectStore
from kargo_release.charts import index, index_store, rebuilding
from kargo_release.charts.archived import Shelf
from kargo_release.charts.index import Index
from kargo_release.charts.project import Project
from kargo_release.charts.rebuilding import Rebuilt
from kargo_release.errors import InvalidError, UsageError


@dataclass(frozen=True)
class Rebuild:
    """What ``rebuild-index`` did.

    Args:
        reference: How a person names the index.
        rebuilt: The new index, and how it differs.
        is_changed: Whether it had to be written; in a dry run it was not.
        unreadable: Why the index before could not be read; empty when it could.
        copy: Where what could not be read is kept; empty when nothing is.
    """

    reference: str
    rebuilt: Rebuilt
    is_changed: bool
    unreadable: str
    copy: str


@dataclass(frozen=True)
class _Before:
    index: Index
    etag: str | None
    data: bytes = b""
    error: InvalidError | None = None


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
    return index_store.until_won(lambda: attempt(store, shelf, dry_run=dry_run), place)


def attempt(store: ObjectStore, shelf: Shelf, *, dry_run: bool) -> Rebuild:
    """Make the index anew, once.

    Args:
        store: The backup.
        shelf: What reads its archives.
        dry_run: Write nothing.

    Raises:
        LostRaceError: Somebody else wrote the index meanwhile; nothing was written.
        KargoError: As ``rebuild_index``.
    """
    # In this order: what a release puts into the index was stored before, so it is listed.
    before = _before(store)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rebuilt = rebuilding.rebuild(before.index, shelf.archives(), now)
    is_changed = rebuilt.index is not before.index or before.error is not None
    copy = _copy_key(before.data) if before.error else ""
    if is_changed and not dry_run:
        if copy:
            _keep(store, copy, before.data)
        index_store.write(store, rebuilt.index, before.etag)
    return Rebuild(
        store.location(index.KEY),
        rebuilt,
        is_changed,
        before.error.message if before.error else "",
        store.location(copy) if copy else "",
    )


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
    return _Before(read, about.etag)


def _copy_key(data: bytes) -> str:
    return f"index.unreadable-{sha256(data).hexdigest()[:12]}.yaml"


def _keep(store: ObjectStore, key: str, data: bytes) -> None:
    # Lost to somebody who kept the same before: the name tells the content.
    with suppress(LostRaceError):
        store.put(key, data, if_match=None, content_type="application/octet-stream")
