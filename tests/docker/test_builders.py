"""Both builders, on a real engine: what they build, refuse, and say when it fails."""

import io
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from docker_engine import DEBIAN, DockerEngine, docker_engine, import_bases
from servers import docker_registry

from kargo_release.docker.builders import builder_for
from kargo_release.docker.buildx import BuildxBuilder
from kargo_release.docker.classic import ClassicBuilder
from kargo_release.docker.engine import Engine
from kargo_release.docker.login import Login
from kargo_release.docker.order import (
    Builder,
    BuildError,
    BuildOrder,
    RemoteContext,
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


@pytest.fixture(params=["classic", "buildx"])
def builder(request: pytest.FixtureRequest, engine: Engine) -> Builder:
    return ClassicBuilder(engine) if request.param == "classic" else BuildxBuilder(engine)


def test_takes_buildkit_where_its_plugin_is(
    engine: Engine, environ: Mapping[str, str], tmp_path: Path
) -> None:
    bare = {**environ, "DOCKER_CONFIG": str(tmp_path)}

    assert isinstance(builder_for(engine), BuildxBuilder)
    assert isinstance(builder_for(Engine.connect(bare)), ClassicBuilder)


def test_builds_with_arguments_labels_and_a_name(
    builder: Builder, engine: Engine, write: Write
) -> None:
    tag = f"{uuid4().hex}:1"
    order = BuildOrder(
        write(), (tag,), arguments={"GREETING": "a b=c $(x)"}, labels={"one": "two words"}
    )
    log: list[str] = []

    builder.check(order, DOCKERFILE)
    built = builder.build(order, log.append)

    image = engine.image(tag)
    assert image is not None
    assert image.id == engine.image(built.image).id  # type: ignore[union-attr]
    assert image.labels == {"one": "two words"}
    assert engine.read(tag, "/greeting") == b"a b=c $(x)\n"
    assert engine.read(tag, "/extra")
    assert any("greeting" in line for line in log), log
    engine.remove(tag)


def test_builds_the_stage_that_is_asked_for(builder: Builder, engine: Engine, write: Write) -> None:
    built = builder.build(BuildOrder(write(), (), target="first"), lambda _: None)

    assert engine.read(built.image, "/greeting") == b"\n"
    assert engine.read(built.image, "/extra") is None


def test_tells_what_fails_with_the_log(builder: Builder, write: Write) -> None:
    order = BuildOrder(write(f"FROM {DEBIAN}\nRUN echo here >&2; exit 7\n"), ())

    with pytest.raises(BuildError, match="7") as caught:
        builder.build(order, lambda _: None)

    assert any("here" in line for line in caught.value.log)


def test_tells_a_base_that_cannot_be_had(builder: Builder, write: Write) -> None:
    order = BuildOrder(write("FROM 127.0.0.1:9/none/such:1\n"), ())

    with pytest.raises(BuildError, match=r"such|refused"):
        builder.build(order, lambda _: None)


def test_ends_a_build_that_says_nothing(builder: Builder, engine: Engine, write: Write) -> None:
    limits = TimeLimits(silence=2, total=60)
    is_classic = isinstance(builder, ClassicBuilder)
    quick = ClassicBuilder(engine, limits) if is_classic else BuildxBuilder(engine, limits)

    with pytest.raises(FailedError, match=r"in time|said nothing for 2 s"):
        quick.build(
            BuildOrder(write(f"FROM {DEBIAN}\nRUN sleep 500\n"), (), no_cache=True), lambda _: None
        )


def test_is_stopped_by_who_listens(builder: Builder, write: Write) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builder.build(BuildOrder(write(f"FROM {DEBIAN}\nRUN sleep 500\n"), ()), stop)


REMOTE = RemoteContext("https://git.example.org/x.git#v1", Path("Dockerfile"))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"platforms": ("linux/amd64", "linux/arm64")}, "several platforms"),
        ({"platforms": ("linux/riscv64",)}, "the platform linux/riscv64 on one of"),
        ({"context": REMOTE}, "another Git repository"),
        ({"secrets": {"token": Path("x")}}, "secrets"),
        ({"cache": "host/cache:1"}, "a cache in a registry"),
        ({"push": True}, "a push by the builder"),
    ],
)
def test_refuses_what_the_engine_s_own_builder_cannot_do(
    engine: Engine, changes: dict[str, Any], wanted: str
) -> None:
    order = BuildOrder(**{"context": TarContext(Path("x")), "tags": (), **changes})

    with pytest.raises(RefusedError, match=wanted) as caught:
        ClassicBuilder(engine).check(order, DOCKERFILE)
    assert "docker-buildx" in caught.value.remedy


def test_refuses_a_dockerfile_that_needs_buildkit(engine: Engine) -> None:
    text = f"FROM {DEBIAN}\nRUN --mount=type=cache,target=/x true\n"

    with pytest.raises(RefusedError, match="--mount in line 2"):
        ClassicBuilder(engine).check(BuildOrder(TarContext(Path("x")), ()), text)


def test_refuses_what_has_no_room_in_an_engine(engine: Engine) -> None:
    several = BuildOrder(TarContext(Path("x")), (), platforms=("linux/amd64", "linux/arm64"))

    with pytest.raises(RefusedError, match="several platforms has no room"):
        BuildxBuilder(engine).check(several, DOCKERFILE)
    with pytest.raises(InvalidError, match="no name of a build argument"):
        BuildxBuilder(engine).check(BuildOrder(TarContext(Path("x")), (), {"a=b": "c"}), DOCKERFILE)


def test_mounts_caches_and_secrets_with_buildkit(
    engine: Engine, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    text = f"FROM {DEBIAN}\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n"
    order = BuildOrder(write(text), (), secrets={"token": tmp_path / "token"})

    built = BuildxBuilder(engine).build(order, lambda _: None)

    assert engine.read(built.image, "/size") == b"6\n"


def test_pushes_by_buildkit_with_the_login_of_the_environment(
    environ: Mapping[str, str], write: Write, tmp_path: Path
) -> None:
    with docker_registry(tmp_path, htpasswd={"ada": "s3cret"}) as registry:
        tag = f"{registry.host}/team/app:1"
        order = BuildOrder(write(), (tag,), push=True)
        wrong, right = (
            BuildxBuilder(Engine.connect(environ, Login(registry.host, "ada", password)))
            for password in ("no", "s3cret")
        )

        with pytest.raises(BuildError, match="can't build"):
            wrong.build(order, lambda _: None)
        built = right.build(order, lambda _: None)

    assert built.image == ""
    assert built.digest.startswith("sha256:")


@pytest.mark.long
def test_tells_an_engine_that_dies_in_the_middle(
    tmp_path: Path, write: Write, buildx: Path
) -> None:
    with docker_engine(tmp_path) as dying:
        import_bases(dying)
        environ = {**os.environ, "DOCKER_HOST": dying.host}
        engine = Engine.connect(environ)
        order = BuildOrder(write(f"FROM {DEBIAN}\nRUN echo begun; sleep 500\n"), ())

        def kill(line: str) -> None:
            if line.strip() == "begun":
                dying.process.kill()

        with pytest.raises(FailedError, match="engine broke"):
            ClassicBuilder(engine).build(order, kill)
