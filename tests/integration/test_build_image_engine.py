"""build-image while something befalls the engine, or what it needs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import DOCKERFILE, Workshop, only, rules, states
from docker_engine import DEBIAN, DockerEngine, docker_engine, import_debian
from parts import need
from sandbox import Sandbox
from servers import DockerRegistry, docker_registry

LOGIN = {"DOCKER_USER": "ada", "DOCKER_PASSWORD": "good-s3cret"}


def workshop_of(folder: Path, engine: DockerEngine, host: str, configuration: Path) -> Workshop:
    made = Workshop.make(Sandbox.make(folder), engine.host, host)
    made.sandbox.environ["DOCKER_CONFIG"] = str(configuration)
    made.write("kano")
    made.commit("Add kano")
    return made


@pytest.fixture(params=["classic", "buildx"])
def configuration(request: pytest.FixtureRequest, tmp_path: Path, buildx: Path) -> Path:
    """Return Docker's configuration, with the plugin or without."""
    return buildx if request.param == "buildx" else tmp_path / "none"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with room for the base, and for little more."""
    folder = tmp_path / "room"
    folder.mkdir()
    mount = [need("mount"), "-t", "tmpfs", "-o", "size=500m", "none", str(folder)]
    subprocess.run(mount, check=True)
    yield folder
    subprocess.run([need("umount"), "--lazy", str(folder)], check=True)


@pytest.mark.long
def test_takes_a_private_base_by_the_login_of_the_environment(
    tmp_path: Path, docker_engine: DockerEngine, configuration: Path
) -> None:
    with docker_registry(tmp_path / "registry", htpasswd={"ada": "good-s3cret"}) as server:
        workshop = workshop_of(tmp_path / "clone", docker_engine, server.host, configuration)
        base = f"{workshop.registry}/private:1"
        login = tmp_path / "login"
        words = ["login", "--username", "ada", "--password-stdin", server.host]
        docker_engine.run("--config", str(login), *words, stdin=b"good-s3cret")
        docker_engine.run("tag", DEBIAN, base)
        docker_engine.run("--config", str(login), "push", "--quiet", base)
        docker_engine.run("rmi", base)
        workshop.write("kano", DOCKERFILE.replace(DEBIAN, base))
        workshop.commit()

        without, local = workshop.build("kano"), workshop.build("kano", environ=LOGIN)
        docker_engine.run("rmi", "--force", f"{workshop.registry}/kano:1.0.0-latest")
        pushed = workshop.build("kano", "--push", environ=LOGIN)

    assert (without.exit_code, states(without)) == (3, {"kano": "refused"})
    assert without.tells(f"the base {base}", "DOCKER_USER and DOCKER_PASSWORD")
    assert states(local) == {"kano": "built"}, local.err
    assert states(pushed) == {"kano": "published"}, pushed.err


@pytest.mark.long
def test_finds_the_engine_of_a_context(
    tmp_path: Path, docker_engine: DockerEngine, docker_host: DockerRegistry
) -> None:
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    create = ["docker", "--config", str(folder), "context", "create", "far"]
    subprocess.run(
        [*create, "--docker", f"host={docker_engine.host}"], check=True, capture_output=True
    )
    workshop = workshop_of(tmp_path / "clone", docker_engine, docker_host.host, folder)
    del workshop.sandbox.environ["DOCKER_HOST"]
    built = workshop.build("kano", environ={"DOCKER_CONTEXT": "far"})
    gone = workshop.build("kano", environ={"DOCKER_CONTEXT": "gone"})
    (folder / "config.json").write_text('{"currentContext": "far"}')
    current = workshop.build("kano")

    assert (states(built), states(current)) == ({"kano": "built"}, {"kano": "unchanged"})
    assert gone.exit_code == 3
    assert gone.tells("Docker has no context 'gone'", "docker context ls")


@pytest.mark.long
def test_tells_a_smoke_command_that_can_not_be_started(
    tmp_path: Path, docker_engine: DockerEngine, docker_host: DockerRegistry, configuration: Path
) -> None:
    workshop = workshop_of(tmp_path / "clone", docker_engine, docker_host.host, configuration)
    workshop.write("kano", about="smoke: [/srv/hello]\n")
    not_executable = workshop.build("kano")
    workshop.write("kano", about="smoke: [mapserv, -v]\n")
    not_there = workshop.build("kano")

    assert (not_executable.exit_code, rules(not_executable)) == (3, ["KR107"])
    assert not_executable.tells("permission denied", "Run the command in the image")
    assert rules(not_there) == ["KR107"]
    assert only(not_there)["findings"][-1]["message"] == (
        "mapserv -v could not be started: 'mapserv' is not in the image"
    )


@pytest.mark.long
def test_tells_an_engine_that_dies_and_completes_it_with_the_next(
    tmp_path: Path, docker_host: DockerRegistry, configuration: Path
) -> None:
    slow = DOCKERFILE.replace("EXPOSE", "RUN echo begun && exec sleep 1000\nEXPOSE")
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
    with docker_engine(tmp_path / "data") as dying:
        import_debian(dying)
        workshop = workshop_of(tmp_path / "clone", dying, docker_host.host, configuration)
        workshop.write("kano", slow)
        workshop.commit()
        process = workshop.sandbox.start("build-image", "kano", "--push", "--verbose")
        assert process.stderr is not None
        for line in process.stderr:
            if "begun" in line and "echo" not in line:
                break
        dying.process.kill()
        _, err = process.communicate(timeout=120)
    workshop.write("kano")
    workshop.commit()
    with docker_engine(tmp_path / "other") as other:
        import_debian(other)
        again = workshop.build("kano", "--push", environ={"DOCKER_HOST": other.host})

    assert process.returncode == 1, err
    assert "error: " in err
    assert "Traceback" not in err
    assert states(again) == {"kano": "published"}, again.err


@pytest.mark.long
def test_tells_an_engine_without_room(
    tmp_path: Path, room: Path, docker_host: DockerRegistry, configuration: Path
) -> None:
    with docker_engine(room) as full:
        import_debian(full)
        workshop = workshop_of(tmp_path / "clone", full, docker_host.host, configuration)
        for number in range(3):
            path = workshop.sandbox.path / f"images/kano/large-{number}"
            with path.open("wb") as file:
                file.writelines(os.urandom(1 << 20) for _ in range(200))
        workshop.write("kano", DOCKERFILE.replace("hello /srv/hello", ". /srv/"))
        ended = workshop.build("kano")

    assert (ended.exit_code, states(ended)) == (1, {"kano": "failed"}), ended.err
    assert ended.tells("no space left on device", "docker system prune")


@pytest.mark.long
@pytest.mark.parametrize("ignored", ["", "unwanted\n!.dockerignore\n"])
def test_a_dockerfile_outside_of_the_context_gets_into_no_image(
    tmp_path: Path,
    docker_engine: DockerEngine,
    docker_host: DockerRegistry,
    configuration: Path,
    ignored: str,
) -> None:
    workshop = workshop_of(tmp_path / "clone", docker_engine, docker_host.host, configuration)
    listing = "ls -AR /srv > /tmp/all; cat /tmp/all; test -x /srv/run; test -L /srv/link; ! grep"
    smoke = f"smoke: [sh, -ec, '{listing} -E \"kargo|unwanted\" /tmp/all']\n"
    text = DOCKERFILE.replace("hello /srv/hello", ". /srv/").replace("/srv/hello", "/srv/run")
    workshop.write("kano", text, f"context: app\n{smoke}")
    for name in ("run", "unwanted", "sub/file"):
        workshop.sandbox.write(f"app/{name}", f"{name} of {workshop.registry}{configuration}\n")
    (workshop.sandbox.path / "app/run").chmod(0o755)
    (workshop.sandbox.path / "app/link").symlink_to("run")
    if ignored:
        workshop.sandbox.write("app/.dockerignore", ignored)
    else:
        (workshop.sandbox.path / "app/unwanted").unlink()
    workshop.commit()
    built = workshop.build("kano", "--verbose")

    assert (built.exit_code, states(built)) == (0, {"kano": "built"}), built.err
