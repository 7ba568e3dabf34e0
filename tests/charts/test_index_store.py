import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from indexes import LATER, NOW, OpenStore, entry, new_bucket

from kargo_release.bucket.folder import FolderStore
from kargo_release.bucket.store import LostRaceError, ObjectStore, Stored
from kargo_release.charts import index
from kargo_release.charts.index import EMPTY, read
from kargo_release.charts.index_store import CONTENT_TYPE, update
from kargo_release.errors import FailedError, InvalidError


@pytest.fixture(params=["s3", "folder"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "backup")
    return new_bucket(request.getfixturevalue("s3_endpoint"))


def held(store: ObjectStore) -> tuple[bytes, Stored]:
    found = store.get(index.KEY, index.LIMIT)
    assert found is not None
    return found


def test_creates_the_index_and_adds_to_it(open_store: OpenStore) -> None:
    store = open_store()
    first = update(store, [entry("1.0.0")], NOW)
    assert read(held(store)[0]) == first
    second = update(store, [entry("1.1.0"), entry("1.0.0", name="k2")], LATER)
    assert read(held(store)[0]) == second
    assert (second.versions("kano"), second.versions("k2")) == (["1.1.0", "1.0.0"], ["1.0.0"])


def test_writes_nothing_when_nothing_changed(open_store: OpenStore) -> None:
    store = open_store()
    assert update(store, [], NOW) == EMPTY
    assert store.head(index.KEY) is None
    update(store, [entry("1.0.0")], NOW)
    before = held(store)
    assert update(store, [entry("1.0.0", created=LATER)], LATER) == read(before[0])
    assert held(store) == before


@pytest.mark.parametrize("junk", [b"", b"<html>", b"apiVersion: v1\nentries: ["])
def test_leaves_an_unreadable_index_as_it_is(open_store: OpenStore, junk: bytes) -> None:
    store = open_store()
    store.put(index.KEY, junk, if_match=None, content_type=CONTENT_TYPE)
    with pytest.raises(InvalidError) as caught:
        update(store, [entry("1.0.0")], NOW)
    assert store.location(index.KEY) in caught.value.message
    assert held(store)[0] == junk


def test_loses_nothing_of_sixteen_writers_at_once(open_store: OpenStore) -> None:
    store, start = open_store(), threading.Barrier(16)

    def release(number: int) -> None:
        start.wait()
        update(store, [entry(f"1.{number}.0"), entry("1.0.0", name=f"chart-{number}")], NOW)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(release, range(16)))
    found = read(held(store)[0])
    assert found.versions("kano") == [f"1.{number}.0" for number in range(15, -1, -1)]
    assert all(found.versions(f"chart-{number}") == ["1.0.0"] for number in range(16))


def test_gives_up_when_it_never_gets_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object, **__: object) -> None:
        raise LostRaceError(index.KEY)

    monkeypatch.setattr(FolderStore, "put", lose)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(FailedError, match="was changed by others at each of 40 tries") as caught:
        update(FolderStore(tmp_path), [entry("1.0.0")], NOW)
    assert "Run it again" in caught.value.remedy
