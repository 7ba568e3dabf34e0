"""What doctor finds out of Helm and Docker."""

import os
import sys
from pathlib import Path

import pytest
from diagnosis import Told, ask
from sandbox import Sandbox

from kargo_release.charts.doctor import programs
from kargo_release.errors import RefusedError

STAND_IN = Path(__file__).parents[2] / "helm_program.py"


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, script: str) -> Path:
    """Make a program that is found before all others."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return program


def helm(sandbox: Sandbox) -> Told:
    return ask(programs.look_at_helm, sandbox)["helm"]


def docker(sandbox: Sandbox) -> Told:
    return ask(programs.look_at_docker, sandbox)["docker"]


def test_tells_the_version_of_the_sdk(local: Sandbox) -> None:
    told = helm(local)

    assert told.state == "ok"
    assert told.message.startswith("Helm v4.")
    assert "by the SDK" in told.message
    assert "may take 60 s" in told.message


def test_tells_the_version_and_the_place_of_the_program(
    local: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_on_path(
        monkeypatch, tmp_path / "bin", "helm", f'exec "{sys.executable}" "{STAND_IN}" "$@"'
    )
    local.environ["KARGO_RELEASE_HELM"] = "path"

    told = helm(local)

    assert told.state == "ok"
    assert f"by the program {program};" in told.message
    assert told.message.startswith("Helm v4.")


def test_raises_that_there_is_no_helm(local: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "helm_python", None)
    monkeypatch.setenv("PATH", str(local.path))

    with pytest.raises(RefusedError, match="no Helm was found") as told:
        helm(local)

    assert "pip install 'kargo-release[helm]'" in told.value.remedy


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no >&2; exit 1", "Helm does not tell its version: helm failed .*: no"),
        (
            '[ "$1" = version ] && echo v2.17.0 && exit; echo "Error: unknown flag" >&2; exit 1',
            "Helm v2.17.0, by the program .*, refuses a chart without fault: unknown flag$",
        ),
    ],
)
def test_raises_that_helm_does_not_work(
    local: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    put_on_path(monkeypatch, tmp_path / "bin", "helm", script)
    local.environ["KARGO_RELEASE_HELM"] = "path"

    with pytest.raises(RefusedError, match=f"(?m){message}") as told:
        helm(local)

    assert told.value.remedy.startswith("Install another")


def test_needs_no_docker_without_images(local: Sandbox) -> None:
    assert docker(local) == Told(
        "not needed", "there is no folder images/, so no image to build", ""
    )


def test_tells_the_version_of_dockers_engine(
    local: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.write("images/app/Dockerfile", "FROM scratch\n")
    put_on_path(monkeypatch, tmp_path / "bin", "docker", "echo 28.2.2")

    assert docker(local) == Told("ok", "Docker's engine is 28.2.2", "")


def test_looks_into_the_folder_of_images_that_is_set(local: Sandbox) -> None:
    local.environ["KARGO_RELEASE_IMAGES"] = "docker"
    local.write("images/app/Dockerfile", "FROM scratch\n")

    assert "no folder docker/" in docker(local).message


def test_raises_that_dockers_engine_does_not_answer(
    local: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.write("images/app/Dockerfile", "FROM scratch\n")
    script = 'echo "Cannot connect to the Docker daemon at unix:///x." >&2; exit 1'
    put_on_path(monkeypatch, tmp_path / "bin", "docker", script)

    with pytest.raises(RefusedError, match=r"engine does not answer: .*Cannot connect") as told:
        docker(local)

    assert "DOCKER_HOST" in told.value.remedy


def test_raises_that_there_is_no_docker(local: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    local.write("images/app/Dockerfile", "FROM scratch\n")
    monkeypatch.setenv("PATH", str(local.path))

    with pytest.raises(RefusedError, match="the program docker was not found") as told:
        docker(local)

    assert "on PATH" in told.value.remedy
