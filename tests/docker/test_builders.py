"""Both builders, on a real engine: what they build, refuse, and say when it fails."""

import io
import os
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from docker_engine import DEBIAN, DockerEngine, docker_engine, import_debian
from git_server import git_server
from sandbox import Sandbox
from servers import docker_registry

from kargo_release.docker.builders import builder_for
from kargo_release.docker.buildx import BuildxBuilder
from kargo_release.docker.classic import ClassicBuilder
from kargo_release.docker.engine import Engine
from kargo_release.docker.faults import SEE_LOG
from kargo_release.docker.login import Login
from kargo_release.docker.order import (
    ApartContext,
    Builder,
    BuildOrder,
    Demand,
    TarContext,
    TimeLimits,
)
from kargo_release.errors import FailedError, InvalidError, RefusedError

DOCKERFILE = """FROM debian:bookworm-slim AS first
ARG GREETING
RUN echo "$GREETING" > /greeting
FROM first AS second
COPY extra /extra
"""


def quiet() -> None:
    """Let a build go on."""


Write = Callable[..., TarContext]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes a context with a Dockerfile and a file that differs each time."""

    def written(dockerfile: str = DOCKERFILE) -> TarContext:
        file = tmp_path / f"{uuid4().hex}.tar"
        with tarfile.open(file, "w") as archive:
            for name, text in {"Dockerfile": dockerfile, "extra": uuid4().hex}.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return TarContext(file)

    return written


@pytest.fixture(params=["docker_engine", "newer_engine"])
def environ(request: pytest.FixtureRequest, buildx: Path) -> Mapping[str, str]:
    running: DockerEngine = request.getfixturevalue(request.param)
    return {**os.environ, "DOCKER_HOST": running.host, "DOCKER_CONFIG": str(buildx)}


@pytest.fixture
def engine(environ: Mapping[str, str]) -> Engine:
    return Engine.connect(environ)


def read(engine: Engine, image: str, path: str) -> bytes | None:
    with engine.opened(image) as files:
        found = {each.path: each.content for each in files.every([path])}
    return found.get(path)


@pytest.fixture(params=["classic", "buildx"])
def builder(request: pytest.FixtureRequest, engine: Engine) -> Builder:
    return ClassicBuilder(engine) if request.param == "classic" else BuildxBuilder(engine)


def test_takes_buildkit_where_its_plugin_is(
    engine: Engine, environ: Mapping[str, str], tmp_path: Path
) -> None:
    bare = {**environ, "DOCKER_CONFIG": str(tmp_path)}

    assert isinstance(builder_for(engine), BuildxBuilder)
    assert isinstance(builder_for(Engine.connect(bare)), ClassicBuilder)


def test_builds_with_arguments_and_labels(builder: Builder, engine: Engine, write: Write) -> None:
    order = BuildOrder(write(), arguments={"GREETING": "a b=c $(x)"}, labels={"one": "two words"})
    log: list[str] = []

    builder.check(order, Demand())
    built = builder.build(order, log.append, quiet)

    image = engine.image(built.image)
    assert image is not None
    assert (image.id, image.labels) == (built.image, {"one": "two words"})
    assert read(engine, built.image, "greeting") == b"a b=c $(x)\n"
    assert read(engine, built.image, "extra")
    assert any("greeting" in line for line in log), log


def test_builds_the_stage_that_is_asked_for(builder: Builder, engine: Engine, write: Write) -> None:
    built = builder.build(BuildOrder(write(), target="first"), lambda _: None, quiet)

    assert read(engine, built.image, "greeting") == b"\n"
    assert read(engine, built.image, "extra") is None


def test_tells_what_fails_with_the_log(builder: Builder, write: Write) -> None:
    order = BuildOrder(write(f"FROM {DEBIAN}\nRUN echo here >&2; exit 77\n"))
    log: list[str] = []

    with pytest.raises(FailedError, match=r"code: 77\b") as caught:
        builder.build(order, log.append, quiet)

    assert caught.value.remedy == SEE_LOG
    assert any("here" in line and "RUN" not in line for line in log)


def test_tells_a_base_that_cannot_be_had(builder: Builder, write: Write) -> None:
    order = BuildOrder(write("FROM 127.0.0.1:9/none/such:1\n"))

    with pytest.raises(FailedError, match="connection refused"):
        builder.build(order, lambda _: None, quiet)


def test_ends_a_build_that_says_nothing(builder: Builder, engine: Engine, write: Write) -> None:
    limits = TimeLimits(silence=2, total=60)
    is_classic = isinstance(builder, ClassicBuilder)
    hurried = ClassicBuilder(engine, limits) if is_classic else BuildxBuilder(engine, limits)
    forever = sleep()

    with pytest.raises(FailedError, match=r"in time|said nothing for 2 s"):
        hurried.build(order_of(write, forever), lambda _: None, quiet)

    wait_for(lambda: not runs(forever))


def test_is_stopped_by_who_listens(builder: Builder, write: Write) -> None:
    forever = sleep()

    def stop(line: str) -> None:
        if "begun" in line and "RUN" not in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builder.build(order_of(write, forever), stop, quiet)

    wait_for(lambda: not runs(forever))


def test_is_stopped_while_it_says_nothing(builder: Builder, write: Write) -> None:
    forever = sleep()

    def stop() -> None:
        if runs(forever):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builder.build(order_of(write, forever), lambda _: None, stop)

    wait_for(lambda: not runs(forever))


def sleep() -> str:
    """Return a command without end that nobody else runs."""
    return f"sleep {uuid4().int % 10**9}"


def order_of(write: Write, command: str) -> BuildOrder:
    return BuildOrder(write(f"FROM {DEBIAN}\nRUN echo begun; exec {command}\n"))


def runs(command: str) -> bool:
    """Whether a process on this machine runs a command, as those in containers do."""
    wanted = command.replace(" ", "\0").encode() + b"\0"
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if file.read_bytes() == wanted:
                return True
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


REMOTE = ApartContext("https://git.example.org/x.git#v1", Path("Dockerfile"))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"platforms": ("linux/amd64", "linux/arm64")}, "several platforms"),
        ({"platforms": ("linux/riscv64",)}, "the platform linux/riscv64 on one of"),
        ({"context": REMOTE}, "another Git repository"),
        ({"secrets": {"token": Path("x")}}, "secrets"),
        ({"cache": "host/cache:1"}, "a cache in a registry"),
        ({"push": "host/app:1"}, "a push by the builder"),
    ],
)
def test_refuses_what_the_engine_s_own_builder_cannot_do(
    engine: Engine, changes: dict[str, Any], wanted: str
) -> None:
    order = BuildOrder(**{"context": TarContext(Path("x")), **changes})

    with pytest.raises(RefusedError, match=wanted) as caught:
        ClassicBuilder(engine).check(order, Demand())
    assert "docker-buildx" in caught.value.remedy


def test_refuses_a_dockerfile_that_needs_buildkit(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="--mount in line 2"):
        ClassicBuilder(engine).check(BuildOrder(TarContext(Path("x"))), Demand("--mount in line 2"))


def test_refuses_what_has_no_room_in_an_engine(engine: Engine) -> None:
    several = BuildOrder(TarContext(Path("x")), platforms=("linux/amd64", "linux/arm64"))

    with pytest.raises(RefusedError, match="several platforms has no room"):
        BuildxBuilder(engine).check(several, Demand())
    with pytest.raises(InvalidError, match="no name of a build argument"):
        BuildxBuilder(engine).check(BuildOrder(TarContext(Path("x")), {"a=b": "c"}), Demand())


def test_builds_a_folder_of_another_repository_where_buildkit_can(
    engine: Engine, tmp_path: Path
) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.add_remote(tmp_path / "remotes" / "maps.git")
    sandbox.write("maps/a.map", "MAP\n")
    commit = sandbox.commit()
    sandbox.push()
    file = tmp_path / "apart"
    file.write_text(f"FROM {DEBIAN}\nCOPY . /maps\n")
    builder = BuildxBuilder(engine)
    with git_server(tmp_path / "remotes") as host:
        whole, part = (
            BuildOrder(ApartContext(f"http://{host}/maps.git#{commit}{folder}", file))
            for folder in ("", ":maps")
        )
        builder.check(whole, Demand())
        built = builder.build(whole, lambda _: None, quiet)
        assert read(engine, built.image, "maps/maps/a.map") == b"MAP\n"
        if engine.keeps_manifests:  # the newer one
            builder.check(part, Demand())
            built = builder.build(part, lambda _: None, quiet)
            assert read(engine, built.image, "maps/a.map") == b"MAP\n"
            return
        with pytest.raises(RefusedError, match="a folder of another repository") as caught:
            builder.check(part, Demand())
        assert "release 23" in caught.value.remedy


def test_refuses_what_the_buildkit_of_an_old_engine_can_not_read(engine: Engine) -> None:
    asked = BuildOrder(TarContext(Path("x"))), Demand("a", "the here-document in line 2")
    if engine.keeps_manifests:  # the newer one
        BuildxBuilder(engine).check(*asked)
        return
    with pytest.raises(RefusedError, match="too old for the here-document in line 2") as caught:
        BuildxBuilder(engine).check(*asked)
    assert "# syntax=docker/dockerfile:1" in caught.value.remedy


def test_tells_a_builder_that_is_not_there(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "environ", {**engine.environ, "BUILDX_BUILDER": "nosuch"})
    with pytest.raises(RefusedError, match="the builder 'nosuch', which BUILDX_BUILDER") as caught:
        _ = BuildxBuilder(engine).sees_engine
    assert "docker buildx ls" in caught.value.remedy


def test_mounts_caches_and_secrets_with_buildkit(
    engine: Engine, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    text = f"FROM {DEBIAN}\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n"
    order = BuildOrder(write(text), secrets={"token": tmp_path / "token"})

    built = BuildxBuilder(engine).build(order, lambda _: None, quiet)

    assert read(engine, built.image, "size") == b"6\n"


def test_pushes_by_buildkit_with_the_login_of_the_environment(
    environ: Mapping[str, str], write: Write, tmp_path: Path
) -> None:
    with docker_registry(tmp_path, htpasswd={"ada": "s3cret"}) as registry:
        tag = f"{registry.host}/team/app:1"
        order = BuildOrder(write(), push=tag)
        wrong, right = (
            BuildxBuilder(Engine.connect(environ, Login(registry.host, "ada", password)))
            for password in ("no", "s3cret")
        )

        with pytest.raises(RefusedError, match=r"unauthorized|401 Unauthorized") as caught:
            wrong.build(order, lambda _: None, quiet)
        assert "docker login" in caught.value.remedy
        built = right.build(order, lambda _: None, quiet)

    assert built.image == ""
    assert built.digest.startswith("sha256:")


@pytest.mark.long
def test_tells_an_engine_that_dies_in_the_middle(
    tmp_path: Path, write: Write, buildx: Path
) -> None:
    with docker_engine(tmp_path) as dying:
        import_debian(dying)
        environ = {**os.environ, "DOCKER_HOST": dying.host}
        engine = Engine.connect(environ)
        order = BuildOrder(write(f"FROM {DEBIAN}\nRUN echo begun; sleep 500\n"))

        def kill(line: str) -> None:
            if line.strip() == "begun":
                dying.process.kill()

        with pytest.raises(FailedError, match="engine broke"):
            ClassicBuilder(engine).build(order, kill, quiet)
