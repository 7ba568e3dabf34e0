import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from kargo_release.bucket.folder import FolderStore
from kargo_release.bucket.store import Listed, LostRaceError, Protection, Trial
from kargo_release.errors import FailedError, InvalidError

TEXT = "text/plain"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "helm" / "charts"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    return FolderStore(folder)


def visible(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))


def test_finds_nothing_in_a_folder_that_is_not_there(store: FolderStore, folder: Path) -> None:
    assert store.head("k") is None
    assert store.get("k", 10) is None
    assert not folder.exists()


def test_keeps_the_bytes_in_a_file_of_that_name(store: FolderStore, folder: Path) -> None:
    put = store.put("kanô 1.tgz", b"\0bytes", if_match=None, content_type=TEXT)
    assert (folder / "kanô 1.tgz").read_bytes() == b"\0bytes"
    assert store.get("kanô 1.tgz", 6) == (b"\0bytes", put)
    assert store.head("kanô 1.tgz") == put
    assert put.etag == sha256(b"\0bytes").hexdigest()
    assert store.location("kanô 1.tgz") == str(folder / "kanô 1.tgz")


def test_creates_an_object_only_once(store: FolderStore) -> None:
    store.put("k", b"first", if_match=None, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"second", if_match=None, content_type=TEXT)
    assert store.get("k", 10) == (b"first", store.head("k"))


def test_replaces_only_what_was_looked_at(store: FolderStore) -> None:
    first = store.put("k", b"first", if_match=None, content_type=TEXT)
    store.put("k", b"second", if_match=first.etag, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"third", if_match=first.etag, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("gone", b"third", if_match=first.etag, content_type=TEXT)
    assert store.get("k", 10) == (b"second", store.head("k"))


def test_lets_one_of_many_threads_create(store: FolderStore) -> None:
    start = threading.Barrier(16)

    def create(number: int) -> bool:
        start.wait()
        try:
            store.put("k", str(number).encode(), if_match=None, content_type=TEXT)
        except LostRaceError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(create, range(16))) == 1


def test_shows_nothing_but_the_objects(store: FolderStore, folder: Path) -> None:
    store.check_writable()
    etag = store.put("a", b"1", if_match=None, content_type=TEXT).etag
    store.put("a", b"2", if_match=etag, content_type=TEXT)
    assert visible(folder) == ["a"]
    assert sorted(each.name for each in folder.iterdir()) == [".kargo-release.lock", "a"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_follows_the_umask(store: FolderStore, folder: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        etag = store.put("k", b"1", if_match=None, content_type=TEXT).etag
        modes = [stat.S_IMODE((folder / "k").stat().st_mode)]
        store.put("k", b"2", if_match=etag, content_type=TEXT)
        modes.append(stat.S_IMODE((folder / "k").stat().st_mode))
    finally:
        os.umask(before)
    assert modes == [mode, mode]


def test_clears_what_a_killed_write_left(store: FolderStore, folder: Path) -> None:
    store.check_writable()
    (folder / ".k.part").write_bytes(b"half of it")
    store.put("k", b"whole", if_match=None, content_type=TEXT)
    assert not (folder / ".k.part").exists()
    assert (folder / "k").read_bytes() == b"whole"


def test_leaves_an_object_alone_that_a_killed_write_had_linked(
    store: FolderStore, folder: Path
) -> None:
    etag = store.put("k", b"first", if_match=None, content_type=TEXT).etag
    (folder / ".k.part").hardlink_to(folder / "k")
    reader = (folder / "k").open("rb")
    with reader:
        store.put("k", b"second", if_match=etag, content_type=TEXT)
        assert reader.read() == b"first"
    assert (folder / "k").read_bytes() == b"second"


def test_writes_where_hard_links_are_unknown(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store.put("k", b"1", if_match=None, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"2", if_match=None, content_type=TEXT)
    assert (folder / "k").read_bytes() == b"1"
    assert visible(folder) == ["k"]


def test_keeps_a_file_that_came_without_a_lock(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.hardlink_to

    def after_somebody_else(self: Path, target: Path) -> None:
        self.write_bytes(b"theirs")
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", after_somebody_else)
    with pytest.raises(LostRaceError):
        store.put("k", b"ours", if_match=None, content_type=TEXT)
    assert (folder / "k").read_bytes() == b"theirs"


def test_refuses_an_object_over_the_limit(store: FolderStore) -> None:
    store.put("k", b"12345", if_match=None, content_type=TEXT)
    assert store.get("k", 5) is not None
    with pytest.raises(InvalidError, match="k is larger than 4 bytes"):
        store.get("k", 4)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_refuses_what_is_not_a_file(
    store: FolderStore, folder: Path, make: Callable[[Path], None]
) -> None:
    store.check_writable()
    make(folder / "k")
    acts: list[Callable[[], object]] = [
        lambda: store.head("k"),
        lambda: store.get("k", 1),
        lambda: store.put("k", b"", if_match=None, content_type=TEXT),
    ]
    for act in acts:
        with pytest.raises(InvalidError, match="k is not a file"):
            act()


@pytest.mark.parametrize(
    "key", ["", "..", "../k", "/etc/passwd", ".hidden", "a/b", "a\0", "\ud800"]
)
def test_refuses_a_key_that_leaves_the_folder(store: FolderStore, folder: Path, key: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: store.location(key),
        lambda: store.head(key),
        lambda: store.get(key, 1),
        lambda: store.put(key, b"", if_match=None, content_type=TEXT),
    ]
    for act in acts:
        with pytest.raises(InvalidError, match="cannot be the name of an object"):
            act()
    assert not folder.exists()


def test_takes_the_longest_key(store: FolderStore, folder: Path) -> None:
    store.put("k" * 240, b"1", if_match=None, content_type=TEXT)
    assert visible(folder) == ["k" * 240]
    with pytest.raises(InvalidError, match="more than 240 bytes"):
        store.put("k" * 241, b"1", if_match=None, content_type=TEXT)


def test_lists_what_it_holds_by_name(store: FolderStore, folder: Path) -> None:
    for key in ("b.tgz", "index.yaml", "a-1.0.0+x.tgz", "é"):
        store.put(key, key.encode(), if_match=None, content_type=TEXT)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "dead").symlink_to("nothing")
    (folder / "line\nend").touch()
    (folder / ".kano.part").touch()
    (folder / "link.tgz").symlink_to("b.tgz")
    (folder / os.fsdecode(b"\xff")).touch()
    assert list(store.list()) == [
        Listed("a-1.0.0+x.tgz", 13, None),
        Listed("b.tgz", 5, None),
        Listed("index.yaml", 10, None),
        Listed("link.tgz", 5, None),
        Listed("é", 2, None),
    ]


def test_lists_nothing_of_a_folder_that_is_not_there(store: FolderStore, folder: Path) -> None:
    assert list(store.list()) == []
    assert not folder.exists()


def test_tells_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FailedError, match="file: Not a directory") as caught:
        list(FolderStore(tmp_path / "file").list())
    assert "Look at the folder" in caught.value.remedy


def test_protects_nothing_and_says_where_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, "backups")
    assert store.address == "backups"
    assert store.protection() == Protection("off", "off")


def test_tells_that_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = FolderStore(tmp_path / "file")
    acts: list[Callable[[], object]] = [
        lambda: store.head("k"),
        store.check_writable,
        lambda: store.put("k", b"", if_match=None, content_type=TEXT),
    ]
    for act in acts:
        with pytest.raises(FailedError, match=f"^{tmp_path / 'file'}") as caught:
            act()
        assert "run it again" in caught.value.remedy


def in_child(preparation: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Replace the object ``k`` by 64 KiB in a process that was prepared for it to fail."""
    script = f"""
import filelock, os, resource, signal, sys
from pathlib import Path
from kargo_release.bucket.folder import FolderStore
from kargo_release.errors import FailedError
store = FolderStore(Path(sys.argv[1]))
etag = store.head("k").etag
{preparation}
try:
    store.put("k", bytes(65536), if_match=etag, content_type="text/plain")
except FailedError as error:
    print(error)
"""
    return subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_tells_a_full_disk_and_keeps_what_was_there(store: FolderStore, folder: Path) -> None:
    store.put("k", b"before", if_match=None, content_type=TEXT)
    # A limit for files stands in for a full disk, which takes rights to make.
    told = in_child(
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))",
        folder,
    ).stdout
    assert told == (
        f"{folder / 'k'}: {os.strerror(errno.EFBIG)}\n"
        "Raise the limit for the size of files (ulimit -f), then run it again.\n"
    )
    assert (folder / "k").read_bytes() == b"before"
    assert sorted(each.name for each in folder.iterdir()) == [".kargo-release.lock", "k"]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_tells_a_folder_that_may_not_be_written(public_folder: Path) -> None:
    FolderStore(public_folder).put("k", b"before", if_match=None, content_type=TEXT)
    public_folder.chmod(0o555)
    told = in_child("if os.geteuid() == 0: os.seteuid(65534)", public_folder).stdout
    public_folder.chmod(0o755)
    assert told == (
        f"{public_folder / 'k'}: {os.strerror(errno.EACCES)}\n"
        "Give yourself access to the folder, then run it again.\n"
    )
    assert (public_folder / "k").read_bytes() == b"before"


def test_waits_for_another_process_and_tells_when_it_hangs(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.check_writable()
    monkeypatch.setattr("kargo_release.bucket.folder._LOCK_TIMEOUT", 0.1)
    holder = (
        "import filelock, sys\n"
        "with filelock.FileLock(sys.argv[1]):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(folder / ".kargo-release.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(FailedError, match="locked by another process") as caught:
            store.put("k", b"", if_match=None, content_type=TEXT)
        process.kill()
    assert "end it" in caught.value.remedy
    store.put("k", b"", if_match=None, content_type=TEXT)


def test_survives_a_kill_at_any_moment(store: FolderStore, folder: Path) -> None:
    script = """
import sys
from pathlib import Path
from kargo_release.bucket.folder import FolderStore
store, number = FolderStore(Path(sys.argv[1])), 0
while True:
    number += 1
    print(number, flush=True)
    store.put(f"k{number}", b"x" * 50_000, if_match=None, content_type="text/plain")
    state = store.head("k")
    store.put("k", bytes([number % 256]) * 50_000, if_match=state and state.etag,
              content_type="text/plain")
"""
    for round_ in range(12):
        command = [sys.executable, "-c", script, str(folder / str(round_))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(2 + round_):
                process.stdout.readline()
            threading.Event().wait(0.0003 * round_)
            process.kill()
    written = [each for each in folder.glob("*/*") if not each.name.startswith(".")]
    assert written
    for each in written:
        data = each.read_bytes()
        assert data == data[:1] * 50_000
    for round_ in range(12):
        after = FolderStore(folder / str(round_))
        state = after.head("k")
        etag = state.etag if state else None
        after.put("k", b"after", if_match=etag, content_type=TEXT)
        assert not (folder / str(round_) / ".k.part").exists()


def test_tries_a_folder_without_leaving_anything(store: FolderStore, folder: Path) -> None:
    assert store.trial() == Trial("honoured")
    assert not folder.exists()
    store.check_writable()
    before = sorted(folder.iterdir())

    assert store.trial() == Trial("honoured")
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("path", "message"), [("file/folder", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_tells_a_folder_that_cannot_be_made(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FailedError, match=message) as told:
        FolderStore(tmp_path / path).trial()

    assert told.value.remedy


def test_tells_a_folder_whose_disk_is_full(folder: Path) -> None:
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from kargo_release.bucket.folder import FolderStore\n"
        "from kargo_release.errors import FailedError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "try:\n    FolderStore(Path(sys.argv[1])).trial()\n"
        "except FailedError as error:\n    print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(folder)], check=True, capture_output=True, text=True
    )

    assert "File too large" in told.stdout
    assert "ulimit -f" in told.stdout
