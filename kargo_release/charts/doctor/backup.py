"""The backup: whether it can be read and written, keeps two releasers apart, and keeps history."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from kargo_release.bucket.folder import FolderStore
from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_errors import lacks, unconditional
from kargo_release.bucket.store import ObjectStore, Protection, Trial
from kargo_release.charts import index
from kargo_release.charts.desired import counted
from kargo_release.charts.doctor.check import (
    Check,
    Standing,
    attempt,
    failed,
    not_needed,
    ok,
    unknown,
    warning,
)
from kargo_release.charts.project import Project
from kargo_release.errors import KargoError

NAMES = (
    "backup",
    "backup list",
    "backup index",
    "backup write",
    "backup history",
    "backup clock",
)
_BACKUP, _LIST, _INDEX, _WRITE, _HISTORY, _CLOCK = NAMES
_LOOKED_AT = 1000  # objects
_SKEW = 300  # seconds; S3 refuses requests at 900 (RequestTimeTooSkewed)


def look(project: Project) -> Sequence[Check]:
    """Return how the backup stands.

    Raises:
        UsageError: Its address or its endpoint is wrong.
        RefusedError: The credentials are wrong, or there is no such bucket.
        FailedError: It can't be reached.
    """
    store = project.object_store()
    if store is None:
        return _none()
    protection = store.protection()
    return [
        ok(_BACKUP, f"{_place(project, store)} answers{_login(store)}"),
        attempt(_LIST, lambda: _list(store)),
        attempt(_INDEX, lambda: _index(store)),
        *_written(store, protection, is_single=project.settings.s3.single_writer),
    ]


def _place(project: Project, store: ObjectStore) -> str:
    """Return where the backup is, and for a remote of rclone's what it stands for."""
    called = str(project.settings.backup)
    return f"{called}, which is {store.address}," if called.startswith("rclone:") else store.address


def _login(store: ObjectStore) -> str:
    return f"; keys from {store.source_of_keys()}" if isinstance(store, S3Store) else ""


def _none() -> list[Check]:
    told = "no backup is set: what the registry loses is lost"
    first = warning(_BACKUP, told, "Set backup: s3://BUCKET/PREFIX, or a folder.")
    return [first, *(not_needed(name, "no backup is set") for name in NAMES[1:])]


def _list(store: ObjectStore) -> Check:
    found = len(list(islice(store.list(), 1)))
    return ok(_LIST, "it can be listed" if found else "it can be listed, and is empty")


def _index(store: ObjectStore) -> Check:
    stored = store.get(index.KEY, index.LIMIT)
    if stored is None:
        return _lost(store)
    entries = index.read(stored[0], store.location(index.KEY)).entries
    count = sum(map(len, entries.values()))
    return ok(_INDEX, f"{index.KEY} can be read: {count} versions of {counted(len(entries))}")


def _lost(store: ObjectStore) -> Check:
    keys: list[str] = []
    with suppress(KargoError):  # which another check tells
        keys = [each.key for each in islice(store.list(), _LOOKED_AT)]
    archives = [key for key in keys if key.endswith(".tgz")]
    if not archives:
        return ok(_INDEX, f"there is no {index.KEY} yet: the first release makes it")
    told = f"there is no {index.KEY}, though there are archives such as {archives[0]}"
    return warning(_INDEX, told, "Make it of them: rebuild-index. Else the next release does.")


def _written(store: ObjectStore, protection: Protection, *, is_single: bool) -> list[Check]:
    """Return what only a trial tells: whether writes are taken, and the server's time."""
    history = _history(store, protection)
    try:
        trial = store.trial()
    except KargoError as error:
        return [failed(_WRITE, error), history, unknown(_CLOCK, f"not asked: see {_WRITE}")]
    write = attempt(_WRITE, lambda: _writing(store, trial, is_single=is_single))
    return [_with_what_stays(write, trial.left), history, _clock(store, trial.server_time)]


def _writing(store: ObjectStore, trial: Trial, *, is_single: bool) -> Check:
    lack = lacks(store.address, trial.conditions)
    if not lack:
        return _honoured(store, trial, is_single=is_single)
    if is_single:
        return warning(
            _WRITE,
            f"{lack}, and s3.single_writer promises that one release runs at a time",
            "Let CI keep that promise: one release at a time.",
        )
    raise unconditional(store.address, trial.conditions)


def _honoured(store: ObjectStore, trial: Trial, *, is_single: bool) -> Check:
    if isinstance(store, FolderStore):
        return ok(_WRITE, "the folder can be written to; a lock keeps two releases apart")
    if is_single:
        return warning(
            _WRITE,
            "the store honours conditional writes, which s3.single_writer does without",
            "Take out `s3.single_writer`: two releases at once are then kept apart.",
        )
    told = "it takes writes, and refuses one whose condition does not hold"
    if trial.conditions == "half":
        told += "; the first release tries the other condition"
    return ok(_WRITE, told)


def _with_what_stays(check: Check, left: str) -> Check:
    if not left:
        return check
    told = f"{check.message}; {left} stays, for it could not be removed"
    state = Standing.WARNING if check.state is Standing.OK else check.state
    return replace(
        check, state=state, message=told, remedy=f"{check.remedy} Remove {left}.".strip()
    )


def _history(store: ObjectStore, protection: Protection) -> Check:
    if isinstance(store, FolderStore):
        return not_needed(_HISTORY, "a folder keeps no former states")
    if protection.versioning == "unknown":
        return unknown(_HISTORY, "the store does not tell whether it keeps former states")
    locked = f"; object lock holds new objects: {protection.retention}"
    kept = f"versioning is {protection.versioning}{locked if protection.retention else ''}"
    if protection.versioning == "enabled":
        return ok(_HISTORY, f"{kept}: former states of {index.KEY} are kept")
    return ok(_HISTORY, f"{kept}: what is overwritten or deleted by hand is gone")


def _clock(store: ObjectStore, server_time: datetime | None) -> Check:
    if isinstance(store, FolderStore):
        return not_needed(_CLOCK, "a folder has no clock of its own")
    if server_time is None:
        return unknown(_CLOCK, "the store does not tell its time")
    seconds = (datetime.now(UTC) - server_time).total_seconds()
    if abs(seconds) <= _SKEW:
        return ok(_CLOCK, f"this machine's clock and the store's differ by {abs(seconds):.0f} s")
    how = "ahead of" if seconds > 0 else "behind"
    return warning(
        _CLOCK,
        f"this machine's clock is {abs(seconds):.0f} s {how} the store's; S3 refuses from 900 s on",
        "Set the clock.",
    )
