"""How long build-image takes beside `docker build`, and to tell that an image is unchanged.

python -m benchmarks.images 5            # turns; Docker's engine must have debian:bookworm-slim
python -m benchmarks.images 3 mapserver  # images of this repository

The image installs a package by apt, and both build it without any cache. Ours does more: it checks
the Dockerfile and the image, and runs a smoke command.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import ROOT
from benchmarks.measure import Comparison, in_turn, machine, report, seconds

PROGRAM = Path(sys.executable).parent / "kargo-release"
TURNS = 5
DOCKERFILE = """FROM debian:bookworm-slim
RUN apt-get update && \\
  apt-get install --no-install-recommends --yes gdal-bin && \\
  apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --chown=1000 hello /srv/hello
USER 1000:1000
CMD ["ogrinfo", "--version"]
"""
ABOUT = "version: 1.0.0\nsmoke: [ogrinfo, --version]\n"
TAG = "kargo-benchmark:1.0.0-latest"
PEER_TAG = "kargo-benchmark:docker"
REMOTE = "https://example.com/team/images.git"
COMPARISONS = (
    Comparison("build-image / docker build", "build-image", ("docker build",), 1.05),
    Comparison(
        "build-image / docker build, export and run",
        "build-image",
        ("docker build", "docker export", "docker run"),
        1.05,
    ),
    Comparison("the same, cached steps", "build-image, cached", ("docker build, cached",)),
    Comparison("unchanged / --list", "unchanged", ("kargo-release --list",)),
)


def write(folder: Path) -> None:
    """Make a repository with one image."""
    image = folder / "images" / "kargo-benchmark"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(DOCKERFILE)
    (image / "image.yaml").write_text(ABOUT)
    (image / "hello").write_text("hello\n")
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", "--all")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    run(folder, "git", *identity, "commit", "--quiet", "--message", "Add an image")
    run(folder, "git", "remote", "add", "origin", REMOTE)


def run(folder: Path, *command: str | Path) -> None:
    """Run a program, its words kept unless it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")


def measure(folder: Path, turns: int) -> str:
    """Return the figures as tables."""
    ours = (PROGRAM, "build-image", "kargo-benchmark")
    theirs = ("docker", "build", "--tag", PEER_TAG, "images/kargo-benchmark")

    def timed(*command: str | Path) -> float:
        return _seconds(folder, command)

    works = {
        "docker build": lambda: timed(*theirs, "--no-cache"),
        "build-image": lambda: timed(*ours, "--force", "--no-cache"),
        "docker export": lambda: _exported(folder),
        "docker run": lambda: timed("docker", "run", "--rm", PEER_TAG, "ogrinfo", "--version"),
        "docker build, cached": lambda: timed(*theirs),
        "build-image, cached": lambda: timed(*ours, "--force"),
        "unchanged": lambda: timed(*ours),
        "kargo-release --list": lambda: timed(PROGRAM, "--list"),
    }
    return report("images", in_turn(works, turns), COMPARISONS)


def _exported(folder: Path) -> float:
    """Return how long the engine takes to hand over the files of the image, which ours looks at."""
    container = "kargo-benchmark"
    run(folder, "docker", "create", "--name", container, PEER_TAG)
    try:
        export = ("docker", "export", container)
        return seconds(lambda: subprocess.run(export, stdout=subprocess.DEVNULL, check=True))
    finally:
        run(folder, "docker", "rm", container)


def measure_own(folder: Path, apps: Sequence[str], turns: int) -> str:
    """Return the figures of images of this repository, built anew, as tables."""
    run(folder, "git", "clone", "--quiet", ROOT, "clone")
    clone = folder / "clone"
    run(clone, "git", "remote", "set-url", "origin", REMOTE)
    works: dict[str, Callable[[], float]] = {}
    for app in apps:
        peer = ("docker", "build", "--no-cache", f"images/{app}")
        ours = (PROGRAM, "build-image", app, "--force", "--no-cache")
        works[f"docker build {app}"] = partial(_seconds, clone, peer)
        works[app] = partial(_seconds, clone, ours)
    rows = [Comparison(f"{each} / docker build", each, (f"docker build {each}",)) for each in apps]
    return report("images of this repository", in_turn(works, turns), rows)


def _seconds(folder: Path, command: Sequence[str | Path]) -> float:
    return seconds(lambda: run(folder, *command))


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    turns = int(words[0]) if words else TURNS
    print(f"{machine()}, load average {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as name:
        if apps := words[1:]:
            print(measure_own(Path(name), apps, turns))
            return 0
        write(Path(name))
        print(measure(Path(name), turns))
    for tag in (TAG, PEER_TAG):
        subprocess.run(["docker", "rmi", "--force", tag], capture_output=True, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
