"""A disk without space, or a folder that is not ours: told, and nothing half-written counts."""

import ctypes
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox import PROGRAM, Ended, Sandbox
from untouched import everything

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
