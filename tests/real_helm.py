"""What the real Helm makes of charts: packed and pushed by its SDK, each in a child of its own."""

import gzip
import subprocess
import sys
from pathlib import Path

_PACKAGE = """
import sys, helm_python
print(helm_python.package(sys.argv[1], destination=sys.argv[2]))
"""
_UPDATE = """
import sys, helm_python
helm_python.dependency_update(sys.argv[1])
"""
_PUSH = """
import sys, helm_python
helm_python.push(sys.argv[1], sys.argv[2], plain_http=True)
"""


def package(folder: Path, destination: Path) -> Path:
    """Pack the chart in ``folder`` and return the archive."""
    return Path(_run(_PACKAGE, str(folder), str(destination)).splitlines()[-1])


def update_dependencies(folder: Path) -> None:
    """Put a chart's dependencies into its charts/, and write Chart.lock."""
    _run(_UPDATE, str(folder))


def push(archive: Path, remote: str) -> None:
    """Push an archive below ``remote``, such as ``oci://127.0.0.1:5000/team``, without TLS."""
    _run(_PUSH, str(archive), remote)


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
