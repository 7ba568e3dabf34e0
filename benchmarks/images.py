"""How long build-image takes beside `docker build`, and to tell that an image is unchanged.

python -m benchmarks.images 5    # turns; Docker's engine must have debian:bookworm-slim

The image installs a package by apt, and both build it without any cache. Ours does more: it checks
the Dockerfile and the image, and runs a smoke command.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

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
COMPARISONS = (
    Comparison("build-image / docker build", "build-image", ("docker build",), 1.05),
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
    run(folder, "git", "remote", "add", "origin", "https://example.com/team/images.git")


def run(folder: Path, *command: str | Path) -> None:
    """Run a program, its words kept unless it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")


def measure(folder: Path, turns: int) -> str:
    """Return the figures as tables."""
    ours = (PROGRAM, "build-image", "kargo-benchmark")
    theirs = ("docker", "build", "--tag", "kargo-benchmark:docker", "images/kargo-benchmark")

    def timed(*command: str | Path) -> float:
        return seconds(lambda: run(folder, *command))

    works = {
        "docker build": lambda: timed(*theirs, "--no-cache"),
        "build-image": lambda: timed(*ours, "--force", "--no-cache"),
        "docker build, cached": lambda: timed(*theirs),
        "build-image, cached": lambda: timed(*ours, "--force"),
        "unchanged": lambda: timed(*ours),
        "kargo-release --list": lambda: timed(PROGRAM, "--list"),
    }
    return report("images", in_turn(works, turns), COMPARISONS)


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    turns = int(words[0]) if words else TURNS
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        print(f"{machine()}, load average {os.getloadavg()[0]:.1f}\n")
        print(measure(Path(name), turns))
    for tag in (TAG, "kargo-benchmark:docker"):
        subprocess.run(["docker", "rmi", "--force", tag], capture_output=True, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
