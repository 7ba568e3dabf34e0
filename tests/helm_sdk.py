"""The real Helm as a program of its own, for a call of the SDK never ends in a forked child.

Usage: ``python helm_sdk.py build FOLDER``, ``render CHART`` and ``pull REFERENCE VERSION FOLDER
[REPOSITORY]``; ``render`` prints a JSON object with what each template renders.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import helm_python as sdk


def build(folder: str) -> None:
    """Bring in the dependencies of a chart's folder, as ``helm dependency build``."""
    sdk.dependency_build(folder)


def render(chart: str) -> None:
    """Render a folder or an archive, as ``helm template``."""
    with sdk.Chart.load(Path(chart)) as loaded:
        json.dump(loaded.render(name="demo", namespace="default"), sys.stdout)


def pull(reference: str, version: str, folder: str, repository: str | None = None) -> None:
    """Download an archive, as ``helm pull``."""
    plain = repository is None
    sdk.pull(reference, version=version, destination=folder, repo_url=repository, plain_http=plain)


COMMANDS: dict[str, Callable[..., None]] = {"build": build, "render": render, "pull": pull}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
