"""The door to a real engine: images, their files, containers that run once, pushes."""

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from docker_engine import DEBIAN, DockerEngine
from servers import DockerRegistry, docker_registry, free_port

from kargo_release.docker.engine import Engine
from kargo_release.docker.login import Login
from kargo_release.errors import FailedError, RefusedError

FOREVER = ["sleep", "1000"]


def quiet() -> None:
    """Let a command go on."""


@pytest.fixture(params=["docker_engine", "newer_engine"])
def running(request: pytest.FixtureRequest) -> DockerEngine:
    found: DockerEngine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def environ(running: DockerEngine) -> Mapping[str, str]:
    return {**os.environ, "DOCKER_HOST": running.host}


@pytest.fixture
def engine(environ: Mapping[str, str]) -> Engine:
    return Engine.connect(environ)


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:{port}", "odd"])
def test_says_what_to_do_where_no_engine_is(host: str) -> None:
    with pytest.raises(RefusedError, match="engine does not answer") as caught:
        Engine.connect({"DOCKER_HOST": host.format(port=free_port())})
    assert "DOCKER_HOST" in caught.value.remedy


def test_says_what_an_engine_behind_ssh_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where paramiko is installed, too.
    monkeypatch.delattr("docker.api.client.SSHHTTPAdapter", raising=False)

    with pytest.raises(RefusedError, match="ssh://there is reached by ssh") as caught:
        Engine.connect({"DOCKER_HOST": "ssh://there"})
    assert "paramiko" in caught.value.remedy
    assert "DOCKER_HOST" in caught.value.remedy


def test_tells_what_an_image_is(engine: Engine) -> None:
    image = engine.image(DEBIAN)

    assert image is not None
    assert image.id.startswith("sha256:")
    assert image.command == ("bash",)
    assert image.platform == engine.platform
    assert image.size > 10_000_000
    assert engine.image("nobody/has:this") is None


def test_reads_an_image_s_files_and_leaves_no_container(
    engine: Engine, running: DockerEngine
) -> None:
    before = running.containers()
    with engine.opened(DEBIAN) as opened:
        files = {each.path: each for each in opened.every(["etc/passwd"])}
        # Folders may have such bits, too, and links lead to who has them.
        odd = [path for path, each in files.items() if each.set_ids or each.mode & 0o6000]
        asked = (*odd, "bin", "usr/bin/env", "dev/null", "etc/none")
        told = {path: opened.set_ids(path) for path in asked}

    assert files["usr/bin/su"].set_ids == 0o4000
    assert not files["usr/bin/env"].set_ids
    assert files["bin"].link == "usr/bin"
    assert b"root:x:0:0" in files["etc/passwd"].content
    assert told == {path: files[path].set_ids if path in files else 0 for path in asked}
    assert {0, 0o2000, 0o4000} == set(told.values())
    assert not running.containers() - before


def test_runs_a_command_without_rights_and_without_network(
    engine: Engine, running: DockerEngine
) -> None:
    before = running.containers()
    script = "grep CapEff /proc/self/status; ls /sys/class/net; echo bad >&2; exit 3"
    ended = engine.run(DEBIAN, ["sh", "-c", script], 60, quiet)

    assert ended.exit_code == 3
    # The engine takes both streams down side by side.
    assert set(ended.output.splitlines()) == {"CapEff:\t0000000000000000", "lo", "bad"}
    assert not running.containers() - before


def test_ends_a_command_that_does_not(engine: Engine, running: DockerEngine) -> None:
    before = running.containers()
    ended = engine.run(DEBIAN, FOREVER, 0.5, quiet)

    assert ended.exit_code is None
    assert not running.containers() - before


def test_ends_a_command_that_somebody_stops(engine: Engine, running: DockerEngine) -> None:
    before = running.containers()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(DEBIAN, FOREVER, 60, stop)
    assert not running.containers() - before


def test_keeps_the_end_of_a_long_output(engine: Engine) -> None:
    ended = engine.run(DEBIAN, ["sh", "-c", "seq 1 300000; echo last"], 60, quiet)

    assert ended.output.endswith("last\n")
    assert len(ended.output) <= 64 << 10


def test_tells_a_program_that_is_not_there(engine: Engine, running: DockerEngine) -> None:
    before = running.containers()
    with pytest.raises(FailedError, match="nothing-of-the-kind"):
        engine.run(DEBIAN, ["nothing-of-the-kind"], 60, quiet)
    assert not running.containers() - before


def test_pushes_and_returns_the_manifest_s_digest(
    engine: Engine, docker_host: DockerRegistry
) -> None:
    reference = f"{docker_host.host}/{uuid4().hex}/debian:1"
    engine.tag(DEBIAN, reference)
    told: list[str] = []

    digest = engine.push(reference, told.append)

    assert digest.startswith("sha256:")
    image = engine.image(reference)
    assert image is not None
    assert f"{reference.removesuffix(':1')}@{digest}" in image.repo_digests
    assert told


@pytest.mark.parametrize("password", ["", "s3cret-wrong"])
def test_tells_a_push_without_the_right_password(
    environ: Mapping[str, str], engine: Engine, tmp_path: Path, password: str
) -> None:
    with docker_registry(tmp_path, htpasswd={"ada": "s3cret"}) as registry:
        reference = f"{registry.host}/team/debian:1"
        engine.tag(DEBIAN, reference)
        login = Login(registry.host, "ada", password) if password else None
        with pytest.raises(RefusedError, match="can't push") as caught:
            Engine.connect(environ, login).push(reference, lambda _: None)
        assert "docker login" in caught.value.remedy
        right = Engine.connect(environ, Login(registry.host, "ada", "s3cret"))
        assert right.push(reference, lambda _: None)


def test_tells_a_registry_that_is_not_there(engine: Engine) -> None:
    reference = f"127.0.0.1:{free_port()}/team/debian:1"
    engine.tag(DEBIAN, reference)
    with pytest.raises(FailedError, match="connection refused"):
        engine.push(reference, lambda _: None)
