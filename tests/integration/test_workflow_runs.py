"""The scripts of the workflows and the action, run as GitHub runs them, with the real command."""

import os
import subprocess
from pathlib import Path

import pytest
from changing import write_platform
from sandbox import PROGRAM, Ended, Sandbox
from workflows import ACTION, FOLDER, action_inputs, read, shell

RELEASE = read(FOLDER / "release-charts.yml")["jobs"]["release"]["steps"][-1]
ACT = read(ACTION)["runs"]["steps"][-1]["run"]
SHOWN, CHECKED = read(FOLDER / "ci.yml")["jobs"]["charts"]["steps"][1:]
PULL_REQUEST = read(FOLDER / "ci.yml")["jobs"]["charts"]["env"]
KARGO = f"import os, sys\nos.execv({str(PROGRAM)!r}, ['kargo-release', *sys.argv[1:]])\n"


def run(sandbox: Sandbox, script: str, **variables: str) -> Ended:
    """Run a script in a clone, with what GitHub gives to every step."""
    program = sandbox.write(".kargo/program/kargo", KARGO).parent
    around = sandbox.path.parent
    github = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(program)}
    github |= {"GITHUB_OUTPUT": f"{around}/output", "GITHUB_STEP_SUMMARY": f"{around}/page"}
    environ = {**os.environ, **github, **variables}
    done = subprocess.run(
        shell(script), cwd=sandbox.path, env=environ, check=False, capture_output=True, text=True
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def released(sandbox: Sandbox, **variables: str) -> Ended:
    """Run the step that releases; what is not given is empty."""
    given = {**dict.fromkeys(RELEASE["env"], ""), "IS_OWN": "false"}
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    return run(sandbox, RELEASE["run"], **{**given, **keys, **sandbox.environ, **variables})


def told(sandbox: Sandbox, name: str) -> str:
    return (sandbox.path.parent / name).read_text()


def test_releases_what_changed_and_tells_it_to_github(platform: Sandbox) -> None:
    ended = released(platform)

    assert ended.exit_code == 0, ended.err
    assert set(platform.remote_refs()) == {"refs/heads/main", "refs/tags/kano-1.0.0"}
    assert 'charts=[{"name": "kano", "version": "1.0.0"}]\nhas_charts=true' in told(
        platform, "output"
    )
    assert "| kano | 1.0.0 | published" in told(platform, "page")


def test_what_is_named_is_released_and_nothing_that_looks_like_an_option(
    platform: Sandbox,
) -> None:
    ended = released(platform, CHARTS="kano --abandon $(touch pwned)")

    assert ended.exit_code == 2
    assert "there is no chart '--abandon'" in ended.err
    assert set(platform.remote_refs()) == {"refs/heads/main"}
    assert not (platform.path / "pwned").exists()

    ended = released(platform, CHARTS=" kano\n")
    assert ended.exit_code == 0, ended.err
    assert 'charts=[{"name": "kano", "version": "1.0.0"}]' in told(platform, "output")


def test_this_repository_is_planned_and_not_changed(local: Sandbox) -> None:
    local.write("kargo-release.yaml", "registry: local\n")
    local.commit()

    ended = released(local, IS_OWN="true")

    assert ended.exit_code == 0, ended.err
    assert "KARGO_RELEASE_REGISTRY of this repository is not set" in ended.out
    assert "Charts that would be released" in told(local, "page")
    assert local.git("tag") == ""
    assert not (local.path / ".kargo/registry").exists()


def test_another_repository_without_a_registry_is_refused(local: Sandbox) -> None:
    ended = released(local)

    assert ended.exit_code == 3
    assert "no registry is set" in ended.err


@pytest.fixture
def pull_request(tmp_path: Path) -> Sandbox:
    """Return what GitHub makes of a pull request: its merge, into a base that went on."""
    sandbox = Sandbox.make(tmp_path / "clone")
    write_platform(sandbox)
    sandbox.commit()
    assert sandbox.run("release-changed").exit_code == 0
    sandbox.git("switch", "--quiet", "--create", "change")
    sandbox.write("charts/alone/templates/map.yaml", "kind: A\nmetadata:\n  name: new\n")
    sandbox.commit()
    sandbox.git("switch", "--quiet", "main")
    sandbox.write("charts/web/values.yaml", "greeting: of somebody else\n")
    sandbox.commit()
    sandbox.git("merge", "--quiet", "--no-ff", "--message", "Merge", "change")
    return sandbox


def test_a_pull_request_is_shown_and_asked_for_a_bump_of_its_own_charts(
    pull_request: Sandbox,
) -> None:
    shown = run(pull_request, ACT, **PULL_REQUEST, **action_inputs(SHOWN))
    assert shown.exit_code == 0, shown.err
    assert "<code>alone</code>" in told(pull_request, "page")
    assert "<code>web</code>" not in told(pull_request, "page")
    assert "+kind: A" in shown.out

    checked = run(pull_request, ACT, **PULL_REQUEST, **action_inputs(CHECKED))
    assert checked.exit_code == 3
    assert "changed since released as the same version: alone 1.0.0" in checked.err

    assert pull_request.run("bump-chart", "alone", "--part", "minor", "--commit").exit_code == 0
    pull_request.git("reset", "--quiet", "--soft", "HEAD~1")
    pull_request.git("commit", "--quiet", "--amend", "--no-edit")
    again = run(pull_request, ACT, **PULL_REQUEST, **action_inputs(CHECKED))
    assert again.exit_code == 0, again.err
    assert "alone-1.1.0" not in pull_request.git("tag")
