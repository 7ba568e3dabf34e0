"""The workflows and the action, as their files say it, and how GitHub runs their scripts."""

import json
import os
import subprocess
import sys
import tempfile
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
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
"""


class Call(NamedTuple):
    """How a stand-in for ./kargo was called."""

    words: list[str]
    variables: dict[str, str]


def read(file: Path) -> dict[str, Any]:
    """Return what a workflow or action says."""
    return parsed(file.read_text())


def parsed(text: str) -> dict[str, Any]:
    """Return what the text of a workflow or action says, in texts, lists and mappings."""
    # Without PyYAML's kinds, to which the key `on` would be a truth value.
    said: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - makes texts only
    return said


def steps(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a workflow or action."""
    for job in [*said.get("jobs", {}).values(), said.get("runs", {})]:
        yield from job.get("steps", ())


def action_inputs(step: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the action's script gets, of a step that uses the action."""
    said, given = read(ACTION)["inputs"], step["with"]
    return {name.upper(): given.get(name, each.get("default", "")) for name, each in said.items()}


def shell(script: str) -> list[str]:
    """Return the command by which GitHub runs a script of an action, or of a workflow, nearly."""
    return ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]


def run_script(script: str, *, program: str = "kargo", **variables: str) -> Call:
    """Run a script in a folder with nothing but a stand-in for ./kargo, which it calls once.

    Args:
        script: Of a step.
        program: Where the stand-in is.
        variables: What the step is given, beside what GitHub gives every step.
    """
    with tempfile.TemporaryDirectory() as name:
        around = Path(name)
        folder = around / "work"
        stub = folder / program
        stub.parent.mkdir(parents=True)
        (folder / "charts").mkdir()  # what a pattern that is not quoted would become
        stub.write_text(_STUB.format(python=sys.executable))
        stub.chmod(0o755)
        github = {"GITHUB_ACTION_PATH": str(folder), "GITHUB_STEP_SUMMARY": str(around / "page")}
        environ = {"PATH": os.environ["PATH"], "CALLS": str(around / "calls")} | github
        command = shell(script)
        subprocess.run(
            command, cwd=folder, env=environ | variables, check=True, capture_output=True
        )
        assert [file for file in folder.rglob("*") if file.is_file()] == [stub]
        [call] = (around / "calls").read_text().splitlines()
        return Call(*json.loads(call))
