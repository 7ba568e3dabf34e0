"""What doctor finds out of the settings, Git and the charts of a clone."""

import os
import shutil
from pathlib import Path

import pytest
from diagnosis import Told, ask
from sandbox import Sandbox

from kargo_release.charts.doctor import clone

GIT, IDENTITY, CHARTS = clone.NAMES


def look(sandbox: Sandbox) -> dict[str, Told]:
    return ask(clone.look_at_clone, sandbox)


def settings(sandbox: Sandbox) -> str:
    told = ask(clone.look_at_settings, sandbox)["settings"]
    assert told.state == "ok"
    return told.message


def test_finds_nothing_wrong(local: Sandbox) -> None:
    found = look(local)

    assert {each.state for each in found.values()} == {"ok"}
    version = local.git("version").removeprefix("git version ")
    assert found[GIT].message == f"Git {version}"
    assert found[IDENTITY].message == "tags are made by Ada <ada@example.com>"
    assert found[CHARTS].message == "1 chart in charts/ at HEAD"


def test_tells_the_settings_in_force(local: Sandbox) -> None:
    assert settings(local) == (
        "no kargo-release.yaml, so the defaults: registry local, backup local, "
        "image_registry none, dev_version 0.0.0-dev, jobs 8"
    )

    local.write("kargo-release.yaml", "registry: oci://example.com/helm\njobs: 2\n")
    local.environ["KARGO_RELEASE_JOBS"] = "3"

    assert settings(local) == (
        "kargo-release.yaml: registry oci://example.com/helm, backup none, "
        "image_registry none, dev_version 0.0.0-dev, jobs 3"
    )


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("2.29.3", "error"),
        ("1.9", "error"),
        ("2.30.0", "ok"),
        ("2.39.5 (Apple Git-154)", "ok"),
        ("3.0.0-rc1", "ok"),
    ],
)
def test_refuses_a_git_that_is_too_old(
    local: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, state: str
) -> None:
    real = shutil.which("git")
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nfor last; do :; done\n"
        f'[ "$last" = version ] && echo "git version {said}" && exit\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    told = look(local)[GIT]

    assert told.state == state
    assert said in told.message
    assert told.remedy == ("Install Git 2.30 or newer." if state == "error" else "")


def test_tells_whose_name_tags_bear_where_nobody_has_one(local: Sandbox) -> None:
    local.git("config", "--unset", "user.name")
    local.git("config", "--unset", "user.email")

    assert look(local)[IDENTITY].message == (
        "tags are made by kargo-release <kargo-release@localhost>"
    )


def test_tells_that_there_is_no_chart(local: Sandbox) -> None:
    local.environ["KARGO_RELEASE_CHARTS"] = "elsewhere"

    told = look(local)[CHARTS]

    assert told.state == "error"
    assert told.message == "HEAD has no chart in elsewhere/"
    assert "`charts`" in told.remedy


def test_tells_that_there_is_no_commit_yet(tmp_path: Path) -> None:
    found = look(Sandbox.make(tmp_path / "empty"))

    assert found[CHARTS].state == "error"
    assert "no commit yet" in found[CHARTS].message
    assert found[CHARTS].remedy
    assert found[GIT].state == "ok"
