"""The workflow that builds images: what it may do, and that no message reaches a shell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from actionlint import Actionlint, actionlint
from build_workflow import BUILD, FILE, PLAN, TEXT, WORKFLOW, run_lines

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
STUB = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Actionlint:
    return actionlint(tmp_path_factory.mktemp("actionlint"))


def steps() -> Iterator[dict[str, Any]]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


# The linter is older than this label of GitHub's.
UNKNOWN_TO_IT = re.compile(r'\d+: runner-label: label "ubuntu-24.04" is unknown\b')


@pytest.mark.parametrize("file", sorted(FILE.parent.iterdir()), ids=lambda file: file.name)
def test_actionlint_finds_nothing(linter: Actionlint, file: Path) -> None:
    found = linter.findings(file.read_text())

    assert [each for each in found if not UNKNOWN_TO_IT.match(each)] == []


@pytest.mark.parametrize(
    ("wrong", "right", "finding"),
    [
        ("${{ github.event.head_commit.message }}", "$MESSAGE", "potentially untrusted"),
        ("steps.plam.outputs", "steps.plan.outputs", 'property "plam" is not defined'),
        ("needs: plam", "needs: plan", "plam"),
        ("contians(", "contains(", "undefined function"),
        ("contents: reed", "contents: read", "reed"),
    ],
)
def test_actionlint_would_find_a_mistake(
    linter: Actionlint, wrong: str, right: str, finding: str
) -> None:
    assert right in TEXT

    assert finding in "\n".join(linter.findings(TEXT.replace(right, wrong)))


def test_no_expression_stands_in_a_line_that_a_shell_runs() -> None:
    scripts = [step["run"] for step in steps() if "run" in step]

    assert len(scripts) == 3
    assert [script for script in scripts if "${{" in script] == []


def test_nothing_that_somebody_wrote_is_read_but_into_a_variable() -> None:
    read = re.findall(r"\$\{\{ *(.*?) *\}\}", TEXT)
    untrusted = [each for each in read if "message" in each or "head_ref" in each]

    assert untrusted == ["inputs.message", "matrix.job.message"]
    asked = [step["env"]["MESSAGE"] for step in steps() if "MESSAGE" in step.get("env", {})]
    assert asked == [f"${{{{ {each} }}}}" for each in untrusted]


def test_may_read_the_repository_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {}
    assert [job["permissions"] for job in (PLAN, BUILD)] == [{"contents": "read"}] * 2


def test_keeps_no_token_in_the_clone() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]

    assert len(checkouts) == 2
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_actions_are_pinned_to_the_commit_that_the_tests_use_too() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}

    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in used)
    assert all(each in (FILE.parent / "test.yml").read_text() for each in used)


def test_no_job_runs_for_a_push_without_a_marker() -> None:
    wanted = "contains(join(github.event.commits.*.message, ' '), '[build')"

    assert PLAN["if"].split("||")[1].strip() == wanted
    assert BUILD["needs"] == "plan"
    # What is skipped has no outputs.
    assert BUILD["if"] == "${{ !cancelled() && needs.plan.outputs.has_images == 'true' }}"


def test_runs_for_pushes_of_this_repository_alone() -> None:
    assert set(WORKFLOW["on"]) == {"push", "workflow_dispatch"}


def test_plans_with_the_whole_history() -> None:
    [checkout] = [step for step in PLAN["steps"] if "uses" in step]

    assert checkout["with"]["fetch-depth"] == "0"


def test_builds_of_the_same_wait_for_each_other() -> None:
    concurrency = BUILD["concurrency"]

    assert concurrency["group"] == "images ${{ matrix.job.name }}"
    assert concurrency["cancel-in-progress"] == "false"
    assert BUILD["strategy"]["fail-fast"] == "false"


def run(script: str, folder: Path, **variables: str) -> list[list[str]]:
    """Run a script of the workflow as GitHub does; return the calls of the stand-in for ./kargo."""
    stub = folder / "kargo"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    calls = folder.parent / "calls"
    environ = {"PATH": os.environ["PATH"], "CALLS": str(calls), **variables}
    subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environ, check=True)
    assert [file.name for file in folder.iterdir()] == ["kargo"]
    return [json.loads(line) for line in calls.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize("message", HOSTILE)
def test_a_message_passes_through_the_shell_unharmed(folder: Path, message: str) -> None:
    script = run_lines(PLAN, "build-from-commit")

    [call] = run(script, folder, MESSAGE=message, RANGE="..")

    assert call == ["build-from-commit", "--dry-run", "--json", f"--message={message}"]


def test_a_push_is_planned_by_its_range(folder: Path) -> None:
    script = run_lines(PLAN, "build-from-commit")

    [call] = run(script, folder, MESSAGE="", RANGE=f"{'0' * 40}..{'12' * 20}")

    assert call == ["build-from-commit", "--dry-run", "--json", f"--range={'0' * 40}..{'12' * 20}"]


@pytest.mark.parametrize("message", HOSTILE)
def test_what_a_job_builds_passes_through_the_shell_unharmed(folder: Path, message: str) -> None:
    script = run_lines(BUILD, "build-from-commit")

    [call] = run(script, folder, MESSAGE=message)

    assert call == ["build-from-commit", f"--message={message}", "--push", "--cache"]


def test_each_job_builds_what_the_plan_hands_on() -> None:
    assert BUILD["strategy"]["matrix"] == {"job": "${{ fromJSON(needs.plan.outputs.jobs) }}"}
    assert {"jobs", "has_images"} == set(PLAN["outputs"])
