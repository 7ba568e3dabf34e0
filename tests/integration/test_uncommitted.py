"""What is packed must be committed; what is not packed may be as it likes."""

import subprocess

import pytest
from sandbox import Sandbox
from untouched import everything

VALUES = "greeting: changed\n"


def refused(sandbox: Sandbox, message: str, remedy: str, name: str = "kano") -> None:
    """Run both commands that release a commit, which must tell this and change nothing."""
    before = everything(sandbox)
    for words in (["release-chart", name], ["package-chart", name]):
        ended = sandbox.run(*words, "--json")
        assert ended.exit_code == 3, ended.err
        assert ended.tells(message, remedy), ended.err
    assert everything(sandbox) == before


def released(sandbox: Sandbox, *words: str) -> None:
    ended = sandbox.run("release-chart", *words, "--json")
    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}


def with_library(sandbox: Sandbox) -> None:
    """Make kano need the library chart common."""
    sandbox.write_chart("common", library=True)
    needs = 'dependencies:\n- name: common\n  version: ">=1.0.0"\n  repository: file://../common\n'
    sandbox.write_chart("kano", more=needs)
    sandbox.commit()


def test_names_a_changed_file(local: Sandbox) -> None:
    local.write("charts/kano/values.yaml", VALUES)

    refused(local, "not committed: charts/kano/values.yaml", "--ref HEAD")


def test_names_a_change_that_is_only_staged(local: Sandbox) -> None:
    local.write("charts/kano/values.yaml", VALUES)
    local.git("add", "charts")
    local.git("update-index", "--chmod=+x", "charts/kano/values.yaml")

    refused(local, "not committed: charts/kano/values.yaml", "--ref HEAD")


def test_names_a_removed_file(local: Sandbox) -> None:
    (local.path / "charts/kano/values.yaml").unlink()

    refused(local, "not committed: charts/kano/values.yaml", "--ref HEAD")


def test_names_an_untracked_file(local: Sandbox) -> None:
    local.write("charts/kano/templates/new one.yaml", "1")

    refused(local, "not committed: charts/kano/templates/new one.yaml", "--ref HEAD")


def test_names_some_of_many_files(local: Sandbox) -> None:
    for number in range(9):
        local.write(f"charts/kano/templates/{number}.yaml", "1")

    refused(local, "charts/kano/templates/4.yaml and 4 more", "--ref HEAD")


def test_names_a_change_in_a_dependency(local: Sandbox) -> None:
    with_library(local)
    local.write("charts/common/values.yaml", VALUES)

    refused(local, "not committed: charts/common/values.yaml", "--ref HEAD")


def test_names_an_ignored_file_that_helm_would_pack(local: Sandbox) -> None:
    local.write(".gitignore", "secret/\n")
    local.commit()
    local.write("charts/kano/secret/key.pem", "1")

    refused(
        local,
        "ignored by Git, though Helm would pack it: charts/kano/secret/key.pem",
        ".helmignore",
    )


def test_a_file_name_gives_github_no_command(local: Sandbox) -> None:
    local.write("charts/kano/x\n::set-output name=a::b\n##[add-mask]x\033[2J", "1")

    ended = local.run("release-chart", "kano", environ={"GITHUB_ACTIONS": "true"})

    assert ended.exit_code == 3
    assert "set-output" in ended.err
    lines = ended.err.splitlines()
    assert not any(line.lstrip().startswith("::set-output") or "##[" in line for line in lines)
    assert "\033" not in ended.err


def test_lets_be_what_helmignore_names(local: Sandbox) -> None:
    local.write(".gitignore", "*.log\n")
    local.write("charts/kano/.helmignore", "*.log\nnotes/\n")
    local.commit()
    local.write("charts/kano/debug.log", "1")
    local.write("charts/kano/notes/today.md", "1")

    released(local, "kano")


def test_lets_be_what_helm_dependency_update_writes(local: Sandbox) -> None:
    with_library(local)
    local.write("charts/kano/charts/common-1.0.0.tgz", b"\x1f\x8b not read")
    local.write("charts/kano/Chart.lock", "dependencies: []\n")

    released(local, "kano")


def test_names_an_archive_that_is_no_dependency(local: Sandbox) -> None:
    with_library(local)
    local.write("charts/kano/charts/commoner-1.0.0.tgz", b"\x1f\x8b")

    refused(local, "not committed: charts/kano/charts/commoner-1.0.0.tgz", "--ref HEAD")


def test_lets_be_what_is_elsewhere(local: Sandbox) -> None:
    local.write_chart("other")
    local.commit()
    local.write("charts/other/values.yaml", VALUES)
    local.write("charts/stray.txt", "1")
    local.write("charts/kano-more/x", "1")
    local.write("README.md", "1")

    released(local, "kano")


@pytest.mark.parametrize("ref", ["HEAD", "main"])
def test_releases_the_commit_itself_when_it_is_named(local: Sandbox, ref: str) -> None:
    clean = local.run("package-chart", "kano", "--dry-run", "--json").document["charts"][0]
    local.write("charts/kano/values.yaml", VALUES)
    local.write("charts/kano/new.yaml", "1")

    ended = local.run("release-chart", "kano", "--ref", ref, "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.chart["archive"]["sha256"] == clean["sha256"]
    assert "changed" in (local.path / "charts/kano/values.yaml").read_text()


def test_a_clone_with_other_line_ends_is_not_taken_for_changed(local: Sandbox) -> None:
    local.git("config", "core.autocrlf", "true")
    (local.path / "charts/kano/values.yaml").unlink()
    local.git("checkout", "--quiet", "--", "charts")
    assert b"\r\n" in (local.path / "charts/kano/values.yaml").read_bytes()

    released(local, "kano")


def test_leaves_the_index_as_it_is(local: Sandbox) -> None:
    local.write("README.md", "staged\n")
    local.git("add", "README.md")
    subprocess.run(["touch", "charts/kano/values.yaml"], cwd=local.path, check=True)
    before = (local.path / ".git/index").read_bytes()

    released(local, "kano")

    assert (local.path / ".git/index").read_bytes() == before
