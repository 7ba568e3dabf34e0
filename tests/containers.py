"""Containers as the platform runs them: no root, no capabilities, nothing to write but scratch."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from parts import need

# Kubernetes' restricted profile, and a read-only root file system.
RESTRICTED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
SECONDS = 60  # for a service to answer, on a machine that builds beside it


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    kind: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Docker:
    """Docker's client, of one engine."""

    host: str
    program: str = field(default_factory=lambda: need("docker"))

    def run(self, *words: str, fails: bool = False) -> str:
        """Run ``docker`` with these words, and return what it prints on stdout."""
        command = [self.program, "--host", self.host, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) is fails, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def inspect(self, name: str) -> Any:
        """Return what the engine knows of an image or a container."""
        [found] = json.loads(self.run("inspect", name))
        return found

    def once(
        self, image: str, *command: str, options: Sequence[str] = (), fails: bool = False
    ) -> str:
        """Run a command in a new container, and return what it prints."""
        return self.run("run", "--rm", *RESTRICTED, *options, image, *command, fails=fails)

    @contextmanager
    def serving(
        self, image: str, *command: str, options: Sequence[str] = ()
    ) -> Iterator["Service"]:
        """Run a service until the end of the block."""
        name = self.run("run", "--detach", *RESTRICTED, *options, image, *command)
        try:
            yield Service(self, name)
        finally:
            self.run("rm", "--force", "--volumes", name)


@dataclass(frozen=True)
class Service:
    """A running container that listens on 8080."""

    docker: Docker
    name: str

    @cached_property
    def address(self) -> str:
        """Where it is reached from this machine and from other containers."""
        found: str = self.docker.inspect(self.name)["NetworkSettings"]["IPAddress"]
        return found

    def get(self, path: str, *, port: int = 8080) -> Answer:
        """Ask for a path, as soon as the service listens."""
        end = time.monotonic() + SECONDS
        while (answer := _asked(self.address, port, path)) is None:
            assert self.docker.inspect(self.name)["State"]["Status"] == "running", self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)
        return answer

    def connect(self, port: int) -> None:
        """Connect to a port, and let go of it."""
        socket.create_connection((self.address, port), SECONDS).close()

    def log(self) -> str:
        """Return what it has printed."""
        command = [self.docker.program, "--host", self.docker.host, "logs", self.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def execute(self, *command: str) -> str:
        """Run a command in the container."""
        return self.docker.run("exec", self.name, *command)

    def check_health(self) -> None:
        """Run the image's own check, once, as the engine would."""
        self.execute(*self.docker.inspect(self.name)["Config"]["Healthcheck"]["Test"][1:])

    def user(self) -> int:
        """Return the user of its first process."""
        status = self.execute("cat", "/proc/1/status")
        [line] = [each for each in status.splitlines() if each.startswith("Uid:")]
        return int(line.split()[2])

    def stop(self) -> None:
        """Ask it to end; it must do so by itself."""
        self.docker.run("stop", "--time", "60", self.name)
        assert self.docker.inspect(self.name)["State"]["ExitCode"] == 0, self.log()


def _asked(host: str, port: int, path: str) -> Answer | None:
    with closing(HTTPConnection(host, port, timeout=SECONDS)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            kind = answer.headers.get_content_type()
            return Answer(answer.status, kind, dict(answer.headers), answer.read())
        except (OSError, HTTPException):
            return None


def volume(source: Path, at: str) -> str:
    """Return the option that mounts a file or folder, for reading, which any user may read."""
    for each in (source, *source.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return f"--volume={source}:{at}:ro"
