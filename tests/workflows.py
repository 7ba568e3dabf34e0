"""The workflows and the action, as their files say it, and how GitHub runs their scripts."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
ACTION = ROOT / "action.yml"

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "&& touch pwned || touch pwned & touch pwned | touch pwned > pwned",
    "${IFS}touch${IFS}pwned",
    "$((a[$(touch pwned)]))",
    "-n",
    "--json",
    "* ? [a-z]* ~ {a,b} !!",
    "two\nlines\n\n[build kano]\n",
    "  spaces  and\ttabs  ",
    "a=b=c",
    "\\n\\",
    "%s ${{ github.token }}",
    "é \u202e 🚀 \x1b[31m",
]
_STUB = """#!{python}
import json, os, sys
given = {{name: value for name, value in os.environ.items() if name not in {known}}}
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([sys.argv[1:], given]) + "\\n")
"""
_KNOWN = ("CALLS", "PATH", "LC_CTYPE", "PWD", "SHLVL", "_")


class Call(NamedTuple):
    """How a stand-in for ./kargo was called."""

    words: list[str]
    variables: dict[str, str]


def read(file: Path) -> dict[str, Any]:
    """Return what a workflow or action says."""
    # Without PyYAML's kinds, to which the key `on` would be a truth value.
    said: dict[str, Any] = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506 - makes texts only
    return said


def steps(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow or action."""
    for job in [*said.get("jobs", {}).values(), said.get("runs", {})]:
        yield from job.get("steps", ())


def run_script(
    script: str, folder: Path, *, program: str = "kargo", **variables: str
) -> list[Call]:
    """Run a script as GitHub does, in a folder with nothing but a stand-in for ./kargo.

    Returns:
        The calls of the stand-in.
    """
    stub = folder / program
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text(_STUB.format(python=sys.executable, known=_KNOWN))
    stub.chmod(0o755)
    calls = folder.parent / "calls"
    environ = {"PATH": os.environ["PATH"], "CALLS": str(calls), **variables}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    subprocess.run(shell, cwd=folder, env=environ, check=True, capture_output=True)
    assert [file for file in folder.rglob("*") if file.is_file()] == [stub]
    return [Call(*json.loads(line)) for line in calls.read_text().splitlines()]
