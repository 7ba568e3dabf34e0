"""A Git repository with charts to try commands in, and how to run them there."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import confidential

PROGRAM = Path(sys.executable).parent / "kargo-release"
DEPLOYMENT = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  greeting: {{ .Values.greeting | quote }}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        confidential.check(self.out + self.err, "what a command printed")

    @property
    def document(self) -> Any:
        """What it printed, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def chart(self) -> Any:
        """The only chart of its document."""
        [chart] = self.document["charts"]
        return chart

    @property
    def states(self) -> dict[str, str]:
        """What became of the only chart at each destination."""
        return {name: each["state"] for name, each in self.chart["destinations"].items()}

    def tells(self, message: str, remedy: str) -> bool:
        """Whether it told an error with both texts in it, to persons and, if asked, programs."""
        error = self.document["error"] if self.out.startswith("{") else None
        parts = (self.err, self.err) if error is None else (error["message"], error["remedy"])
        return message in parts[0] and remedy in parts[1] and message in self.err


@dataclass
class Sandbox:
    """A clone, and the environment that its commands run in."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)
    remote: Path | None = None
    bucket: str = ""
    endpoint: str = ""
    registry: str = ""

    @classmethod
    def make(cls, path: Path) -> "Sandbox":
        """Make a new repository with one identity, that of nobody in particular."""
        path.mkdir(parents=True)
        sandbox = cls(path)
        sandbox.git("init", "--quiet", "--initial-branch=main")
        sandbox.git("config", "user.name", "Ada")
        sandbox.git("config", "user.email", "ada@example.com")
        return sandbox

    def git(self, *words: str, stdin: str = "") -> str:
        """Run Git here and return what it prints, less the last line end."""
        done = subprocess.run(
            ["git", *words], cwd=self.path, check=True, capture_output=True, text=True, input=stdin
        )
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file, its folders made."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def write_chart(
        self, name: str, version: str = "1.0.0", *, more: str = "", library: bool = False
    ) -> None:
        """Write a small chart that passes Helm's strict lint."""
        kind = "library" if library else "application"
        about = f'apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: "1.2.3"\n'
        self.write(f"charts/{name}/Chart.yaml", f"{about}type: {kind}\n{more}")
        self.write(f"charts/{name}/values.yaml", f"greeting: hello from {name}\n")
        if not library:
            self.write(f"charts/{name}/templates/configmap.yaml", DEPLOYMENT)
        else:
            self.write(f"charts/{name}/templates/_names.tpl", '{{- define "names" }}x{{ end }}\n')

    def commit(self, message: str = "Change something") -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self) -> None:
        """Push the branch."""
        self.git("push", "--quiet", "origin", "HEAD")

    def add_remote(self, path: Path) -> None:
        """Make a bare repository and call it origin."""
        self.remote = path
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True
        )
        self.git("remote", "add", "origin", str(path))

    def use_registry(self, host: str) -> None:
        """Release to a path of its own in a registry."""
        self.registry = f"{host}/{uuid4().hex[:12]}/helm"
        self.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{self.registry}"

    def use_bucket(self, endpoint: str) -> None:
        """Back up to a new bucket."""
        self.endpoint, self.bucket = endpoint, f"charts-{uuid4().hex[:12]}"
        self.s3().create_bucket(Bucket=self.bucket)
        self.environ["KARGO_RELEASE_BACKUP"] = f"s3://{self.bucket}/helm"
        self.environ["KARGO_RELEASE_S3__ENDPOINT"] = endpoint
        self.environ["KARGO_RELEASE_S3__REGION"] = "us-east-1"

    def s3(self) -> Any:
        """Return a client of the bucket's server."""
        return _s3(self.endpoint)

    def clone(self, path: Path) -> "Sandbox":
        """Clone the remote, with the same settings."""
        subprocess.run(["git", "clone", "--quiet", str(self.remote), str(path)], check=True)
        twin = Sandbox(path, dict(self.environ), self.remote, self.bucket, self.endpoint)
        twin.registry = self.registry
        twin.git("config", "user.name", "Grace")
        twin.git("config", "user.email", "grace@example.com")
        return twin

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run ``kargo-release`` in this process, which is far quicker than starting it."""
        from kargo_release import program

        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        with (
            contextlib.chdir(self.path),
            _environment({**self.environ, **(environ or {})}),
            _arguments("kargo-release", *words),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                program.main()
            except SystemExit as ended:
                code = ended.code
        return Ended(int(code or 0), out.getvalue(), err.getvalue())

    def start(
        self, *words: str, environ: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start ``kargo-release`` as a process of its own; hooks find its id in RELEASER_PID."""
        return subprocess.Popen(
            ["sh", "-c", 'RELEASER_PID=$$ exec "$0" "$@"', str(PROGRAM), *words],
            cwd=self.path,
            env={**os.environ, **self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hook(self, name: str, script: str) -> None:
        """Give the remote a hook, a shell script."""
        assert self.remote is not None
        file = self.remote / "hooks" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def remote_git(self, *words: str) -> str:
        """Run Git in the remote."""
        done = subprocess.run(
            ["git", *words], cwd=self.remote, check=True, capture_output=True, text=True
        )
        return done.stdout.rstrip("\n")

    def remote_refs(self) -> dict[str, str]:
        """Return every ref of the remote with its object."""
        lines = self.remote_git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)


@cache
def _s3(endpoint: str) -> Any:
    session = botocore.session.get_session()
    return session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)


@contextlib.contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _arguments(*words: str) -> Iterator[None]:
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before
