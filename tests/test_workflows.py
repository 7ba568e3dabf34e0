"""What holds for every workflow, and for the action: no mistake, no text run, no right too many."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from actionlint import Actionlint, actionlint
from build_workflow import TEXT
from workflows import ACTION, FOLDER, ROOT, parsed, read, steps

EXAMPLES = re.findall(
    r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "workflows.md").read_text(), re.MULTILINE | re.DOTALL
)
FILES = sorted(FOLDER.iterdir())
CHECKOUT = "actions/checkout@"
# The linter is older than this label of GitHub's, variables, and what a job tells of itself.
UNKNOWN_TO_IT = re.compile(
    r'\d+: (runner-label: label "ubuntu-24.04" is unknown\b'
    r'|expression: undefined variable "vars"\.'
    r'|expression: property "workflow_(repository|sha)" is not defined in object type {.*status: )'
)


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Actionlint:
    return actionlint(tmp_path_factory.mktemp("actionlint"))


def mistakes(linter: Actionlint, text: str) -> list[str]:
    return [each for each in linter.findings(text) if not UNKNOWN_TO_IT.match(each)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actionlint_finds_nothing(linter: Actionlint, file: Path) -> None:
    assert mistakes(linter, file.read_text()) == []


def test_what_other_repositories_are_told_to_write_is_right(linter: Actionlint) -> None:
    called = read(FOLDER / "release-charts.yml")["on"]["workflow_call"]
    release, charts = EXAMPLES

    for text in EXAMPLES:
        assert mistakes(linter, text) == []
    [job] = parsed(release)["jobs"].values()
    assert job["with"].keys() == called["inputs"].keys()
    assert job["secrets"].keys() == called["secrets"].keys()
    assert job["permissions"] == {"contents": "write"}
    assert parsed(release)["on"]["workflow_dispatch"]["inputs"].keys() == job["with"].keys()
    ours = read(FOLDER / "ci.yml")["jobs"]["charts"]
    assert parsed(charts)["jobs"]["charts"]["env"] == ours["env"]
    assert [step["with"] for step in steps(parsed(charts))] == [
        step["with"] for step in ours["steps"]
    ]


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


def every_step() -> Iterator[dict[str, Any]]:
    for file in (*FILES, ACTION):
        yield from steps(read(file))


def test_the_action_is_one_that_github_takes() -> None:
    said = read(ACTION)
    uses = [step["with"] for step in every_step() if step.get("uses") == "./"]

    assert {"name", "description", "runs"} <= said.keys()
    assert said["runs"]["using"] == "composite"
    # Of a workflow's step the shell may be left out, of an action's not.
    assert all(step["shell"] == "bash" for step in steps(said))
    assert all(
        each["description"] for each in (*said["inputs"].values(), *said["outputs"].values())
    )
    assert len(uses) == 2
    assert all({"command"} <= given.keys() <= said["inputs"].keys() for given in uses)


def test_no_expression_stands_in_a_line_that_a_shell_runs() -> None:
    scripts = [step["run"] for step in every_step() if "run" in step]

    assert len(scripts) == 6
    assert [script for script in scripts if "${{" in script] == []


def test_actions_are_ours_or_pinned_to_one_commit_with_its_version() -> None:
    lines = [
        line.partition("uses: ")[2]
        for file in (*FILES, ACTION)
        for line in file.read_text().splitlines()
        if "uses: " in line
    ]
    foreign = {line for line in lines if line != "./"}

    assert len(foreign) == 1
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in foreign)


def test_a_token_stays_in_the_clone_only_where_tags_are_pushed() -> None:
    kept = {
        (file.name, job)
        for file in FILES
        for job, said in read(file)["jobs"].items()
        for step in said["steps"]
        if step.get("uses", "").startswith(CHECKOUT)
        and step["with"]["persist-credentials"] != "false"
    }

    assert kept == {("release-charts.yml", "release")}


def test_only_the_job_that_tags_may_write_and_nothing_but_the_repository() -> None:
    rights = {
        (file.name, job): said.get("permissions", read(file)["permissions"])
        for file in FILES
        for job, said in read(file)["jobs"].items()
    }

    assert rights.pop(("release-charts.yml", "release")) == {"contents": "write"}
    assert list(rights.values()) == [{"contents": "read"}] * 4
    assert all(read(file)["permissions"] in ({}, {"contents": "read"}) for file in FILES)


def test_every_job_ends_by_itself() -> None:
    jobs = [job for file in FILES for job in read(file)["jobs"].values()]

    assert all(int(job["timeout-minutes"]) <= 150 for job in jobs)
