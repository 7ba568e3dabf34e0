"""A disk without space, or a folder that is not ours: told, and nothing half-written counts."""

import ctypes
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from released import claims, tagged_commits
from sandbox import PROGRAM, Ended, Sandbox
from untouched import everything, files

COMMANDS = [["release-chart", "kano"], ["release-dev-chart", "kano"]]


def run(sandbox: Sandbox, words: list[str], prepare: Callable[[], None]) -> Ended:
    """Run the command in a process that is prepared first."""
    done = subprocess.run(
        [str(PROGRAM), *words],
        cwd=sandbox.path,
        env={**os.environ, **sandbox.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def small_files(size: int) -> Callable[[], None]:
    """Return what lets a process write no file beyond ``size`` bytes: as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def as_anybody() -> None:
    """Give up root's right to write anywhere (prctl(2), PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.fixture
def big(local: Sandbox) -> Sandbox:
    """A chart whose archive is larger than the limit, and needs more than Git's own files."""
    local.write("charts/kano/files/noise.bin", os.urandom(300_000))
    local.commit()
    return local


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_disk_that_is_full_and_completes_later(big: Sandbox, words: list[str]) -> None:
    ended = run(big, words, small_files(100_000))

    assert ended.exit_code == 1, ended.err
    assert "Traceback" not in ended.err
    assert "internal error" not in ended.err
    assert "File too large" in ended.err
    assert big.git("tag") == ""
    again = big.run(*words, "--json")
    assert again.exit_code == 0, again.err
    assert set(again.states.values()) <= {"published", "unchanged"}


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_folder_that_is_not_ours(local: Sandbox, words: list[str]) -> None:
    folder = local.path / ".kargo"
    folder.mkdir()
    (folder / ".gitignore").write_text("*\n")
    folder.chmod(0o555)
    before = everything(local)

    ended = run(local, words, as_anybody)

    assert ended.exit_code == 1, ended.err
    assert "Permission denied" in ended.err
    assert "Traceback" not in ended.err
    assert "internal error" not in ended.err
    assert everything(local) == before
    folder.chmod(0o755)
    assert local.run(*words).exit_code == 0


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_repository_that_is_not_ours(local: Sandbox, words: list[str]) -> None:
    local.path.chmod(0o555)

    ended = run(local, words, as_anybody)

    local.path.chmod(0o755)
    assert ended.exit_code == 1, ended.err
    assert ".kargo can't be written to: Permission denied" in ended.err
    assert "on a disk with space" in ended.err


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_file_in_the_place_of_a_folder(local: Sandbox, words: list[str]) -> None:
    (local.path / ".git/info/exclude").write_text(".kargo\n")
    local.write(".kargo", "mine\n")

    ended = local.run(*words, "--json")

    assert ended.exit_code == 1, ended.err
    assert ended.tells("Not a directory", "")
    assert (local.path / ".kargo").read_text() == "mine\n"


def test_tells_a_folder_that_packages_can_not_go_to(local: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine\n")

    ended = local.run("package-chart", "kano", "--destination", str(tmp_path / "file"), "--json")

    assert ended.exit_code == 1
    assert ended.tells("can't be written", "name another")
    assert (tmp_path / "file").read_text() == "mine\n"


def test_leaves_no_part_of_a_package_on_a_full_disk(big: Sandbox, tmp_path: Path) -> None:
    old = tmp_path / "kano-1.0.0.tgz"
    old.write_text("old\n")

    ended = run(
        big, ["package-chart", "kano", "--destination", str(tmp_path)], small_files(100_000)
    )

    assert ended.exit_code == 1, ended.err
    assert "kano-1.0.0.tgz can't be written: File too large" in ended.err
    assert old.read_text() == "old\n"
    assert [path.name for path in tmp_path.glob("*") if path.is_file()] == [old.name]
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("size", [1, 100, 400])
def test_tells_temporary_files_without_room_and_completes_later(
    platform: Sandbox, size: int
) -> None:
    ended = run(platform, ["release-chart", "kano"], small_files(size))

    assert ended.exit_code == 1, ended.err
    assert "internal error" not in ended.err
    assert "File too large" in ended.err
    assert "temporary files" in ended.err
    assert tagged_commits(platform) == {}
    assert platform.run("release-chart", "kano").exit_code == 0
    assert claims(platform) == []


def test_tells_that_there_is_no_folder_for_temporary_files(platform: Sandbox) -> None:
    ended = run(platform, ["release-chart", "kano"], small_files(0))

    assert ended.exit_code == 1, ended.err
    assert "temporary files" in ended.err
    assert "TMPDIR" in ended.err


_GZIP = b"\x1f\x8b"
WRITES = ("fsync", "link", "replace")


class FullDisk:
    """Counts the calls by which files become what they are to be, and fails at one of them."""

    def __init__(self, fails_at: int = 0) -> None:
        self.calls = 0
        self._fails_at = fails_at

    @contextmanager
    def mounted(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in WRITES:
                patch.setattr(os, name, self._around(getattr(os, name)))
            yield

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._fails_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **options)

        return counted


def test_completes_after_a_disk_that_was_full_at_any_write(tmp_path: Path) -> None:
    released, whole = release_on(tmp_path / "whole", FullDisk())
    assert released.exit_code == 0, released.err
    assert whole.calls > len(WRITES)

    for number in range(1, whole.calls + 1):
        folder = tmp_path / str(number)
        ended, _ = release_on(folder, FullDisk(number))
        assert ended.exit_code == 1, f"{number}: {ended.err}"
        assert "No space left on device" in ended.err
        assert "internal error" not in ended.err
        again = Sandbox(folder).run("release-chart", "kano", "--json")
        assert again.exit_code == 0, again.err
        assert kept(folder) == kept(tmp_path / "whole")


def release_on(folder: Path, disk: FullDisk) -> tuple[Ended, FullDisk]:
    """Release a chart of a new repository on a disk."""
    sandbox = Sandbox.make(folder)
    sandbox.write_chart("kano")
    sandbox.commit()
    with disk.mounted():
        return sandbox.run("release-chart", "kano"), disk


def kept(folder: Path) -> dict[str, bytes | None]:
    """Return the archives that a release leaves on the disk; all else tells its time."""
    found = files(folder / ".kargo").items()
    return {path: data for path, data in found if data and data.startswith(_GZIP)}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder and all that is in it."""
    subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)


def test_releases_from_a_tree_that_is_read_only(platform: Sandbox) -> None:
    commit, before = platform.git("rev-parse", "HEAD"), files(platform.path)

    with read_only(platform.path):
        ended = run(platform, ["release-chart", "kano", "--json"], as_anybody)
        again = run(platform, ["release-chart", "kano", "--json"], as_anybody)

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}
    assert set(again.states.values()) == {"unchanged"}
    assert tagged_commits(platform) == {"kano-1.0.0": commit}
    assert claims(platform) == []
    assert files(platform.path) == before


def test_helps_from_a_tree_that_is_read_only(platform: Sandbox, tmp_path: Path) -> None:
    other = platform.clone(tmp_path / "other")
    other.write("notes", "another commit, with the same chart")
    commit = other.commit()
    other.git("push", "--quiet", "origin", "HEAD", "HEAD:refs/kargo-release/kano-1.0.0")

    with read_only(platform.path):
        ended = run(platform, ["release-chart", "kano"], as_anybody)

    assert ended.exit_code == 0, ended.err
    assert tagged_commits(platform) == {"kano-1.0.0": commit}


def test_tells_a_read_only_tree_that_the_release_would_go_into(local: Sandbox) -> None:
    with read_only(local.path):
        ended = run(local, ["release-chart", "kano"], as_anybody)

    assert ended.exit_code == 1, ended.err
    assert "can't be written to" in ended.err


def test_packages_from_a_tree_that_is_read_only(local: Sandbox, tmp_path: Path) -> None:
    with read_only(local.path):
        words = ["package-chart", "kano", "--destination", str(tmp_path / "dist")]
        ended = run(local, words, as_anybody)

    assert ended.exit_code == 0, ended.err
    assert (tmp_path / "dist/kano-1.0.0.tgz").is_file()
