"""Measures a push of 300 MB from a file: `.venv/bin/python -m benchmarks.blob`.

Ours and a bare client each run in a process of its own, which tells its time and the most memory
that it held; see README.md.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import file_digest
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks import ROOT
from benchmarks.measure import Comparison, in_turn, machine, peak, report

_SIZE = 300 << 20  # bytes
_LARGEST = 60 << 20  # bytes
_PIECE = 1 << 18
_TURNS = 5
_KIND = "application/octet-stream"
_CONFIG = "application/vnd.oci.empty.v1+json"


@dataclass
class Client:
    """A way to push, in a process of its own for each turn; it keeps the peak of all of them."""

    name: str
    host: str
    file: Path
    repositories: Iterator[int]
    peak: int = 0

    def push(self) -> float:
        """Push to a new repository, and return the seconds from the file's first byte."""
        repository = f"blob/{next(self.repositories)}"
        words = [sys.executable, "-m", "benchmarks.blob", self.name, self.host, repository]
        ended = subprocess.run([*words, str(self.file)], cwd=ROOT, check=True, capture_output=True)
        seconds, peak = json.loads(ended.stdout)
        self.peak = max(self.peak, peak)
        return float(seconds)


def main() -> None:
    """Measure, or be the process that is measured."""
    if len(sys.argv) > 1:
        name, *words = sys.argv[1:]
        start = perf_counter()
        {"ours": _ours, "bare": _bare}[name](*words)
        print(json.dumps([perf_counter() - start, peak()]))
        return
    from servers import docker_registry  # its libraries would count in each process

    print(f"{machine()}\n")
    with TemporaryDirectory() as folder, docker_registry(Path(folder, "registry")) as registry:
        file = Path(folder, "blob")
        _write(file)
        print(_compared(registry.host, file))


def _compared(host: str, file: Path) -> str:
    repositories = count()
    clients = [Client(name, host, file, repositories) for name in ("ours", "bare")]
    works: dict[str, Callable[[], float]] = {each.name: each.push for each in clients}
    comparison = Comparison("Registry.push / bare client", "ours", ("bare",), 2.0)
    told = report("300 MB from a file", in_turn(works, _TURNS), [comparison])
    peaks = "".join(f"peak of {each.name}: {_megabytes(each.peak)}\n" for each in clients)
    return f"{told}\n{peaks}"


def _write(file: Path) -> None:
    with file.open("wb") as opened:
        for _ in range(_SIZE // _PIECE):
            opened.write(os.urandom(_PIECE))


def _ours(host: str, repository: str, file: str) -> None:
    from kargo_release.oci.artifact import Artifact, Blob, file_blob
    from kargo_release.oci.registry import Registry

    registry = Registry(f"oci://{host}", plain_http=None, environ=os.environ)
    pushed = Artifact(Blob(_CONFIG, b"{}"), (file_blob(_KIND, Path(file)),))
    registry.push(repository, "1.0.0", pushed, replace=True)


def _bare(host: str, repository: str, file: str) -> None:
    """Hash the file and send it, and nothing else."""
    from benchmarks import bare  # its libraries would count for ours, too

    with Path(file).open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        connection = HTTPConnection(host, timeout=60, blocksize=_PIECE)
        begun = bare.request(connection, "POST", f"/v2/{repository}/blobs/uploads/", 202)
        location = urlsplit(begun.headers["Location"])
        path = f"{location.path}?{location.query}&digest=sha256:{digest}"
        headers = {"Content-Length": str(_SIZE), "Content-Type": _KIND}
        connection.request("PUT", path, opened, headers)
        answer = connection.getresponse()
        answer.read()
    if answer.status != 201:
        raise AssertionError(answer.status)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MB{' (too much)' if size > _LARGEST else ''}"


if __name__ == "__main__":
    main()
