"""The index in the backup: read, and changed while others write to it."""

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from kargo_release.bucket.store import LostRaceError, ObjectStore
from kargo_release.charts import index
from kargo_release.charts.index import Entry, Index
from kargo_release.errors import FailedError

CONTENT_TYPE = "application/yaml"  # RFC 9512

Result = TypeVar("Result")

# Each lost race means that somebody else has got through: so many writers at once do all.
_TRIES = 40
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds


def stored(store: ObjectStore) -> Index:
    """Return what index.yaml says; empty when there is none yet.

    Raises:
        InvalidError: It can't be read.
        FailedError, RefusedError: As the store's ``get``.
    """
    return _stored(store)[0]


def update(
    store: ObjectStore,
    entries: Sequence[Entry],
    now: str,
    anew: Callable[[], Index] = lambda: index.EMPTY,
) -> Index:
    """Put the entries into the store's index, whoever else writes to it meanwhile.

    Args:
        store: Where index.yaml is.
        entries: As for ``index.merge``.
        now: As for ``index.merge``.
        anew: Gives the index to begin with when there is none.

    Returns:
        The index as it is out now. Nothing is written when it held all of that.

    Raises:
        InvalidError: The index that is out cannot be read; it is left as it is.
        FailedError: Others wrote at every one of many tries, or the store failed.
        RefusedError: As the store's ``put``.
    """

    def merged() -> Index:
        before, etag = _stored(store)
        after = index.merge(anew() if etag is None else before, entries, now)
        if after is not before:
            write(store, index.render(after), etag)
        return after

    return until_won(merged, store.location(index.KEY))


def write(store: ObjectStore, data: bytes, etag: str | None) -> None:
    """Write the index in place of the one with this etag, or, for None, where there is none.

    Raises:
        LostRaceError: Somebody else wrote it meanwhile.
        FailedError, RefusedError: As the store's ``put``.
    """
    store.put(index.KEY, data, if_match=etag, content_type=CONTENT_TYPE)


def until_won(attempt: Callable[[], Result], place: str) -> Result:
    """Return what ``attempt`` does, made again for each race that it loses.

    Args:
        attempt: Reads what is out, and writes it conditionally.
        place: How messages name what is written.

    Raises:
        FailedError: Others wrote at every one of many tries.
    """
    for number in range(_TRIES):
        try:
            return attempt()
        except LostRaceError:
            _pause(number)
    raise FailedError(
        f"{place} was changed by others at each of {_TRIES} tries",
        "Run it again when fewer releases run.",
    )


def _stored(store: ObjectStore) -> tuple[Index, str | None]:
    found = store.get(index.KEY, index.LIMIT)
    if found is None:
        return index.EMPTY, None
    data, about = found
    return index.read(data, store.location(index.KEY)), about.etag


def _pause(attempt: int) -> None:
    longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads writers, hides nothing
