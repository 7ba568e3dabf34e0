import ast
import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sandbox import Sandbox

ROOT = Path(__file__).parent.parent


def locked(kind: str) -> dict[str, str]:
    """Return the versions in a lock file by name."""
    text = (ROOT / "requirements" / f"{kind}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line[:1].isalnum()]
    assert all("--hash=sha256:" in line for line in lines)
    return dict(line.split()[0].split("==") for line in lines)


def environment(**more: str) -> dict[str, str]:
    """Return what a new machine has: no home, and only what pip needs to reach its index."""
    kept = ("PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy")
    inherited = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return {**inherited, "PATH": os.defpath, "HOME": "/nonexistent", **more}


def kargo(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "kargo"), *words],
        check=False,
        env=environment(**more),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a folder with the bootstrap, without the package."""
    shutil.copy(ROOT / "kargo", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    return tmp_path


def test_the_bootstrap_parses_on_old_pythons() -> None:
    ast.parse((ROOT / "kargo").read_text(), feature_version=(3, 6))


def test_the_bootstrap_names_the_python_that_is_too_old(bare: Path) -> None:
    program = (
        "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path(sys.argv[1], None, {!r})"
    )
    command = [sys.executable, "-c", program.format("__main__"), str(bare / "kargo")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: this is Python 3.9 ({sys.executable})",
        "Run it with 3.11 or newer: python3.11 kargo ...",
    ]


def test_the_bootstrap_leaves_the_venv_of_another_alone(bare: Path) -> None:
    (bare / ".venv").mkdir()
    (bare / ".venv" / "precious").touch()
    done = kargo(bare, "--list")

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "error: .venv is there, but ./kargo did not make it",
        "Move it away, or delete it.",
    ]
    assert (bare / ".venv" / "precious").exists()


def test_the_bootstrap_asks_for_git(bare: Path) -> None:
    done = kargo(bare, "--list", PATH=str(bare))

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "error: Git is not installed",
        "Install it; on Debian: apt-get install -y git",
    ]


def test_tasks_without_the_package_name_the_command(tmp_path: Path) -> None:
    for folder in Path(sysconfig.get_path("purelib")).glob("invoke*"):
        shutil.copytree(folder, tmp_path / folder.name)
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; from invoke.main import program"
    command = [sys.executable, "-I", "-S", "-c", f"{program}; program.run(['invoke', '--list'])"]
    done = subprocess.run(command, check=False, cwd=ROOT / "tests", capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: Kargo Release is not installed in this Python",
        "Run ./kargo --list (on Windows: python kargo --list), which installs it into .venv.",
    ]


def test_invoke_finds_the_commands_from_a_folder_below() -> None:
    invoke = Path(sysconfig.get_path("scripts"), "invoke")
    done = subprocess.run(
        [invoke, "--list"], check=False, cwd=ROOT / "tests", capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "  list-charts " in done.stdout


@pytest.mark.parametrize(
    ("kind", "extras"), [("run", ["helm", "lint"]), ("test", ["helm", "lint", "check", "test"])]
)
def test_what_is_locked_is_what_the_project_asks_for(kind: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [each for extra in extras for each in optional[extra]]
    versions = locked(kind)

    for each in map(Requirement, wanted):
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each


def test_tests_run_with_the_versions_that_are_released() -> None:
    assert locked("run").items() <= locked("test").items()


def test_lock_files_tell_nothing_of_the_machine_that_made_them() -> None:
    for kind in ("run", "test"):
        text = (ROOT / "requirements" / f"{kind}.txt").read_text()
        assert "://" not in text
        assert str(ROOT) not in text


@pytest.mark.long
def test_the_bootstrap_tells_the_last_lines_of_a_pip_that_fails(bare: Path) -> None:
    done = kargo(
        bare,
        "--list",
        PIP_INDEX_URL="http://127.0.0.1:9/",
        PIP_FIND_LINKS="",
        PIP_RETRIES="0",
        PIP_NO_CACHE_DIR="1",
    )

    assert done.returncode == 1
    assert "    ERROR: No matching distribution found for " in done.stderr
    assert done.stderr.splitlines()[-2:] == [
        "error: installing what is locked failed",
        "Check the network, PIP_INDEX_URL and PIP_PROXY; then run it again.",
    ]
    assert list((bare / ".venv").glob("finished-*")) == []


@pytest.mark.long
def test_a_fresh_clone_runs_a_command_and_is_repaired(tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    start = [str(clone / "kargo"), "--list"]
    both = [
        subprocess.Popen(
            start, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate() for process in both]

    assert [process.returncode for process in both] == [0, 0], told
    assert all("  list-charts " in output for output, _ in told)
    assert sorted("setting up" in errors for _, errors in told) == [False, True]

    other = Sandbox.make(tmp_path / "other")
    other.write_chart("maps")
    other.commit()
    with contextlib.chdir(other.path):
        there = kargo(clone, "changed-charts")
    assert (there.returncode, "maps   1.0.0    new" in there.stdout) == (0, True), there

    finished = clone / ".venv" / "finished-run"
    made = finished.stat().st_mtime_ns
    again = kargo(clone, "no-such-command")
    assert (again.returncode, "setting up" in again.stderr) == (2, False)
    assert finished.stat().st_mtime_ns == made

    finished.unlink()
    shutil.rmtree(clone / ".venv" / "bin")
    repaired = kargo(clone, "--list")
    assert repaired.returncode == 0, repaired.stderr

    with (clone / "requirements" / "run.txt").open("a") as lock:
        lock.write("# renewed\n")
    renewed = kargo(clone, "--list")
    assert (renewed.returncode, "setting up" in renewed.stderr) == (0, True)

    moved = clone.rename(tmp_path / "moved")
    elsewhere = kargo(moved, "--list")
    assert (elsewhere.returncode, "setting up" in elsewhere.stderr) == (0, True)
