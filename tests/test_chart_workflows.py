"""The workflows on charts, and the action: what starts them, and what their scripts run."""

import pytest
from workflows import ACTION, FOLDER, HOSTILE, action_inputs, read, run_script

RELEASE = read(FOLDER / "release-charts.yml")
JOB = RELEASE["jobs"]["release"]
SCRIPT = JOB["steps"][-1]["run"]
[RUN] = read(ACTION)["runs"]["steps"]
PULL_REQUEST = read(FOLDER / "ci.yml")["jobs"]["charts"]
PROGRAM = ".kargo/program/kargo"
# What GitHub gives for what is neither an input nor set.
NOTHING = dict.fromkeys(JOB["steps"][-1]["env"], "")


def released(**variables: str) -> list[str]:
    return run_script(SCRIPT, program=PROGRAM, **{**NOTHING, **variables}).words


def acted(**variables: str) -> list[str]:
    given = {"COMMAND": "release-chart", "NAMES": "", "OPTIONS": "", "SUMMARY": "false"}
    return run_script(RUN["run"], **{**given, **variables}).words


def test_a_push_of_charts_to_the_main_branch_releases_what_changed() -> None:
    assert RELEASE["on"]["push"] == {
        "branches": ["main"],
        "paths": ["charts/**", "kargo-release.yaml"],
    }
    assert released() == ["release-changed"]


@pytest.mark.parametrize(
    ("charts", "dev", "words"),
    [
        ("", "false", ["release-changed"]),
        ("", "true", ["release-changed", "--dev"]),
        (" \n", "true", ["release-changed", "--dev"]),
        ("kano", "", ["release-chart", "--", "kano"]),
        (" kano  kargo\n web\t", "false", ["release-chart", "--", "kano", "kargo", "web"]),
        ("kano kargo", "true", ["release-dev-chart", "--", "kano", "kargo"]),
    ],
)
def test_what_is_asked_by_hand_is_released(charts: str, dev: str, words: list[str]) -> None:
    assert released(CHARTS=charts, DEV=dev) == words


@pytest.mark.parametrize("text", [*HOSTILE, "--abandon", "-- --abandon", "--ref=HEAD~9"])
def test_names_are_neither_run_nor_taken_for_options(text: str) -> None:
    assert released(CHARTS=text) == ["release-chart", "--", *text.split()]
    assert acted(NAMES=text)[-len(text.split()) - 1 :] == ["--", *text.split()]


@pytest.mark.parametrize(
    ("own", "registry", "options"),
    [("true", "", ["--dry-run"]), ("true", "oci://a/b", []), ("false", "", [])],
)
def test_without_a_registry_this_repository_is_only_planned(
    own: str, registry: str, options: list[str]
) -> None:
    given = {"IS_OWN": own, "KARGO_RELEASE_REGISTRY": registry}

    assert released(**given) == ["release-changed", *options]
    assert released(**given, CHARTS="a", DEV="true") == [
        *("release-dev-chart", *options, "--", "a")
    ]


def test_what_is_not_set_is_no_empty_setting() -> None:
    given = {"KARGO_RELEASE_REGISTRY": "oci://a/b", "AWS_ACCESS_KEY_ID": "AKIA"}

    call = run_script(SCRIPT, program=PROGRAM, **{**NOTHING, **given})

    told = {name for name in call.variables if name.startswith(("KARGO_", "AWS_"))}
    assert told == given.keys()


def test_kargo_release_comes_from_the_commit_of_the_workflow_itself() -> None:
    [own, program, _] = JOB["steps"]

    assert program["with"]["repository"] == "${{ job.workflow_repository }}"
    assert program["with"]["ref"] == "${{ job.workflow_sha }}"
    assert f"{program['with']['path']}/kargo" == PROGRAM
    assert not {"repository", "ref", "path"} & own["with"].keys()


def test_releases_go_one_after_the_other_with_the_whole_history() -> None:
    assert JOB["concurrency"] == {"group": "release charts", "cancel-in-progress": "false"}
    assert JOB["steps"][0]["with"]["fetch-depth"] == "0"


def test_other_repositories_give_and_get_the_same() -> None:
    called = RELEASE["on"]["workflow_call"]

    assert called["inputs"] == RELEASE["on"]["workflow_dispatch"]["inputs"]
    assert called["outputs"].keys() == JOB["outputs"].keys()
    said = (FOLDER / "release-charts.yml").read_text()
    assert all(said.count(f"secrets.{name} }}}}") == 1 for name in called["secrets"])
    assert said.count("${{ secrets.") == len(called["secrets"])


def test_the_action_takes_an_option_a_line_and_names_after_them() -> None:
    assert acted(COMMAND="changed-charts") == ["changed-charts"]
    options = "--ref=a b\n\n--dry-run\n"
    words = ["release-chart", "--ref=a b", "--dry-run", "--", "kano", "web"]
    assert acted(OPTIONS=options, NAMES="kano\nweb ") == words


@pytest.mark.parametrize("text", [each for each in HOSTILE if "\n" not in each])
def test_a_line_of_options_is_one_argument(text: str) -> None:
    assert acted(OPTIONS=f"--ref={text}") == ["release-chart", f"--ref={text}"]
    assert acted(COMMAND=text) == [text]


def test_the_action_reads_its_inputs_into_variables_and_hands_on_outputs() -> None:
    said = read(ACTION)

    assert sorted(RUN["env"].values()) == sorted(f"${{{{ inputs.{n} }}}}" for n in said["inputs"])
    assert {name: each["value"] for name, each in said["outputs"].items()} == {
        name: f"${{{{ steps.run.outputs.{name} }}}}"
        for name in ("charts", "has_charts", "images", "has_images", "jobs")
    }


def test_a_pull_request_gets_no_secret_and_asks_no_server() -> None:
    assert "secrets" not in (FOLDER / "ci.yml").read_text()
    assert PULL_REQUEST["if"] == "github.event_name == 'pull_request'"
    assert PULL_REQUEST["env"]["KARGO_RELEASE_REGISTRY"] == "local"


def test_a_pull_request_is_shown_and_then_checked_whatever_was_shown() -> None:
    [_, shown, checked] = PULL_REQUEST["steps"]

    assert acted(**action_inputs(shown)) == [*("diff-chart", "--since=HEAD^1", "--markdown")]
    assert acted(**action_inputs(checked)) == [
        *("release-changed", "--require-bump", "--dry-run", "--since=HEAD^1")
    ]
    assert checked["if"] == "${{ !cancelled() }}"
