"""rebuild-index: the index made anew of the archives, while others release."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import real_helm
from indexes import NOW, OpenStore, new_bucket
from sandbox import Ended, Sandbox
from servers_s3 import rclone

from kargo_release.bucket.folder import FolderStore
from kargo_release.bucket.store import LostRaceError, ObjectStore
from kargo_release.charts import archive, index, index_store, metadata
from kargo_release.charts.archive import ChartArchive, PackedFile
from kargo_release.charts.archived import Shelf
from kargo_release.charts.index import Entry
from kargo_release.charts.rebuild_index import Rebuilding


@pytest.fixture(params=["s3", "folder"])
def backed(request: pytest.FixtureRequest, local: Sandbox) -> Sandbox:
    """Return a repository whose two charts are out, in a bucket or a folder."""
    local.write_chart("k2", "2.0.0")
    local.commit("Add k2")
    if request.param == "s3":
        local.use_bucket(request.getfixturevalue("s3_endpoint"))
    assert local.run("release-chart", "kano", "k2").exit_code == 0
    return local


@pytest.fixture
def local_backed(local: Sandbox) -> Path:
    """Return the backup's folder of a repository whose chart is out."""
    assert local.run("release-chart", "kano").exit_code == 0
    return local.path / ".kargo/backup"


class Backup:
    """The objects of a sandbox's backup, wherever it is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._folder = sandbox.path / ".kargo/backup"

    def get(self, key: str) -> bytes:
        if not self._sandbox.bucket:
            return (self._folder / key).read_bytes()
        body = self._sandbox.s3().get_object(Bucket=self._sandbox.bucket, Key=f"helm/{key}")
        data: bytes = body["Body"].read()
        return data

    def names(self) -> list[str]:
        if not self._sandbox.bucket:
            return sorted(path.name for path in self._folder.iterdir())
        listing = self._sandbox.s3().list_objects_v2(Bucket=self._sandbox.bucket)
        return [each["Key"] for each in listing["Contents"]]

    def put(self, key: str, data: bytes) -> None:
        if not self._sandbox.bucket:
            (self._folder / key).write_bytes(data)
        else:
            self._sandbox.s3().put_object(Bucket=self._sandbox.bucket, Key=f"helm/{key}", Body=data)

    def remove(self, key: str) -> None:
        if not self._sandbox.bucket:
            (self._folder / key).unlink()
        else:
            self._sandbox.s3().delete_object(Bucket=self._sandbox.bucket, Key=f"helm/{key}")


def differences(ended: Ended) -> list[tuple[str, str, str]]:
    return [(it["name"], it["version"], it["difference"]) for it in ended.document["charts"]]


def entries(data: bytes) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(data)["entries"]
    return found


def test_writes_nothing_when_the_index_says_all(backed: Sandbox) -> None:
    before = Backup(backed).get("index.yaml")

    told = backed.run("rebuild-index")

    assert told.exit_code == 0
    assert "nothing changed" in told.out
    assert Backup(backed).get("index.yaml") == before


def test_makes_a_lost_index_anew(backed: Sandbox) -> None:
    backup = Backup(backed)
    before = entries(backup.get("index.yaml"))
    backup.remove("index.yaml")

    ended = backed.run("rebuild-index", "--json")

    assert ended.exit_code == 0, ended.err
    assert differences(ended) == [("k2", "2.0.0", "added"), ("kano", "1.0.0", "added")]
    assert ended.document["index"]["state"] == "replaced"
    made = entries(backup.get("index.yaml"))
    for name, [version] in before.items():
        assert made[name] == [{**version, "created": made[name][0]["created"]}]
        assert made[name][0]["created"] > "2026"  # when it was stored, which nobody can say again
    assert backed.run("rebuild-index", "--json").document["index"]["state"] == "unchanged"
    assert "2 charts out already" in backed.run("release-chart", "kano", "k2").err


def test_replaces_an_index_that_cannot_be_read_and_keeps_it(backed: Sandbox) -> None:
    backup, junk = Backup(backed), b'{"apiVersion": "v1", "entr'
    backup.put("index.yaml", junk)
    refused = backed.run("release-chart", "kano", "--json")
    assert refused.exit_code == 2
    assert refused.tells("index.yaml", "rebuild-index")

    ended = backed.run("rebuild-index", "--json")

    assert ended.exit_code == 0, ended.err
    about = ended.document["index"]
    assert "index.yaml cannot be read" in about["unreadable"]
    assert differences(ended) == [("k2", "2.0.0", "added"), ("kano", "1.0.0", "added")]
    copy = about["copy"].rpartition("/")[2]
    assert copy == f"index.unreadable-{sha256(junk).hexdigest()[:12]}.yaml"
    assert backup.get(copy) == junk
    assert backed.run("release-chart", "kano", "--json").exit_code == 0


@pytest.mark.parametrize("junk", [b"", b"<html>Sign in</html>"])
def test_replaces_the_same_unreadable_index_twice(
    local: Sandbox, local_backed: Path, junk: bytes
) -> None:
    for _ in range(2):
        (local_backed / "index.yaml").write_bytes(junk)
        assert local.run("rebuild-index").exit_code == 0
    assert "kano" in entries((local_backed / "index.yaml").read_bytes())


def test_shows_in_a_dry_run_what_it_would_do(backed: Sandbox) -> None:
    backup = Backup(backed)
    backup.put("index.yaml", b"junk")
    before = backup.names()

    shown = backed.run("rebuild-index", "--dry-run")
    document = backed.run("rebuild-index", "--dry-run", "--json").document

    assert shown.exit_code == 0
    assert [line.split() for line in shown.out.splitlines()[:3]] == [
        ["CHART", "VERSION", "INDEX"],
        ["k2", "2.0.0", "added"],
        ["kano", "1.0.0", "added"],
    ]
    assert "dry run" in shown.out
    assert document["index"]["state"] == "planned"
    assert backup.get("index.yaml") == b"junk"
    assert backup.names() == before


def test_tells_what_is_no_chart_and_what_bears_a_wrong_name(backed: Sandbox) -> None:
    backup = Backup(backed)
    backup.put("junk.tgz", b"junk")
    backup.put("copy.tgz", backup.get("k2-2.0.0.tgz"))
    backup.put("moved.tgz", backup.get("kano-1.0.0.tgz"))
    backup.put("notes.txt", b"not even an archive")
    backup.remove("kano-1.0.0.tgz")

    ended = backed.run("rebuild-index", "--json")

    assert ended.exit_code == 0, ended.err
    told = {it["reference"].rpartition("/")[2]: it for it in ended.document["archives"]}
    assert {name: it["listed"] for name, it in told.items()} == {
        "copy.tgz": False,
        "junk.tgz": False,
        "moved.tgz": True,
    }
    assert "not gzip" in told["junk.tgz"]["error"]["message"]
    assert told["junk.tgz"]["error"]["message"] in ended.err
    assert differences(ended) == [("kano", "1.0.0", "changed")]
    assert entries(backup.get("index.yaml"))["kano"][0]["urls"] == ["moved.tgz"]


def test_lists_what_helm_packed_by_helms_own_rules(
    local: Sandbox, local_backed: Path, tmp_path: Path
) -> None:
    pytest.importorskip("helm_python")
    chart = tmp_path / "Odd_Name"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v1\nname: Odd_Name\nversion: v1.2\n")
    real_helm.package(chart, local_backed)

    ended = local.run("rebuild-index", "--json")

    assert differences(ended) == [("Odd_Name", "v1.2", "added")]
    assert ended.document["archives"] == []
    [listed] = entries((local_backed / "index.yaml").read_bytes())["Odd_Name"]
    assert listed["urls"] == ["Odd_Name-v1.2.tgz"]


def test_says_that_there_is_no_backup(platform: Sandbox) -> None:
    del platform.environ["KARGO_RELEASE_BACKUP"]
    ended = platform.run("rebuild-index", "--json")
    assert ended.exit_code == 2
    assert ended.tells("there is no backup", "Set `backup`")


def test_writes_no_index_for_an_empty_backup(local: Sandbox) -> None:
    ended = local.run("rebuild-index")
    assert ended.exit_code == 0, ended.err
    assert "nothing changed" in ended.out
    assert not (local.path / ".kargo/backup/index.yaml").exists()


def test_refuses_a_bucket_without_conditions(local: Sandbox, tmp_path: Path) -> None:
    with rclone(tmp_path) as endpoint:
        local.use_bucket(endpoint)
        ended = local.run("rebuild-index", "--json")
    assert ended.exit_code == 3
    assert ended.tells("ignores conditional writes", "s3.single_writer")


@pytest.fixture(params=["s3", "folder"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "backup")
    return new_bucket(request.getfixturevalue("s3_endpoint"))


def packed(name: str, version: str) -> ChartArchive:
    text = f"apiVersion: v2\nname: {name}\nversion: {version}\n"
    return archive.pack(name, version, [PackedFile("Chart.yaml", text.encode())], archive.EPOCH)


def release(store: ObjectStore, chart: ChartArchive) -> None:
    """Do what a release does to its backup, without packing and checking again."""
    about = metadata.read(chart.files[0].data, chart.name).helm
    store.put(chart.file_name, chart.tgz, if_match=None, content_type="application/gzip")
    index_store.update(store, [Entry(about, chart.sha256, NOW)], NOW)


def at_once(works: Sequence[Callable[[], object]]) -> None:
    start = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> None:
        start.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(begin, works))


def test_loses_no_version_of_eight_who_release_meanwhile(open_store: OpenStore) -> None:
    charts = [[packed("kano", f"1.{a}.{b}") for b in range(3)] for a in range(8)]

    def releaser(number: int) -> Callable[[], None]:
        def releases() -> None:
            store = open_store()
            for chart in charts[number]:
                release(store, chart)

        return releases

    def rebuilder() -> None:
        store = open_store()
        shelf = Shelf(store, 8)
        for _ in range(3):
            index_store.until_won(Rebuilding(store, shelf, dry_run=False).attempt, index.KEY)

    at_once([*map(releaser, range(8)), rebuilder, rebuilder])

    found = index_store.stored(open_store())
    every = [f"1.{a}.{b}" for a in range(7, -1, -1) for b in range(2, -1, -1)]
    assert found.versions("kano") == every
    again = Rebuilding(open_store(), Shelf(open_store(), 8), dry_run=True).attempt()
    assert again.is_changed is False


def test_reads_no_archive_twice_that_is_still_the_same(open_store: OpenStore) -> None:
    store = open_store()
    for version in ("1.0.0", "1.1.0"):
        release(store, packed("kano", version))
    shelf = Shelf(store, 2)
    before = shelf.archives()
    found = store.head("kano-1.1.0.tgz")
    assert found is not None
    store.put("kano-1.1.0.tgz", b"junk", if_match=found.etag, content_type="text/plain")

    after = shelf.archives()

    assert after[0] is before[0]
    assert after[1].error is not None


def test_gives_way_to_whoever_writes_between(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    release(store, packed("kano", "1.0.0"))
    store.put("k2-1.0.0.tgz", packed("k2", "1.0.0").tgz, if_match=None, content_type="a/b")
    shelf = Shelf(store, 2)
    archives = shelf.archives

    def outrun() -> Any:
        listed = archives()
        monkeypatch.undo()
        release(store, packed("kano", "2.0.0"))
        return listed

    monkeypatch.setattr(shelf, "archives", outrun)

    done = index_store.until_won(Rebuilding(store, shelf, dry_run=False).attempt, index.KEY)

    assert [each.name for each in done.made.changes] == ["k2"]
    found = index_store.stored(store)
    assert (found.versions("kano"), found.versions("k2")) == (["2.0.0", "1.0.0"], ["1.0.0"])


class Forgetful:
    """A store that carries a write of the index out, and then tells that the race was lost."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes, **about: Any) -> None:
        self._store.put(key, data, **about)
        if key == index.KEY and not self.lost:
            self.lost += 1
            raise LostRaceError(key)


def test_tells_what_it_wrote_though_the_answer_was_lost(open_store: OpenStore) -> None:
    store: Any = Forgetful(open_store())
    store.put("kano-1.0.0.tgz", packed("kano", "1.0.0").tgz, if_match=None, content_type="a/b")
    store._store.put(index.KEY, b"junk", if_match=None, content_type="a/b")

    rebuilding = Rebuilding(store, Shelf(store, 2), dry_run=False)
    done = index_store.until_won(rebuilding.attempt, index.KEY)

    assert store.lost == 1
    assert done.is_changed
    assert "cannot be read" in done.unreadable
    assert open_store().get(done.copy.rpartition("/")[2], 100) is not None
    assert [each.difference for each in done.made.changes] == ["added"]


def test_says_how_many_versions_lie_elsewhere(local: Sandbox, local_backed: Path) -> None:
    file = local_backed / "index.yaml"
    listed = json.loads(file.read_bytes())
    [said] = listed["entries"]["kano"]
    away = {**said, "version": "0.9.0", "digest": "0", "urls": ["https://example.com/k.tgz"]}
    listed["entries"]["kano"].append(away)
    file.write_text(json.dumps(listed))

    ended = local.run("rebuild-index")

    assert ended.out.splitlines()[-1].endswith(
        "says what the archives say; versions kept whose archives are not here: 1"
    )


def test_reads_large_archives_one_at_a_time(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, held, most = open_store(), threading.Semaphore(0), []
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        release(store, packed("kano", version))
    get = store.get

    def counted(key: str, limit: int) -> Any:
        held.release()
        most.append(held._value)
        try:
            return get(key, limit)
        finally:
            held.acquire()

    monkeypatch.setattr(store, "get", counted)
    monkeypatch.setattr("kargo_release.charts.archived._LARGE", 10)

    assert len(Shelf(store, 8).archives()) == 3
    assert most == [1, 1, 1]
