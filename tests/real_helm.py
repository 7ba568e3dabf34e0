"""What the real Helm makes of charts: packed and pushed by its SDK, each in a child of its own."""

import gzip
import json
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

SCRIPTS = Path(sysconfig.get_path("scripts"))

_PACKAGE = """
import sys, helm_python
print(helm_python.package(sys.argv[1], destination=sys.argv[2]))
"""
_PACKAGE_ALL = """
import sys, helm_python
for folder in sys.argv[2:]:
    print(helm_python.package(folder, destination=sys.argv[1]))
"""
_UPDATE = """
import sys, helm_python
helm_python.dependency_update(sys.argv[1])
"""
_PUSH = """
import sys, helm_python
for archive in sys.argv[2:]:
    helm_python.push(archive, sys.argv[1], plain_http=True)
"""
_INDEX = """
import sys, helm_python
folder, url, merge = sys.argv[1:]
helm_python.repo_index_generate(folder, base_url=url or None, merge=merge or None)
"""
_READ = """
import json, os, sys, tempfile, helm_python
def read(file):
    with tempfile.TemporaryDirectory() as folder:
        try:
            helm_python.repo_index_generate(folder, merge=file)
        except helm_python.HelmError as error:
            return str(error)
        with open(os.path.join(folder, "index.yaml")) as merged:
            return {"merged": merged.read()}
json.dump([read(file) for file in sys.argv[1:]], sys.stdout)
"""


def package(folder: Path, destination: Path) -> Path:
    """Pack the chart in ``folder`` and return the archive."""
    return Path(_run(_PACKAGE, str(folder), str(destination)).splitlines()[-1])


def package_all(folders: Sequence[Path], destination: Path) -> list[Path]:
    """Pack several charts and return the archives in their order."""
    told = _run(_PACKAGE_ALL, str(destination), *map(str, folders)).splitlines()
    return list(map(Path, told[-len(folders) :]))


def update_dependencies(folder: Path) -> None:
    """Put a chart's dependencies into its charts/, and write Chart.lock."""
    _run(_UPDATE, str(folder))


def push(archive: Path, remote: str) -> None:
    """Push an archive below ``remote``, such as ``oci://127.0.0.1:5000/team``, without TLS."""
    push_all([archive], remote)


def push_all(archives: Sequence[Path], remote: str) -> None:
    """Push several archives."""
    _run(_PUSH, remote, *map(str, archives))


def index(folder: Path, url: str = "", merge: Path | None = None) -> Path:
    """Write index.yaml for the archives of a folder, as ``helm repo index``, and return it."""
    _run(_INDEX, str(folder), url, str(merge or ""))
    return folder / "index.yaml"


def read_indexes(files: Sequence[Path]) -> list[dict[str, Any] | str]:
    """Return what Helm finds in each index; of one that it can't read, why."""
    found = json.loads(_run(_READ, *map(str, files)))
    return [each if isinstance(each, str) else _loaded(each["merged"]) for each in found]


def _loaded(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document["entries"] or {}


def timeless(tgz: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers and bodies of the tar stream, the times and the checksums blanked.

    Helm writes each file's own time; all else of a header is to be the same byte for byte.
    """
    stream = gzip.decompress(tgz)
    entries: list[tuple[bytes, bytes]] = []
    position = 0
    while stream[position : position + 512].strip(b"\0"):
        header = bytearray(stream[position : position + 512])
        size = int(header[124:135], 8)
        header[136:156] = bytes(20)
        body = position + 512
        position = body + -(-size // 512) * 512
        entries.append((bytes(header), stream[body:position]))
    return [*entries, (b"", stream[position:])]


def _run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
