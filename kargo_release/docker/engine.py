"""Docker's engine: its images, pushes, and containers that run once."""

import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from kargo_release.docker import containers
from kargo_release.docker.configuration import add_login
from kargo_release.docker.faults import explained, no_engine, told
from kargo_release.docker.files import Files, opened
from kargo_release.docker.image import Ended, LocalImage
from kargo_release.docker.login import Login
from kargo_release.docker.names import registry_host
from kargo_release.docker.order import Pulse
from kargo_release.errors import FailedError, RefusedError

if TYPE_CHECKING:
    from docker.api import APIClient
    from requests import Response

_PUSHED = re.compile(r"[\w.-]+: digest: (sha256:[0-9a-f]{64}) size: \d+")
_CONNECTIONS = 64  # as many as there may be jobs
_ANSWER = 20  # seconds for the first question
_TIMEOUT = 600  # seconds without a word from the engine, which exports and pushes large images


@dataclass
class Call:
    """A question to the engine whose answer takes long.

    Args:
        answer: The answer, as soon as it begins.
    """

    answer: "Response | None" = None

    def hang_up(self) -> None:
        """Break the connection, whoever waits for the rest of the answer."""
        connection = self.answer and self.answer.raw.connection
        if connection and connection.sock:
            with suppress(OSError):  # it is broken already
                connection.sock.shutdown(socket.SHUT_RDWR)


class Engine:
    """One engine.

    Attributes:
        environ: The environment by which it was found.
        login: For the registry of images; None where there is only Docker's configuration.
        platform: What it runs, such as ``linux/amd64``.
        api_version: The newest API that it speaks, such as (1, 41); empty where it does not tell.
    """

    def __init__(
        self, api: "APIClient", environ: Mapping[str, str], login: Login | None = None
    ) -> None:
        self.api = api
        self.environ = environ
        self.login = login
        self._answers = threading.local()
        api.hooks["response"].append(self._keep)
        with told("ask what the engine is"):
            found = api.version()
        api.timeout = _TIMEOUT
        self.platform = f"{found.get('Os', 'linux')}/{found.get('Arch', '')}"
        numbers = re.findall(r"[0-9]+", str(found.get("ApiVersion", "")))
        self.api_version = tuple(map(int, numbers))

    @classmethod
    def connect(cls, environ: Mapping[str, str], login: Login | None = None) -> Self:
        """Connect as Docker's own client does: DOCKER_HOST, DOCKER_CONTEXT, the TLS variables.

        Args:
            environ: The environment.
            login: For the registry of images, beside those that Docker's configuration has.

        Raises:
            RefusedError: There is no engine, or it does not answer.
        """
        import docker
        from docker.errors import DockerException

        _check_context(environ)
        try:
            client = docker.from_env(
                environment=dict(environ), timeout=_ANSWER, max_pool_size=_CONNECTIONS
            )
        except (DockerException, OSError, ValueError) as error:
            raise no_engine(_where(environ), str(error)) from None
        if login:
            add_login(client.api, login, environ)
        return cls(client.api, environ, login)

    def _keep(self, answer: "Response", *_: Any, **__: Any) -> None:
        self._answers.last = answer

    @property
    def answer(self) -> "Response | None":
        """The engine's last answer to this thread; the library keeps it to itself."""
        return getattr(self._answers, "last", None)

    @cached_property
    def keeps_manifests(self) -> bool:
        """Whether it keeps images as registries have them, as containerd does.

        Raises:
            FailedError: The engine can't be asked.
        """
        with told("ask how the engine keeps images"):
            status = self.api.info().get("DriverStatus") or []
        return any("io.containerd.snapshotter.v1" in each for each in status)

    def image(self, reference: str) -> LocalImage | None:
        """Return an image by its name or Id; None when the engine has none.

        Raises:
            FailedError: The engine can't be asked.
        """
        from docker.errors import ImageNotFound, NotFound

        with told(f"look for the image {reference}"):
            try:
                return _local_image(self.api.inspect_image(reference))  # type: ignore[no-untyped-call]
            except (ImageNotFound, NotFound):
                return None

    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name.

        Raises:
            FailedError: The image is gone, or the engine can't be asked.
        """
        repository, _, tag = reference.rpartition(":")
        with told(f"name an image {reference}"):
            self.api.tag(image, repository, tag, force=True)

    def push(self, reference: str, progress: Callable[[str], None]) -> str:
        """Push a reference, and return the digest of its manifest.

        Args:
            reference: The image's whole name.
            progress: Takes each line that the engine says.

        Raises:
            RefusedError: The registry does not take it.
            FailedError: It could not be pushed.
        """
        repository, _, tag = reference.rpartition(":")
        what, digest = f"push {reference}", ""
        with told(what, asks_registry=True):
            given = self._login_for(repository)
            for said in self.api.push(repository, tag, stream=True, decode=True, auth_config=given):
                if "error" in said:  # the client does not raise
                    raise explained(what, str(said["error"]), asks_registry=True)
                digest = _digest(said) or digest
                if line := _progress(said):
                    progress(line)
        if not digest:
            raise FailedError(f"can't {what}: the engine told no digest", "Run this again.")
        return digest

    def _login_for(self, repository: str) -> dict[str, str] | None:
        """Return the login for a repository; None where Docker's configuration is to tell."""
        if self.login is None or registry_host(repository) != self.login.host:
            return None
        return {"username": self.login.user, "password": self.login.password}

    def run(self, image: str, command: Sequence[str], timeout: float, pulse: Pulse) -> Ended:
        """Run a command as the image's user in a new container, which reaches nobody.

        The container is removed in any case.

        Args:
            image: Name or Id.
            command: The program and its arguments, in place of the entry point.
            timeout: Seconds after which it is killed.
            pulse: Is called while it runs; what it raises ends it.

        Raises:
            FailedError: It could not be started.
        """
        with told(f"run a command in {image}"):
            return containers.run_once(self.api, image, command, timeout, pulse)

    @contextmanager
    def opened(self, image: str) -> Iterator[Files]:
        """Give the files of an image; what goes wrong while they are read is told.

        Raises:
            FailedError: They can't be had.
        """
        with told(f"read the files of {image}"), opened(self.api, image) as files:
            yield files


def _check_context(environ: Mapping[str, str]) -> None:
    """Refuse a context that is not there, for which the library would take the usual engine."""
    from docker.context import ContextAPI
    from docker.errors import DockerException

    name = environ.get("DOCKER_CONTEXT")
    try:
        is_there = bool(environ.get("DOCKER_HOST")) or ContextAPI.get_context(name) is not None
    except (DockerException, OSError, ValueError) as error:
        raise no_engine(_where(environ), f"its context can't be read: {error}") from None
    if not is_there:
        called = f"context {name!r:.80}" if name else "such context as its config.json names"
        raise RefusedError(
            f"Docker has no {called}", "docker context ls lists them; or set DOCKER_HOST."
        )


def _where(environ: Mapping[str, str]) -> str:
    """Return where an engine is looked for, as a person would tell it."""
    context = environ.get("DOCKER_CONTEXT")
    usual = f"the context {context!r}" if context else "its usual address"
    return environ.get("DOCKER_HOST") or usual


def _digest(said: Mapping[str, Any]) -> str:
    """Return the digest of what was pushed, which the last line tells; else an empty text.

    An engine that keeps images as containerd does tells it in words alone (moby
    ``daemon/containerd/image_push.go``), the other one as ``aux``, too.
    """
    told = _PUSHED.fullmatch(str(said.get("status", "")))
    return str((said.get("aux") or {}).get("Digest", "")) or (told[1] if told else "")


def _progress(said: Mapping[str, Any]) -> str:
    layer, status = said.get("id", ""), str(said.get("status", ""))
    return f"{layer}: {status}" if layer else status


def _local_image(found: Mapping[str, Any]) -> LocalImage:
    config: Mapping[str, Any] = found.get("Config") or {}
    variant = found.get("Variant")
    platform = f"{found.get('Os', '')}/{found.get('Architecture', '')}"
    return LocalImage(
        id=found["Id"],
        repo_digests=tuple(found.get("RepoDigests") or ()),
        labels=config.get("Labels") or {},
        user=config.get("User") or "",
        ports=tuple(sorted(config.get("ExposedPorts") or ())),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        environment=tuple(config.get("Env") or ()),
        working_directory=config.get("WorkingDir") or "",
        platform=f"{platform}/{variant}" if variant else platform,
        size=int(found.get("Size") or 0),
    )
