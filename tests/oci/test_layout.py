import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

import oras.layout
import pytest

from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.oci.layout import Layouts

from .conftest import artifact


@pytest.fixture
def layouts(tmp_path: Path) -> Layouts:
    return Layouts(tmp_path)


def is_valid(layout: Path) -> bool:
    """Return whether oras reads the layout, and every blob that the index names is whole."""
    oras.layout.NewLayout(str(layout), validate=True)
    store = Layouts(layout.parent)
    for tag in store.tags(layout.name):
        manifest = store.manifest(layout.name, tag)
        assert manifest is not None
        for named in (manifest.document["config"], *manifest.document["layers"]):
            store.blob(layout.name, named["digest"], named["size"])
    return True


def test_stores_what_it_reads_back(layouts: Layouts, tmp_path: Path) -> None:
    pushed = artifact()
    digest = layouts.push("kano", "1.4.0", pushed, replace=False)
    assert digest == pushed.manifest.digest
    by_tag, by_digest = layouts.manifest("kano", "1.4.0"), layouts.manifest("kano", digest)
    assert by_tag is not None
    assert by_tag == by_digest
    assert by_tag.annotations == pushed.annotations
    assert layouts.blob("kano", pushed.layers[0].digest, 7) == b"content"
    assert layouts.tags("kano") == ["1.4.0"]
    assert is_valid(tmp_path / "kano")


def test_tells_what_is_absent(layouts: Layouts, tmp_path: Path) -> None:
    assert layouts.manifest("kano", "1.4.0") is None
    assert layouts.tags("kano") == []
    assert not (tmp_path / "kano").exists()
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    assert layouts.manifest("kano", "1.5.0") is None
    assert layouts.manifest("kano", f"sha256:{'a' * 64}") is None


def test_names_an_artifact_by_its_folder(layouts: Layouts, tmp_path: Path) -> None:
    assert layouts.reference("kano", "1.4.0") == f"{tmp_path}/kano:1.4.0"


def test_keeps_several_tags(layouts: Layouts, tmp_path: Path) -> None:
    for tag in ("1.4.0", "1.5.0"):
        layouts.push("kano", tag, artifact(), replace=False)
    layouts.push("kano", "2.0.0", artifact(b"other"), replace=False)
    assert layouts.tags("kano") == ["1.4.0", "1.5.0", "2.0.0"]
    assert is_valid(tmp_path / "kano")


def test_changes_no_file_when_it_pushes_the_same_again(layouts: Layouts, tmp_path: Path) -> None:
    def files() -> dict[Path, int]:
        found = (tmp_path / "kano").rglob("*")
        return {file: file.stat().st_ino for file in found if file.is_file()}

    layouts.push("kano", "1.4.0", artifact(), replace=False)
    before = files()
    for replace in (False, True):
        layouts.push("kano", "1.4.0", artifact(), replace=replace)
    assert files() == before


def test_refuses_a_tag_that_names_other_content(layouts: Layouts) -> None:
    digest = layouts.push("kano", "1.4.0", artifact(), replace=False)
    with pytest.raises(RefusedError) as refused:
        layouts.push("kano", "1.4.0", artifact(b"other"), replace=False)
    assert f"kano:1.4.0 is already out with other content ({digest})" in refused.value.message
    assert refused.value.remedy == "Give it a new version."
    held = layouts.manifest("kano", "1.4.0")
    assert held is not None
    assert held.digest == digest


def test_replaces_when_told_to(layouts: Layouts) -> None:
    layouts.push("kano", "0.0.0-dev", artifact(), replace=False)
    digest = layouts.push("kano", "0.0.0-dev", artifact(b"other"), replace=True)
    held = layouts.manifest("kano", "0.0.0-dev")
    assert held is not None
    assert held.digest == digest
    assert layouts.tags("kano") == ["0.0.0-dev"]


def test_mends_a_blob_that_it_pushes_again(layouts: Layouts, tmp_path: Path) -> None:
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    digest = artifact().layers[0].digest
    (tmp_path / "kano/blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(b"cont")
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    assert is_valid(tmp_path / "kano")


KILLED = """
import os, signal, sys
from pathlib import Path
from kargo_release.oci.artifact import Artifact, Blob
from kargo_release.oci.layout import Layouts

folder, content, write, moment = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
place, done = Path.replace, 0

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def replace(source, target):
    global done
    done += 1
    if done == write and moment == "before":
        kill()
    place(source, target)
    if done == write:
        kill()

Path.replace = replace
config = Blob("application/vnd.cncf.helm.config.v1+json", b"{}")
pushed = Artifact(config, (Blob("application/x", content.encode()),))
Layouts(Path(folder)).push("kano", "dev", pushed, replace=True)
"""


def killed(folder: Path, content: str, write: int, moment: str) -> bool:
    """Push in a child that is killed before or after it puts its n-th file in place."""
    arguments = [sys.executable, "-c", KILLED, str(folder), content, str(write), moment]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    status = subprocess.run(arguments, env=environ, check=False).returncode
    assert status in {0, -signal.SIGKILL}
    return status != 0


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("held", "writes"), [((), 6), (("dev",), 4)], ids=["empty", "held"])
def test_is_valid_after_a_kill_at_any_write(
    tmp_path: Path, held: tuple[str, ...], writes: int, moment: str
) -> None:
    for write in range(1, writes + 2):
        layouts, layout = Layouts(tmp_path / str(write)), tmp_path / str(write) / "kano"
        for tag in held:
            layouts.push("kano", tag, artifact(), replace=False)
        assert killed(layout.parent, "new", write, moment) is (write <= writes)
        assert not (layout / "oci-layout").exists() or is_valid(layout)
        layouts.push("kano", "1.4.0", artifact(), replace=False)
        assert {"1.4.0", *held} <= set(layouts.tags("kano"))
        assert is_valid(layout)


def _push(folder: Path, number: int) -> str:
    return Layouts(folder).push("kano", f"1.0.{number}", artifact(b"%d" % number), replace=False)


def _claim(folder: Path, number: int) -> str:
    try:
        return Layouts(folder).push("kano", "1.0.0", artifact(b"%d" % number), replace=False)
    except RefusedError:
        return ""


def test_loses_no_tag_to_another_process(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(_push, tmp_path), range(24)))
        assert len(Layouts(tmp_path).tags("kano")) == 24
        assert is_valid(tmp_path / "kano")
        claims = list(pool.map(partial(_claim, tmp_path / "other"), range(24)))
    assert len([claim for claim in claims if claim]) == 1


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"manifests":1}', '{"manifests":[1]}', "[" * 99999, "\x00",
     '{"manifests":[{"mediaType":"a","size":1,"digest":"sha256:../../x"}]}'],
)  # fmt: skip
def test_names_an_index_that_is_none(layouts: Layouts, tmp_path: Path, text: str) -> None:
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    index = tmp_path / "kano" / "index.json"
    index.write_text(text)
    for use in (
        lambda: layouts.tags("kano"),
        lambda: layouts.manifest("kano", "1.4.0"),
        lambda: layouts.push("kano", "1.5.0", artifact(), replace=True),
    ):
        with pytest.raises(InvalidError, match="is not the index of an OCI layout") as raised:
            use()
        assert str(index) in raised.value.message
        assert raised.value.remedy.startswith("The layout is damaged")
    assert index.read_text() == text


def test_names_a_blob_that_is_missing_altered_or_too_long(layouts: Layouts, tmp_path: Path) -> None:
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    digest = artifact().layers[0].digest
    path = tmp_path / "kano/blobs/sha256" / digest.removeprefix("sha256:")
    with pytest.raises(InvalidError, match=f"{path} is longer than 6 bytes"):
        layouts.blob("kano", digest, 6)
    path.write_bytes(b"other")
    with pytest.raises(InvalidError, match=f"{path} does not hold the bytes of its name"):
        layouts.blob("kano", digest, 100)
    path.unlink()
    with pytest.raises(InvalidError, match=f"{path} cannot be read: No such file"):
        layouts.blob("kano", digest, 100)


def test_refuses_a_manifest_that_is_none(layouts: Layouts, tmp_path: Path) -> None:
    layouts.push("kano", "1.4.0", artifact(), replace=False)
    index = tmp_path / "kano" / "index.json"
    document = json.loads(index.read_bytes())
    document["manifests"][0]["digest"] = artifact().layers[0].digest
    index.write_text(json.dumps(document))
    with pytest.raises(InvalidError, match="is not JSON"):
        layouts.manifest("kano", "1.4.0")


def test_tells_that_the_disk_is_full(
    layouts: Layouts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts.push("kano", "1.4.0", artifact(), replace=False)

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kargo_release.oci.layout.os.fsync", full)
    with pytest.raises(FailedError) as raised:
        layouts.push("kano", "1.5.0", artifact(b"other"), replace=False)
    assert raised.value.message == (
        f"{tmp_path}/kano cannot be written to: No space left on device"
    )
    assert raised.value.remedy.startswith("Make room")
    assert layouts.tags("kano") == ["1.4.0"]
    assert is_valid(tmp_path / "kano")


def test_tells_that_another_writer_does_not_end(
    layouts: Layouts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    layouts.push("kano", "1.4.0", artifact(), replace=False)
    monkeypatch.setattr("kargo_release.oci.layout._LOCK_SECONDS", 0.1)
    with FileLock(tmp_path / "kano" / ".lock"), pytest.raises(FailedError) as raised:
        layouts.push("kano", "1.5.0", artifact(), replace=False)
    assert "another process has been writing to" in raised.value.message
    assert raised.value.remedy == "Wait for it to end, then run the command again."


@pytest.mark.parametrize("name", ["../x", "a b", "", "Kano", "a/b", "/a", ".lock", ".."])
def test_lets_no_bad_name_into_a_path(layouts: Layouts, tmp_path: Path, name: str) -> None:
    for use in (
        lambda: layouts.push(name, "1.0.0", artifact(), replace=True),
        lambda: layouts.manifest(name, "1.0.0"),
        lambda: layouts.tags(name),
        lambda: layouts.blob(name, f"sha256:{'a' * 64}", 1),
    ):
        with pytest.raises(InvalidError):
            use()
    with pytest.raises(InvalidError, match="is not a digest"):
        layouts.blob("kano", "sha256:../../x", 1)
    assert list(tmp_path.iterdir()) == []
