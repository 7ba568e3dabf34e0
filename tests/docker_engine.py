"""Starts and stops a Docker engine of the tests' own, with the public bases made here.

No image can be pulled by tests: the bases are made of Debian's packages and of this machine's Node,
once, and kept as tar files in the folder for temporary files.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest
from debian_packages import kept, make, unpacked
from parts import INSTALL, need

DEBIAN, NODE = "debian:bookworm-slim", "node:20-bookworm-slim"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# As Debian's own slim images are made: github.com/debuerreotype, .slimify-excludes.
_LEFT_OUT = ("doc", "man", "info", "lintian", "groff", "linda", "locale")
_MMDEBSTRAP = (
    "--variant=minbase",
    "--format=tar",
    *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _LEFT_OUT),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    # Without this usrmerge comes, and brings Perl.
    "--include=usr-is-merged",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "bookworm",
)
_DEBIAN_FILE = """FROM debian:plain
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["bash"]
"""
_NODE_FILE = """FROM debian:bookworm-slim
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends libstdc++6 \\
    && rm -rf /var/lib/apt/lists/* \\
    && groupadd --gid 1000 node \\
    && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
COPY include /usr/local/include/node
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
CMD ["node"]
"""
_ENGINES = count()
_SECONDS = 60  # for the engine to answer, on a busy machine


@dataclass(frozen=True)
class DockerEngine:
    """A running engine.

    Args:
        host: Its address, as DOCKER_HOST has it.
        process: The engine itself.
    """

    host: str
    process: "subprocess.Popen[bytes]"

    def run(self, *words: str, stdin: bytes = b"") -> str:
        """Run ``docker`` with these words; return what it prints."""
        command = [need("docker"), "--host", self.host, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode().strip()

    def containers(self) -> set[str]:
        """Return all that there are, those too that another test's builds leave for a moment."""
        return set(self.run("ps", "--all", "--quiet", "--no-trunc").split())


@contextmanager
def docker_engine(folder: Path, *, is_newer: bool = False) -> Iterator[DockerEngine]:
    """Run an engine without any image.

    Args:
        folder: Where it keeps all that it has.
        is_newer: Whether it is that of a newer Debian, and keeps images as containerd does.
    """
    if os.geteuid() != 0:
        _leave_out("an engine of the tests' own is started by root alone")
    dockerd, path = (need("dockerd"), os.environ["PATH"]) if not is_newer else _newer()
    # The path of a socket is short (unix(7)).
    run = Path(mkdtemp(prefix="krd-"))
    host = f"unix://{run}/docker.sock"
    with _bridge() as bridge, (folder / "log").open("wb") as log:
        command = [
            *(dockerd, "--host", host, "--bridge", bridge, "--pidfile", f"{run}/pid"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{run}/exec"),
            *("--config-file", _configuration(folder, keeps_manifests=is_newer)),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": path},
            start_new_session=True,
        )
        try:
            engine = DockerEngine(host, process)
            _wait_for(engine, folder / "log")
            yield engine
        finally:
            process.terminate()
            process.wait()
            _clean_up_after_a_kill(run, folder)
            shutil.rmtree(run, ignore_errors=True)


def _newer() -> tuple[str, str]:
    """Return a newer engine, and the PATH on which it finds its containerd."""
    engine, containerd = unpacked("docker.io") / "usr/sbin", unpacked("containerd") / "usr/bin"
    return f"{engine}/dockerd", f"{containerd}:{engine}:{os.environ['PATH']}"


def _configuration(folder: Path, *, keeps_manifests: bool) -> str:
    file = folder / "daemon.json"
    features = {"containerd-snapshotter": True} if keeps_manifests else {}
    file.write_text(json.dumps({"features": features}))
    return str(file)


def _clean_up_after_a_kill(*folders: Path) -> None:
    """End what an engine that was killed has left: its children, and mounts."""
    marks = [str(folder).encode() for folder in folders]
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if any(mark in each.read_bytes() for mark in marks):
                os.kill(int(each.parent.name), signal.SIGKILL)
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in reversed(mounted):
        if any(place.startswith(f"{folder}/") for folder in folders):
            subprocess.run([need("umount"), "--lazy", place], check=False)


def import_debian(engine: DockerEngine) -> None:
    """Give the engine Debian, as if it had been pulled."""
    debian = _kept() / "debian.tar"
    if not debian.exists():
        make(debian, lambda file: _debootstrap(engine, file))
    engine.run("load", "--input", str(debian))


def import_bases(engine: DockerEngine) -> None:
    """Give the engine the two bases, Debian and the larger one of Node."""
    import_debian(engine)
    node = _kept() / "node.tar"
    if not node.exists():
        make(node, lambda file: _build_node(engine, file))
    engine.run("load", "--input", str(node))


def _debootstrap(engine: DockerEngine, file: Path) -> None:
    plain = file.with_suffix(".plain")
    command = [need("mmdebstrap"), "--quiet", *_MMDEBSTRAP, str(plain)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    engine.run("import", str(plain), "debian:plain")
    plain.unlink()
    context = Path(mkdtemp())
    shutil.copy(_AUTHORITIES, context)
    _build(engine, context, _DEBIAN_FILE, DEBIAN, file)


def _build_node(engine: DockerEngine, file: Path) -> None:
    context = Path(mkdtemp())
    program, modules = Path(need("node")).resolve(), Path(need("npm")).resolve().parents[1]
    shutil.copy(program, context / "node")
    shutil.copytree(modules, context / "npm", symlinks=True)
    headers = program.parents[1] / "include/node"
    shutil.copytree(headers, context / "include", ignore=shutil.ignore_patterns("openssl"))
    _build(engine, context, _NODE_FILE, NODE, file)


def _build(engine: DockerEngine, context: Path, dockerfile: str, name: str, file: Path) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    engine.run("build", "--quiet", "--tag", name, str(context))
    engine.run("save", "--output", str(file), name)
    shutil.rmtree(context)


def _kept() -> Path:
    """Return the folder where the bases are kept between runs."""
    authorities = _AUTHORITIES.read_bytes() if _AUTHORITIES.exists() else b""
    return kept("bases", repr((_MMDEBSTRAP, _DEBIAN_FILE, _NODE_FILE, authorities)))


@contextmanager
def _bridge() -> Iterator[str]:
    """Give a network of the engine's own, so that it takes nothing from another engine."""
    third = (os.getpid() + next(_ENGINES)) % 250
    name = f"kr{os.getpid() % 10**7}-{third}"
    _ip("link", "add", "name", name, "type", "bridge")
    try:
        _ip("addr", "add", f"172.30.{third}.1/24", "dev", name)
        _ip("link", "set", name, "up")
        yield name
    finally:
        _ip("link", "delete", name)
        rule = ["POSTROUTING", "-s", f"172.30.{third}.0/24", "!", "-o", name, "-j", "MASQUERADE"]
        subprocess.run(
            [need("iptables"), "-t", "nat", "-D", *rule], check=False, capture_output=True
        )


def _ip(*words: str) -> None:
    subprocess.run([need("ip"), *words], check=True, stdin=subprocess.DEVNULL)


def _wait_for(engine: DockerEngine, log: Path) -> None:
    end = time.monotonic() + _SECONDS
    command: Sequence[str] = [need("docker"), "--host", engine.host, "version"]
    while subprocess.run(command, capture_output=True, check=False).returncode:
        assert engine.process.poll() is None, log.read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


def _leave_out(why: str) -> None:
    if os.environ.get("KARGO_TEST_ALL"):
        pytest.fail(f"{why}: {INSTALL}")
    pytest.skip(why)


def buildx_plugin(folder: Path) -> Path:
    """Return a folder of Docker's configuration that has the plugin buildx.

    Args:
        folder: Where the folder is made.
    """
    [plugin] = unpacked("docker-buildx").rglob("cli-plugins/docker-buildx")
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    shutil.copy(plugin, plugins / "docker-buildx")
    return folder
