"""Blobs that stay in a file: hashed and sent in pieces, anew for each try."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import DockerRegistry

from kargo_release.errors import FailedError, InvalidError
from kargo_release.oci.artifact import Artifact, Blob, FileBlob, Store, descriptor, file_blob
from kargo_release.oci.layout import Layouts
from kargo_release.oci.registry import Registry

from .conftest import CONFIG, CONTENT, OpenRegistry, artifact
from .faulty import Fault, FaultyServer

LARGE = b"0123456789abcdef" * 60_000  # several pieces, the last one not whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(LARGE)
    return path


def of_file(path: Path) -> Artifact:
    return Artifact(Blob(CONFIG, b"{}"), (file_blob(CONTENT, path),))


def test_describes_a_file_as_its_bytes(file: Path) -> None:
    blob, same = file_blob(CONTENT, file), Blob(CONTENT, LARGE)
    assert descriptor(blob) == descriptor(same)
    assert blob.digest == f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    assert list(blob.pieces()) == list(same.pieces())
    assert len(list(blob.pieces())) == 4


@pytest.mark.parametrize("content", [LARGE, b"", b"x"], ids=len)
def test_pushes_a_file_to_a_registry(registry: Registry, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    pushed = of_file(file)
    assert registry.push("app", "1.0.0", pushed, replace=True) == pushed.manifest.digest
    assert registry.blob("app", pushed.layers[0].digest, len(content)) == content


@pytest.mark.parametrize("content", [LARGE, b""], ids=len)
def test_stores_a_file_in_a_layout(tmp_path: Path, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    layouts, pushed = Layouts(tmp_path / "layouts"), of_file(file)
    layouts.push("app", "1.0.0", pushed, replace=False)
    assert layouts.blob("app", pushed.layers[0].digest, len(content)) == content
    stored = tmp_path / "layouts/app/blobs/sha256" / pushed.layers[0].digest[7:]
    stored.write_bytes(b"damaged")
    layouts.push("app", "1.0.0", pushed, replace=False)
    assert stored.read_bytes() == content


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT", "/blobs/uploads/", cut=True, times=2),
        Fault("PUT", "/blobs/uploads/", 503, times=2),
        Fault("PUT", "/blobs/uploads/", 401, {"WWW-Authenticate": "Basic realm=x"}, times=1),
    ],
    ids=["cut", "503", "401"],
)
def test_sends_a_file_from_its_start_at_each_try(
    before: FaultyServer, open_registry: OpenRegistry, file: Path, fault: Fault, prefix: str
) -> None:
    before.faults = [fault]
    pushed = Artifact(file_blob(CONTENT, file), ())  # type: ignore[arg-type]  # the only blob
    login = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "ada",
        "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret",
    }
    registry = open_registry(f"oci://{before.host}/{prefix}", login)
    registry.push("app", "1.0.0", pushed, replace=True)
    assert registry.blob("app", pushed.config.digest, len(LARGE)) == LARGE
    sent = [each.length for each in before.seen if each.length >= len(LARGE)]
    assert sent == [len(LARGE)] * len(sent)
    assert len(sent) > 1


@pytest.mark.parametrize("content", [LARGE + b"x", LARGE[:-1], b""], ids=["longer", "shorter", ""])
@pytest.mark.parametrize("kind", ["registry", "layouts"])
def test_tells_a_file_that_changed(
    registry: Registry, tmp_path: Path, file: Path, content: bytes, kind: str
) -> None:
    stores: dict[str, Store] = {"registry": registry, "layouts": Layouts(tmp_path / "layouts")}
    pushed = of_file(file)
    file.write_bytes(content)
    with pytest.raises(FailedError) as raised:
        stores[kind].push("app", "1.0.0", pushed, replace=False)
    assert raised.value.message == f"{file} changed while it was read"
    assert raised.value.remedy == "Run the command again."
    assert stores[kind].manifest("app", "1.0.0") is None


def test_publishes_no_file_of_other_bytes(registry: Registry, tmp_path: Path, file: Path) -> None:
    pushed = of_file(file)
    file.write_bytes(bytes(len(LARGE)))
    with pytest.raises(FailedError, match="DIGEST_INVALID"):
        registry.push("app", "1.0.0", pushed, replace=False)
    layouts = Layouts(tmp_path / "layouts")
    with pytest.raises(FailedError, match=f"the file of {pushed.layers[0].digest} changed"):
        layouts.push("app", "1.0.0", pushed, replace=False)
    assert layouts.manifest("app", "1.0.0") is None


@pytest.mark.parametrize(
    "use",
    [lambda path: file_blob(CONTENT, path), lambda path: list(FileBlob("", path, "", 1).pieces())],
    ids=["hash", "send"],
)
def test_names_the_file_that_cannot_be_read(tmp_path: Path, use: Callable[[Path], object]) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InvalidError) as raised:
            use(path)
        assert raised.value.message.startswith(f"{path} cannot be read: ")
        assert raised.value.remedy == "Correct its rights, or make it again."


def test_still_pushes_what_is_in_memory(registry: Registry) -> None:
    pushed = artifact(LARGE)
    registry.push("app", "1.0.0", pushed, replace=False)
    assert registry.blob("app", pushed.layers[0].digest, len(LARGE)) == LARGE


PUSH = """
import os, sys
from pathlib import Path
from kargo_release.oci.artifact import Artifact, Blob, file_blob
from kargo_release.oci.registry import Registry

registry = Registry(sys.argv[1], plain_http=None, environ=os.environ)
pushed = Artifact(Blob("a/b", b"{}"), (file_blob("a/b", Path(sys.argv[2])),))
registry.push("app", "1.0.0", pushed, replace=True)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by /proc")
def test_holds_little_of_a_large_file_in_memory(
    docker: DockerRegistry, prefix: str, tmp_path: Path
) -> None:
    file = tmp_path / "image.tar"
    with file.open("wb") as opened:
        opened.truncate(96 << 20)
    words = [sys.executable, "-c", PUSH, f"oci://{docker.host}/{prefix}", str(file)]
    told = subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert int(told.stdout) << 10 < 60 << 20
