"""The workflow that builds images: what it may do, and that no message reaches a shell."""

import re

import pytest
from build_workflow import BUILD, PLAN, TEXT, WORKFLOW, run_lines
from workflows import HOSTILE, run_script, steps


def test_nothing_that_somebody_wrote_is_read_but_into_a_variable() -> None:
    read = re.findall(r"\$\{\{ *(.*?) *\}\}", TEXT)
    untrusted = [each for each in read if "message" in each or "head_ref" in each]

    assert untrusted == ["inputs.message", "matrix.job.message"]
    asked = [step["env"]["MESSAGE"] for step in steps(WORKFLOW) if "MESSAGE" in step.get("env", {})]
    assert asked == [f"${{{{ {each} }}}}" for each in untrusted]


def test_may_read_the_repository_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {}
    assert [job["permissions"] for job in (PLAN, BUILD)] == [{"contents": "read"}] * 2


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

    assert concurrency["group"] == "images ${{ matrix.job.group }}"
    assert concurrency["cancel-in-progress"] == "false"
    assert BUILD["strategy"]["fail-fast"] == "false"


@pytest.mark.parametrize("message", HOSTILE)
def test_a_message_passes_through_the_shell_unharmed(message: str) -> None:
    script = run_lines(PLAN, "build-from-commit")

    call = run_script(script, MESSAGE=message, RANGE="..")

    assert call.words == ["build-from-commit", "--dry-run", "--json", f"--message={message}"]


def test_a_push_is_planned_by_its_range() -> None:
    script = run_lines(PLAN, "build-from-commit")

    pushed = f"{'0' * 40}..{'12' * 20}"
    call = run_script(script, MESSAGE="", RANGE=pushed)

    assert call.words == ["build-from-commit", "--dry-run", "--json", f"--range={pushed}"]


@pytest.mark.parametrize("message", HOSTILE)
def test_what_a_job_builds_passes_through_the_shell_unharmed(message: str) -> None:
    script = run_lines(BUILD, "build-from-commit")

    call = run_script(script, MESSAGE=message)

    assert call.words == ["build-from-commit", f"--message={message}", "--push", "--cache"]


def test_each_job_builds_what_the_plan_hands_on() -> None:
    assert BUILD["strategy"]["matrix"] == {"job": "${{ fromJSON(needs.plan.outputs.jobs) }}"}
    assert {"jobs", "has_images"} == set(PLAN["outputs"])
