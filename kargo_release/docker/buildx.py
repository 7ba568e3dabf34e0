"""BuildKit, by the plugin ``docker buildx``: several platforms, mounts, secrets, remote caches."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from kargo_release.docker.configuration import with_login
from kargo_release.docker.faults import explained
from kargo_release.docker.order import (
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


class BuildxBuilder:
    """Builds by BuildKit: the engine's, or a builder that BUILDX_BUILDER or ``buildx use`` names.

    Args:
        environ: The environment; it says which engine, and which builder.
        limits: When a build counts as hanging.
    """

    name = "buildx"

    def __init__(self, environ: Mapping[str, str], limits: TimeLimits | None = None) -> None:
        self._environ = dict(environ)
        self._limits = limits or TimeLimits()

    def check(self, order: BuildOrder, dockerfile: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse what can't be asked of BuildKit.

        Args:
            order: The image.
            dockerfile: The text of its Dockerfile.

        Raises:
            RefusedError: Several platforms are asked for, and nothing is pushed.
            InvalidError: The name of a build argument or a secret is none.
        """
        if len(order.platforms) > 1 and not order.push:
            raise RefusedError(
                "an image of several platforms has no room in the engine", "Push it, with --push."
            )
        for name in (*order.arguments, *order.secrets):
            if not name or "=" in name or "," in name or not name.isprintable():
                raise InvalidError(f"{name!r:.80} is no name of a build argument", "Correct it.")

    def build(self, order: BuildOrder, log: Log) -> Built:
        """Build an image.

        Raises:
            BuildError: It failed, was refused by a registry, or hung; the error bears the log.
        """
        kept = KeptLog(log)
        with (
            TemporaryDirectory(prefix="kargo-release-buildx-") as folder,
            with_login(order.login, self._environ) as environ,
            _context(order) as stdin,
        ):
            metadata = Path(folder, "metadata.json")
            words = ["docker", "buildx", "build", *_options(order, metadata), _place(order)]
            run = _Run(words, environ, stdin, self._limits, kept)
            if status := run.to_its_end():
                how = run.hung or f"docker buildx ended with {status}"
                raise _failure(how, kept, is_hung=bool(run.hung))
            return _built(metadata, is_pushed=order.push, kept=kept)


def is_installed(environ: Mapping[str, str]) -> bool:
    """Whether ``docker`` has the plugin."""
    try:
        done = subprocess.run(
            ["docker", "buildx", "version"],  # noqa: S607 - the user's own docker
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


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
    if order.attestations:
        yield from ("--provenance=mode=max", "--sbom=true")
    else:  # unasked, they would make an index of each image
        yield "--provenance=false"


def _built(metadata: Path, *, is_pushed: bool, kept: KeptLog) -> Built:
    """Return what BuildKit says that it made (buildx, ``--metadata-file``)."""
    try:
        told = json.loads(metadata.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    digest = str(told.get("containerimage.digest", ""))
    image = str(told.get("containerimage.config.digest") or digest)
    if not digest:
        raise BuildError("BuildKit told of no image that it built", "Run it again.", kept.lines)
    return Built("", digest) if is_pushed else Built(image, "")


def _failure(how: str, kept: KeptLog, *, is_hung: bool) -> BuildError:
    said = [line for line in kept.lines if line.startswith("ERROR: ") and not is_hung]
    known = explained("build the image", said[-1].removeprefix("ERROR: ") if said else how)
    return BuildError(known.message, "Mend what the log shows.", kept.lines)


class _Run:
    """One run of ``docker buildx build``, ended with all it started when it hangs.

    Attributes:
        hung: How it hung; empty when it did not.
    """

    def __init__(
        self,
        words: list[str],
        environ: Mapping[str, str],
        stdin: IO[bytes] | None,
        limits: TimeLimits,
        log: KeptLog,
    ) -> None:
        self._words, self._environ, self._stdin = words, environ, stdin
        self._limits, self._log = limits, log
        self.hung = ""

    def to_its_end(self) -> int:
        """Return its exit code.

        Raises:
            RefusedError: There is no ``docker``.
        """
        with self._started() as process, self._watched(process) as heard:
            assert process.stdout is not None  # noqa: S101 - a pipe
            for line in process.stdout:
                heard.set()
                if text := line.decode(errors="replace").rstrip():
                    self._log(text)
            return process.wait()

    @contextmanager
    def _started(self) -> "Iterator[subprocess.Popen[bytes]]":
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list, without a shell
                self._words,
                env=dict(self._environ),
                stdin=self._stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C comes to us, who end it
            )
        except OSError as error:
            raise RefusedError(
                f"docker could not be started: {error.strerror}", "Install Docker's client."
            ) from None
        try:
            yield process
        finally:
            _end(process)

    @contextmanager
    def _watched(self, process: "subprocess.Popen[bytes]") -> Iterator[threading.Event]:
        """Give what is set at each word of the process; it is ended when that does not happen."""
        heard, over = threading.Event(), threading.Event()

        def watch() -> None:
            while heard.wait(self._limits.silence):
                heard.clear()
                if over.is_set():
                    return
            self.hung = f"the build said nothing for {self._limits.silence:g} s and was ended"
            _end(process)

        def expire() -> None:
            self.hung = f"the build took over {self._limits.total:g} s and was ended"
            _end(process)

        timer = threading.Timer(self._limits.total, expire)
        timer.daemon = True
        timer.start()
        threading.Thread(target=watch, daemon=True).start()
        try:
            yield heard
        finally:
            timer.cancel()
            over.set()
            heard.set()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=_ANSWER)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        with suppress(OSError):
            process.stdout.close()
