"""The plan of the workflow that builds images: its own shell lines, over real pushes."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from build_workflow import PLAN, run_lines
from sandbox import PROGRAM, Sandbox

ZEROS = "0" * 40


@dataclass(frozen=True)
class Planned:
    """What a run of the job left."""

    done: "subprocess.CompletedProcess[str]"
    outputs: dict[str, Any]

    @property
    def builds(self) -> list[str]:
        """The builds that are handed on, as ``app:tag``."""
        assert self.outputs["has_images"] == bool(self.outputs["images"])
        return [f"{each['app']}:{each['tag']}" for each in self.outputs["images"]]


@dataclass(frozen=True)
class Runner:
    """Runs the lines as GitHub does, in a clone of what was pushed."""

    sandbox: Sandbox
    folder: Path

    def __call__(self, before: str = "", message: str = "") -> Planned:
        self.sandbox.push()
        clone = self.sandbox.clone(self.folder / "clone")
        (clone.path / "kargo").symlink_to(PROGRAM)
        file = self.folder / "output"
        variables = {
            **os.environ,
            "DOCKER_HOST": f"unix://{self.folder}/no.sock",  # a plan is made without an engine
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(file),
            "MESSAGE": message,
            "RANGE": f"{before}..{clone.git('rev-parse', 'HEAD')}",
        }
        script = ["bash", "-e", "-c", run_lines(PLAN, "build-from-commit")]
        done = subprocess.run(
            script, cwd=clone.path, env=variables, capture_output=True, text=True, check=False
        )
        lines = file.read_text().splitlines() if file.exists() else []
        outputs = (line.partition("=") for line in lines)
        return Planned(done, {name: json.loads(value) for name, _, value in outputs})


@pytest.fixture
def plan(tmp_path: Path) -> Runner:
    sandbox = Sandbox.make(tmp_path / "work")
    sandbox.add_remote(tmp_path / "remote.git")
    for app in ("kano", "mapcache"):
        sandbox.write(f"images/{app}/Dockerfile", "FROM debian:bookworm-slim\nUSER 1000\n")
        sandbox.write(f"images/{app}/image.yaml", "version: 1.2.3\n")
    sandbox.commit("Add images [build kano old]")
    sandbox.push()
    return Runner(sandbox, tmp_path)


def commit(plan: Runner, message: str) -> str:
    plan.sandbox.git("commit", "--quiet", "--allow-empty", "--message", message)
    return plan.sandbox.git("rev-parse", "HEAD")


def test_hands_on_what_all_commits_of_a_push_ask_for(plan: Runner) -> None:
    before = plan.sandbox.git("rev-parse", "HEAD")
    commit(plan, "Mend [build mapcache][skip ci]")
    commit(plan, "Mend\n\n[build kano 2.0]")
    commit(plan, "Mend more")

    planned = plan(before)

    assert planned.outputs["images"] == [
        {"app": "mapcache", "append": "", "tag": "1.2.3-latest"},
        {"app": "kano", "append": "2.0", "tag": "1.2.3-2.0"},
    ]
    assert planned.outputs["has_images"] is True
    assert [each["message"] for each in planned.outputs["jobs"]] == [
        "[build mapcache]",
        "[build kano 2.0]",
    ]


def test_hands_on_nothing_for_what_only_looks_like_a_marker(plan: Runner) -> None:
    before = plan.sandbox.git("rev-parse", "HEAD")
    commit(plan, "Mend the [builder] [build]")

    planned = plan(before)

    assert planned.done.returncode == 0, planned.done.stderr
    assert planned.builds == []
    assert "names no image" in planned.done.stderr


def test_hands_on_nothing_at_all_when_one_name_is_misspelt(plan: Runner) -> None:
    before = plan.sandbox.git("rev-parse", "HEAD")
    commit(plan, "[build kano] [build mapcahe]")

    planned = plan(before)

    assert planned.done.returncode == 2
    assert planned.outputs == {}
    assert json.loads(planned.done.stdout)["error"]["remedy"] == "Perhaps you meant mapcache."


def test_hands_on_what_a_new_branch_asks_for(plan: Runner) -> None:
    plan.sandbox.git("checkout", "--quiet", "-b", "maps")
    commit(plan, "[build mapcache dev]")
    plan.sandbox.git("push", "--quiet", "origin", "maps")
    assert plan.sandbox.remote is not None
    plan.sandbox.remote_git("symbolic-ref", "HEAD", "refs/heads/maps")

    assert plan(ZEROS).builds == ["mapcache:1.2.3-dev"]


def test_tells_what_to_do_after_a_forced_push(plan: Runner) -> None:
    planned = plan("12" * 20)

    assert planned.done.returncode == 2
    assert planned.outputs == {}
    assert "forced push" in planned.done.stderr


@pytest.mark.parametrize(
    "message", ["[build kano by-hand]", "- [build kano by-hand]", "--json\n[build kano by-hand]"]
)
def test_hands_on_what_is_asked_for_by_hand(plan: Runner, message: str) -> None:
    assert plan(message=message).builds == ["kano:1.2.3-by-hand"]


def test_no_message_runs_anything(plan: Runner) -> None:
    before = plan.sandbox.git("rev-parse", "HEAD")
    flag = plan.folder / "seen"
    commit(
        plan, f"$(touch {flag}) `touch {flag}`; touch {flag} [build kano] [build $(touch${{IFS}}x)]"
    )

    planned = plan(before)

    assert planned.done.returncode == 2
    assert not flag.exists()
