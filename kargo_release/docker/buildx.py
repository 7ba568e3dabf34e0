"""BuildKit, by the plugin ``docker buildx``: several platforms, mounts, secrets, remote caches."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from kargo_release.docker.configuration import with_login
from kargo_release.docker.engine import Engine
from kargo_release.docker.faults import SEE_LOG, explained
from kargo_release.docker.limited_run import LimitedRun
from kargo_release.docker.order import (
    PROVENANCE,
    SBOM,
    BuildOrder,
    Built,
    Demand,
    Log,
    Pulse,
    TarContext,
    TimeLimits,
)
from kargo_release.errors import FailedError, InvalidError, RefusedError, excerpt

_ANSWER = 20.0  # seconds for a question to the plugin
_SEPARATORS = "=,\"'"  # in the values of its options
_ERROR = "ERROR: "
_OWN = "docker"  # the driver of the engine's own BuildKit
_BUILDER = (
    "Make a builder of its own (docker buildx create --use), or let the engine keep images in"
    ' containerd: "features": {"containerd-snapshotter": true} in its daemon.json.'
)
# The API of Docker 23.0, whose BuildKit is 0.10. Folders of repositories came with 0.9 (its pull
# request 2116), Dockerfile syntax 1.4 with 0.10; Docker 20.10 has 0.8.
_NEWER = (1, 42)
_OTHER = (
    "a builder of its own (docker buildx create --use), or take an engine of release 23 or newer."
)
_AGAIN = "Run it again; if it stays so, look at the builder: docker buildx inspect"


class BuildxBuilder:
    """Builds by BuildKit: the engine's, or a builder that BUILDX_BUILDER or ``buildx use`` names.

    Args:
        engine: Where images are brought; its environment says which builder.
        limits: When a build counts as hanging.
    """

    takes_apart = True

    def __init__(self, engine: Engine, limits: TimeLimits | None = None) -> None:
        self._engine = engine
        self._limits = limits or TimeLimits()

    @cached_property
    def sees_engine(self) -> bool:
        """Whether it is the engine's own BuildKit, which has the engine's images."""
        return _driver(self._engine.environ) == _OWN

    def check(self, order: BuildOrder, demand: Demand) -> None:
        """Refuse what can't be asked of BuildKit.

        Args:
            order: The image.
            demand: What its Dockerfile asks of the builder.

        Raises:
            RefusedError: Several platforms are asked for, and nothing is pushed; or the builder
                keeps images in a way that has no room for what is asked for, or is too old.
            InvalidError: The name of a build argument or a secret is none.
        """
        _check_names(order)
        if len(order.platforms) > 1 and not order.push:
            raise RefusedError(
                "an image of several platforms has no room in the engine", "Push it, with --push."
            )
        wanted = next(_too_much(order), "")
        if wanted and not self._engine.keeps_manifests and self.sees_engine:
            raise RefusedError(f"the engine's own BuildKit can't do this: {wanted}", _BUILDER)
        self._check_age(order, demand)

    def _check_age(self, order: BuildOrder, demand: Demand) -> None:
        """Refuse what the BuildKit of an old engine can't do."""
        if self._engine.api_version >= _NEWER or not self.sees_engine:
            return
        if _has_folder(order):
            raise RefusedError(
                "the engine's own BuildKit can't take a folder of another repository as context",
                f"Make {_OTHER}",
            )
        if demand.newer:
            raise RefusedError(
                f"the engine's own BuildKit is too old for {demand.newer}",
                f"Begin the Dockerfile with `# syntax=docker/dockerfile:1`, or make {_OTHER}",
            )

    def build(self, order: BuildOrder, log: Log, pulse: Pulse) -> Built:
        """Build an image.

        Raises:
            RefusedError: A registry does not let us.
            FailedError: It failed, or hung.
        """
        heard = _Heard(log)
        with (
            TemporaryDirectory(prefix="kargo-release-buildx-") as folder,
            with_login(self._engine.login, self._engine.environ) as environ,
            _context(order) as stdin,
        ):
            metadata = Path(folder, "metadata.json")
            words = ["docker", "buildx", "build", *_options(order, metadata), _place(order)]
            run = LimitedRun(words, environ, stdin, self._limits, heard, pulse)
            status = run.to_its_end()
            if status or run.hung:
                how = run.hung or heard.error or f"docker buildx ended with {status}"
                raise explained("build the image", how, asks_registry=True, remedy=SEE_LOG)
            return self._built(metadata, is_pushed=bool(order.push))

    def _built(self, metadata: Path, *, is_pushed: bool) -> Built:
        """Return what BuildKit says that it made (buildx, ``--metadata-file``).

        An engine knows an image by the digest of its configuration, or, where it keeps images as
        containerd does, by that of its manifest.
        """
        try:
            told = json.loads(metadata.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            told = {}
        digest = str(told.get("containerimage.digest", ""))
        if is_pushed and digest:
            return Built("", digest)
        names = filter(None, (str(told.get("containerimage.config.digest", "")), digest))
        held = next(filter(None, map(self._engine.image, names)), None)
        if held is None:
            raise FailedError("BuildKit brought no image into the engine", _AGAIN)
        return Built(held.id, "")


def is_installed(environ: Mapping[str, str]) -> bool:
    """Whether ``docker`` has the plugin."""
    done = _asked("version", environ)
    return done is not None and done.returncode == 0


def _driver(environ: Mapping[str, str]) -> str:
    """Return the kind of the builder that is in use; empty where the plugin does not tell.

    Raises:
        RefusedError: The environment names a builder that is not there.
    """
    done = _asked("inspect", environ)
    name = environ.get("BUILDX_BUILDER", "")
    if name and done and done.returncode:
        said = excerpt(done.stderr.decode(errors="replace"))
        raise RefusedError(
            f"the builder {name!r:.80}, which BUILDX_BUILDER names, can't be used: {said}",
            "docker buildx ls lists those that there are.",
        )
    lines = done.stdout.decode(errors="replace").splitlines() if done else []
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key == "Driver"), "")


def _asked(
    question: str, environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes] | None":
    """Return what the plugin answers; None where there is none."""
    try:
        return subprocess.run(  # noqa: S603 - an argument list, without a shell
            ["docker", "buildx", question],  # noqa: S607 - the user's own docker
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _check_names(order: BuildOrder) -> None:
    for name in (*order.arguments, *order.secrets):
        if not name or not name.isprintable() or set(name) & set(_SEPARATORS):
            raise InvalidError(
                f"{name!r:.80} is no name of a build argument or a secret", "Correct it."
            )
    for file in order.secrets.values():
        if not str(file).isprintable() or set(str(file)) & set(_SEPARATORS):
            raise InvalidError(
                f"{str(file)!r:.200} can't be told to BuildKit as the file of a secret",
                "Put it where no name holds `,`, `=` or quotes.",
            )


def _too_much(order: BuildOrder) -> Iterator[str]:
    """Yield what needs an image's manifests to be kept (docs.docker.com, "Build drivers")."""
    if len(order.platforms) > 1:
        yield f"several platforms ({', '.join(order.platforms)})"
    if order.cache:
        yield "a cache in a registry"
    if order.attestations:
        yield f"attestations ({', '.join(order.attestations)})"


def _has_folder(order: BuildOrder) -> bool:
    """Whether the context is ``URL#ref:folder``, with a folder."""
    if isinstance(order.context, TarContext) or "://" not in order.context.address:
        return False
    return bool(order.context.address.partition("#")[2].partition(":")[2])


def _context(order: BuildOrder) -> "nullcontext[None] | IO[bytes]":
    if isinstance(order.context, TarContext):
        return order.context.file.open("rb")
    return nullcontext()


def _place(order: BuildOrder) -> str:
    return "-" if isinstance(order.context, TarContext) else order.context.address


def _options(order: BuildOrder, metadata: Path) -> Iterator[str]:
    # Where the Dockerfile is: in the tar file, or on this machine for a remote context.
    yield f"--file={order.context.dockerfile}"
    yield from ("--progress=plain", f"--metadata-file={metadata}")
    yield from ("--push", f"--tag={order.push}") if order.push else ("--load",)
    for name, reference in order.images.items():
        yield f"--build-context={name}=docker-image://{reference}"
    yield from (f"--build-arg={name}={value}" for name, value in order.arguments.items())
    yield from (f"--label={name}={value}" for name, value in order.labels.items())
    yield from (f"--secret=id={name},src={file}" for name, file in order.secrets.items())
    if order.target:
        yield f"--target={order.target}"
    if order.platforms:
        yield f"--platform={','.join(order.platforms)}"
    yield from _cached(order)
    yield from _attested(order)


def _cached(order: BuildOrder) -> Iterator[str]:
    if order.no_cache:
        yield "--no-cache"
    if order.cache:
        yield f"--cache-from=type=registry,ref={order.cache}"
    if order.cache and order.keep_cache:
        yield f"--cache-to=type=registry,ref={order.cache},mode=max"


def _attested(order: BuildOrder) -> Iterator[str]:
    # Unasked, provenance would make an index of each image.
    has_provenance = PROVENANCE in order.attestations
    yield "--provenance=mode=max" if has_provenance else "--provenance=false"
    if SBOM in order.attestations:
        yield "--sbom=true"


class _Heard:
    """Hands lines on, and keeps what BuildKit says at its end when it failed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.error = ""

    def __call__(self, line: str) -> None:
        self.error = line.removeprefix(_ERROR) if line.startswith(_ERROR) else self.error
        self._log(line)
