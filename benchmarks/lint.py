"""Measures lint-image against hadolint: `.venv/bin/python -m benchmarks.lint`.

Both check the same Dockerfiles, those of this repository, and ten times as many of them. Hadolint
is one process for all of them, with all of its rules; see README.md.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox import PROGRAM, Sandbox

from benchmarks import ROOT
from benchmarks.measure import Comparison, in_turn, machine, report, seconds
from kargo_release.git.repository import Repository
from kargo_release.images.image_file import DOCKERFILE, read_images
from kargo_release.images.lint.cookbook import Source
from kargo_release.images.lint.hadolint import find_hadolint
from kargo_release.images.lint.linting import lint_sources

_TURNS = 15
_MANY = 10  # times the images of this repository

_COMPARISONS = (
    Comparison("checks of all images / hadolint", "checks", ("hadolint",), 2.0),
    Comparison("checks of ten times as many / hadolint", "checks, many", ("hadolint, many",), 2.0),
    Comparison("lint-image of all images / hadolint", "lint-image", ("hadolint",), 2.0),
    Comparison("lint-image of ten times as many", "lint-image, many", ("hadolint, many",), 2.0),
    Comparison("lint-image / hadolint and --list", "lint-image", ("hadolint", "--list"), None),
)


def main() -> None:
    """Measure and print the table."""
    sources = _sources()
    many = dict(_numbered(each, number) for each in sources.values() for number in range(_MANY))
    with TemporaryDirectory() as folder:
        repository = _repository(many, Path(folder, "repository"))
        works: dict[str, Callable[[], float]] = {
            "checks": lambda: seconds(lambda: lint_sources([*sources], sources, "")),
            "checks, many": lambda: seconds(lambda: lint_sources([*many], many, "")),
            "hadolint": _hadolint(sources, Path(folder, "all")),
            "hadolint, many": _hadolint(many, Path(folder, "many")),
            "lint-image": lambda: _process(ROOT, "lint-image"),
            "lint-image, many": lambda: _process(repository, "lint-image"),
            "--list": lambda: _process(ROOT, "--list"),
        }
        times = in_turn(works, _TURNS)
    print(f"{machine()}\n")
    print(report(f"{len(sources)} Dockerfiles, and {len(many)}", times, _COMPARISONS))


def _sources() -> dict[str, Source]:
    """Return the images of this repository as they are on disk."""
    with Repository.open(ROOT).working_tree() as tree:
        images = read_images(tree, "images")
    files = {each.app: f"{each.folder}/{DOCKERFILE}" for each in images.named(images)}
    return {
        each.app: Source(each, files[each.app], (ROOT / files[each.app]).read_bytes())
        for each in images.named(images)
    }


def _numbered(source: Source, number: int) -> tuple[str, Source]:
    """Return the app and source of one more image like it."""
    app = f"{source.image.app}-{number}"
    return app, replace(source, image=replace(source.image, app=app, repository=app))


def _hadolint(sources: Mapping[str, Source], folder: Path) -> Callable[[], float]:
    """Return what runs hadolint, with all of its rules, on copies of the Dockerfiles."""
    folder.mkdir()
    for app, source in sources.items():
        (folder / app).write_bytes(source.data)
    command = [str(find_hadolint()), "--no-fail", "--format", "json", *sources]
    return lambda: seconds(
        lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)
    )


def _repository(sources: Mapping[str, Source], folder: Path) -> Path:
    """Return a repository with these images, each as small as can be but for its Dockerfile."""
    sandbox = Sandbox.make(folder)
    for app, source in sources.items():
        sandbox.write(f"images/{app}/{DOCKERFILE}", source.data)
        sandbox.write(f"images/{app}/image.yaml", "version: '1.0'\n")
    sandbox.commit()
    return folder


def _process(folder: Path, *words: str) -> float:
    command = [str(PROGRAM), *words]
    return seconds(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True))


if __name__ == "__main__":
    main()
