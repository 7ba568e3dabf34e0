"""BuildKit, by the plugin ``docker buildx``: several platforms, mounts, secrets, remote caches."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from kargo_release.docker.configuration import with_login
from kargo_release.docker.engine import Engine
from kargo_release.docker.faults import explained
from kargo_release.docker.limited_run import LimitedRun
from kargo_release.docker.order import (
    PROVENANCE,
    SBOM,
    BuildError,
    BuildOrder,
    Built,
    KeptLog,
    Log,
    TarContext,
    TimeLimits,
)
from kargo_release.errors import InvalidError, RefusedError

_ANSWER = 20.0  # seconds for a question to the plugin
_SEPARATORS = "=,\"'"  # in the values of its options
_OWN = "docker"  # the driver of the engine's own BuildKit
_BUILDER = (
    "Make a builder of its own (docker buildx create --use), or let the engine keep images in"
    ' containerd: "features": {"containerd-snapshotter": true} in its daemon.json.'
)
_AGAIN = "Run it again; if it stays so, look at the builder: docker buildx inspect"


class BuildxBuilder:
    """Builds by BuildKit: the engine's, or a builder that BUILDX_BUILDER or ``buildx use`` names.

    Args:
        engine: Where images are brought; its environment says which builder.
        limits: When a build counts as hanging.
    """

    def __init__(self, engine: Engine, limits: TimeLimits | None = None) -> None:
        self._engine = engine
        self._limits = limits or TimeLimits()

    def check(self, order: BuildOrder, demand: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse what can't be asked of BuildKit.

        Args:
            order: The image.
            demand: What in its Dockerfile needs BuildKit; empty for nothing.

        Raises:
            RefusedError: Several platforms are asked for, and nothing is pushed; or the builder
                keeps images in a way that has no room for what is asked for.
            InvalidError: The name of a build argument or a secret is none.
        """
        _check_names(order)
        if len(order.platforms) > 1 and not order.push:
            raise RefusedError(
                "an image of several platforms has no room in the engine", "Push it, with --push."
            )
        wanted = next(_too_much(order), "")
        if wanted and not self._engine.keeps_manifests and _driver(self._engine.environ) == _OWN:
            raise RefusedError(f"the engine's own BuildKit can't do this: {wanted}", _BUILDER)

    def build(self, order: BuildOrder, log: Log) -> Built:
        """Build an image.

        Raises:
            BuildError: It failed, was refused by a registry, or hung; the error bears the log.
        """
        kept = KeptLog(log)
        with (
            TemporaryDirectory(prefix="kargo-release-buildx-") as folder,
            with_login(self._engine.login, self._engine.environ) as environ,
            _context(order) as stdin,
        ):
            metadata = Path(folder, "metadata.json")
            words = ["docker", "buildx", "build", *_options(order, metadata), _place(order)]
            run = LimitedRun(words, environ, stdin, self._limits, kept)
            status = run.to_its_end()
            if status or run.hung:
                how = run.hung or f"docker buildx ended with {status}"
                raise _failure(how, kept, is_hung=bool(run.hung))
            return self._built(metadata, kept, is_pushed=order.push)

    def _built(self, metadata: Path, kept: KeptLog, *, is_pushed: bool) -> Built:
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
            raise BuildError("BuildKit brought no image into the engine", _AGAIN, kept.lines)
        return Built(held.id, "")


def is_installed(environ: Mapping[str, str]) -> bool:
    """Whether ``docker`` has the plugin."""
    done = _asked("version", environ)
    return done is not None and done.returncode == 0


def _driver(environ: Mapping[str, str]) -> str:
    """Return the kind of the builder that is in use; empty where the plugin does not tell."""
    done = _asked("inspect", environ)
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
    yield "--push" if order.push else "--load"
    yield from (f"--tag={tag}" for tag in order.tags)
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


def _failure(how: str, kept: KeptLog, *, is_hung: bool) -> BuildError:
    said = [line for line in kept.lines if line.startswith("ERROR: ") and not is_hung]
    words = said[-1].removeprefix("ERROR: ") if said else how
    known = explained("build the image", words, asks_registry=True)
    return BuildError(known.message, "Mend what the log shows.", kept.lines)
