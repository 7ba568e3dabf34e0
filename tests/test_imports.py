"""The directions of imports, as a table: a module may import what stands below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "kargo_release"
# Rooms that need no room beside them, but for what NEIGHBOURS says.
INSTRUMENTS = (
    *("plan", "findings", "git", "helm", "docker", "oci", "bucket"),
    *("settings", "console", "actions", "markdown"),
    *("yamlfile", "versions", "bump", "conventional"),
)
LAYERS = (
    ("program",),
    ("tasks",),
    ("commandline",),
    ("charts", "images"),
    INSTRUMENTS,
    ("process", "authorities"),
    ("errors",),
)
NEIGHBOURS = {
    ("settings", "yamlfile"),
    ("findings", "console"),
    ("bump", "versions"),
    ("conventional", "bump"),
    ("conventional", "git"),
}
# Library, and the rooms that may import it.
DOORS = {
    "oras": ("oci",),
    "requests": ("oci",),
    "boto3": ("bucket",),
    "botocore": ("bucket",),
    "git": ("git",),
    "helm_python": ("helm",),
    "docker": ("docker",),
    "invoke": ("program", "tasks", "commandline"),
}
HEAVY = ("oras", "requests", "boto3", "botocore", "git", "helm_python", "docker")


@dataclass(frozen=True)
class Import:
    """One import: of ``target`` in ``source``, at the top of the module or further down."""

    source: str
    target: str
    at_top: bool
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]


@cache
def modules() -> dict[str, Path]:
    paths = (ROOT / PACKAGE).rglob("*.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}


@cache
def imports() -> list[Import]:
    """Return all imports of the package, but those for types alone."""
    return [
        each
        for name, path in modules().items()
        for each in _imports_in(name, ast.parse(path.read_text()), at_top=True)
    ]


def _imports_in(source: str, node: ast.AST, *, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import):
            targets = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{source}:{child.lineno} imports by dots"
            targets = [_target(child.module or "", alias.name) for alias in child.names]
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_in(source, child, at_top=at_top and not inside)
            continue
        yield from (Import(source, target, at_top, child.lineno) for target in targets)


def _target(module: str, name: str) -> str:
    """Return the module meant by ``from module import name``, which may itself be a module."""
    inner = f"{module}.{name}"
    return inner if inner in modules() or f"{inner}.__init__" in modules() else module


def room(module: str) -> str:
    """Return where in the table a module stands; helm_render.py is in the room helm."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "__init__"
    rooms = [each for layer in LAYERS for each in layer]
    prefix = name.partition("_")[0]
    return name if name in rooms or prefix not in rooms else prefix


def layer(name: str) -> int:
    return next(index for index, rooms in enumerate(LAYERS) if name in rooms)


def is_allowed(source: str, target: str) -> bool:
    if "__init__" in (source, target):
        return target == "__init__"
    if source == target or layer(source) < layer(target):
        return True
    return (source, target) in NEIGHBOURS


def test_finds_the_imports() -> None:
    found = {(each.source, each.target) for each in imports()}

    assert ("kargo_release.program", "kargo_release.commandline") in found
    assert ("kargo_release.commandline", "kargo_release.errors") in found


def test_every_module_has_a_room() -> None:
    known = {"__init__", *(each for rooms in LAYERS for each in rooms)}

    assert {name: room(name) for name in modules() if room(name) not in known} == {}


def test_imports_only_what_stands_below() -> None:
    ours = [each for each in imports() if each.library == PACKAGE]

    wrong = [str(each) for each in ours if not is_allowed(room(each.source), room(each.target))]
    assert wrong == []


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    used = [each for each in imports() if each.library == library]

    assert [str(each) for each in used if room(each.source) not in DOORS[library]] == []


def test_heavy_libraries_wait_for_their_first_use() -> None:
    program = "import sys, kargo_release.program; print(*sys.modules)"
    command = [sys.executable, "-c", program]

    loaded = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert "kargo_release.tasks.charts" in loaded.split()
    assert set(HEAVY) & set(loaded.split()) == set()


def test_modules_do_not_import_in_circles() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for each in imports():
        if each.at_top and each.library == PACKAGE:
            target = each.target if each.target in graph else f"{each.target}.__init__"
            graph[each.source].add(target)

    TopologicalSorter(graph).prepare()
