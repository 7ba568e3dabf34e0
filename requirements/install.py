"""Makes .venv with the locked requirements and this package, for ./kargo."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

_REQUIREMENTS = Path(__file__).parent
_HERE = _REQUIREMENTS.parent
_VENV = _HERE / ".venv"
# Tells a .venv that was made here from another's, which is not touched.
_MARK = _VENV / "made-by-kargo"
_SECONDS = {"run": 20, "test": 40}
_LAST_LINES = 8
_REMEDY = "Check the network, PIP_INDEX_URL and PIP_PROXY; then run it again."


def make(
    kind: str, python: Path, finished: Callable[[], bool], stamp: Callable[[str], str]
) -> None:
    """Make .venv anew, so that nothing of a half-made or outdated one is left.

    Args:
        kind: ``run`` or ``test``: which of the lock files.
        python: The interpreter that .venv will have.
        finished: Tells whether another process has finished it meanwhile.
        stamp: Returns the text that marks a .venv as finished for a kind; it is written last.
    """
    with _one_at_a_time():
        if finished():
            return
        _say(f"setting up .venv (once, about {_SECONDS[kind]} s)...")
        _clear()
        _install(kind, python)
        unfinished = _VENV / "unfinished"
        unfinished.write_text(stamp(kind), encoding="utf-8")
        unfinished.replace(_VENV / f"finished-{kind}")


def _clear() -> None:
    if _VENV.is_dir() and any(_VENV.iterdir()) and not _MARK.exists():
        _end(".venv is there, but ./kargo did not make it", "Move it away, or delete it.")
    if _VENV.exists():
        shutil.rmtree(_VENV)
    _VENV.mkdir()
    _MARK.touch()


def _install(kind: str, python: Path) -> None:
    if not shutil.which("git"):
        _end("Git is not installed", "Install it; on Debian: apt-get install -y git")
    venv = [sys.executable, "-m", "venv", str(_VENV)]
    _step("making .venv", venv, "On Debian: apt-get install -y python3-venv")
    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    lock = _REQUIREMENTS / f"{kind}.txt"
    _step("installing what is locked", [*pip, "--require-hashes", "-r", str(lock)], _REMEDY)
    package = ["--no-deps", "--no-build-isolation", "--editable", str(_HERE)]
    _step("installing kargo-release", [*pip, *package], _REMEDY)


def _step(name: str, command: list[str], remedy: str) -> None:
    """Run one step; when it fails, end with the last that it said."""
    _say(f"  {name}...")
    done = subprocess.run(  # noqa: S603 - commands of this file
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        _say("\n".join(f"    {line}" for line in done.stdout.splitlines()[-_LAST_LINES:]))
        _end(f"{name} failed", remedy)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for the lock on a file that is always there, and hold it."""
    with (_REQUIREMENTS / "run.txt").open("r+b") as file:
        if sys.platform == "win32":
            import msvcrt

            # Beyond the file's end, so that it can still be read.
            file.seek(1 << 30)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _end(message: str, remedy: str) -> NoReturn:
    _say(f"error: {message}\n{remedy}")
    sys.exit(1)
