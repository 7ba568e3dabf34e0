"""Runs every check and the tests, and says at the end what was left out: `./kargo test`.

./kargo test [pytest arguments]           what can run here, without the long tests
./kargo test --all [pytest arguments]     everything; what is left out is a failure
./kargo test --install                    installs the programs that tests need (Debian)
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent.parent
# Program that tests look for, and the Debian package that has it.
PACKAGES = {
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "htpasswd": "apache2-utils",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "node": "nodejs",
    "npm": "npm",
}
# Many tests wait; more at once than this would be too slow for their time limits.
_SIDE_BY_SIDE = (
    *("--numprocesses=auto", "--maxprocesses=4"),
    *("--dist=loadfile", "--no-loadscope-reorder"),
)
CHECKS = (
    ("ruff check", ("ruff", "check")),
    ("ruff format", ("ruff", "format", "--check")),
    ("mypy", ("mypy",)),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one check."""

    name: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"  {'passed' if self.passed else 'FAILED'}  {self.name} ({self.seconds:.0f} s)"


def main(words: Sequence[str]) -> int:
    """Do what the command line says; return the exit code."""
    if "--help" in words:
        say(__doc__ or "")
        return 0
    if "--install" in words:
        return install()
    complete = "--all" in words
    environment = _environment(complete=complete)
    outcomes = [_run(name, command, environment) for name, command in CHECKS]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        arguments = [word for word in words if word != "--all"]
        pytest = _pytest(report, arguments, complete=complete)
        outcomes.append(_run("tests", pytest, environment))
        left_out = sorted(set(_left_out(report)))
    return _summary(outcomes, left_out, complete=complete)


def install() -> int:
    """Install the programs that are missing; return the exit code."""
    lacking = (package for program, package in PACKAGES.items() if not shutil.which(program))
    missing = sorted(set(lacking))
    if not missing:
        say("nothing is missing")
        return 0
    if not shutil.which("apt-get"):
        say(f"error: this is no Debian: install {', '.join(missing)} by hand")
        return 1
    sudo = ["sudo"] if os.geteuid() != 0 and shutil.which("sudo") else []
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        command = [*sudo, "apt-get", *words]
        if subprocess.run(command, check=False, env=quiet, stdin=subprocess.DEVNULL).returncode:
            say(f"error: {' '.join(command)} failed")
            return 1
    return 0


def say(text: str) -> None:
    """Print at once: what the checks print must come after it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _environment(*, complete: bool) -> dict[str, str]:
    """Return the environment with the programs of this Python first, as when it is activated."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, **({"KARGO_TEST_ALL": "1"} if complete else {})}


def _pytest(report: Path, arguments: Sequence[str], *, complete: bool) -> list[str]:
    chosen = [] if complete else ["-m", "not long"]
    return ["pytest", *_SIDE_BY_SIDE, f"--junitxml={report}", *chosen, *arguments]


def _run(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Outcome:
    say(f"== {name}")
    start = time.monotonic()
    run = [sys.executable, "-m", *command]
    done = subprocess.run(run, check=False, cwd=HERE, env=environment, stdin=subprocess.DEVNULL)
    return Outcome(name, done.returncode == 0, time.monotonic() - start)


def _left_out(report: Path) -> Iterator[str]:
    """Yield why tests were skipped."""
    if report.exists():
        for skipped in ElementTree.parse(report).iter("skipped"):  # noqa: S314 - pytest wrote it
            yield skipped.get("message", "")


def _summary(outcomes: Sequence[Outcome], left_out: Sequence[str], *, complete: bool) -> int:
    say("== summary")
    say("\n".join(map(str, outcomes)))
    reasons = [*left_out, *([] if complete else ["the long tests: ./kargo test --all"])]
    if reasons:
        say("left out:")
        say("\n".join(f"  {reason}" for reason in reasons))
    passed = all(outcome.passed for outcome in outcomes)
    return 0 if passed and not (complete and left_out) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
