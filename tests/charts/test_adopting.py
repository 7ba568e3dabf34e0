"""The archive that is out is taken over only if it is what was found there."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from kargo_release.bucket.folder import FolderStore
from kargo_release.charts import archive
from kargo_release.charts.archive import LARGEST_ARCHIVE, PackedFile
from kargo_release.charts.desired import ARCHIVE_MEDIA_TYPE, CONFIG_MEDIA_TYPE, ChartRelease
from kargo_release.charts.destinations.archives import adopt
from kargo_release.charts.destinations.backup import BackupDestination
from kargo_release.charts.destinations.registry import RegistryDestination, read_archive
from kargo_release.errors import FailedError, InvalidError, KargoError, RefusedError
from kargo_release.git.repository import Commit
from kargo_release.oci.artifact import Artifact, Blob, Manifest, descriptor
from kargo_release.oci.layout import Layouts
from kargo_release.plan import Found, Row, State

PLACE = "backup/kano-1.0.0.tgz"
OTHER = b"the archive of nobody"


@pytest.fixture
def backup(tmp_path: Path) -> BackupDestination:
    return BackupDestination(FolderStore(tmp_path, "backup"), 1, "2026-01-01T00:00:00Z")


def release() -> ChartRelease:
    text = b"apiVersion: v2\nname: kano\nversion: 1.0.0\n"
    packed = archive.pack("kano", "1.0.0", [PackedFile("Chart.yaml", text)], archive.EPOCH)
    return ChartRelease(packed, Commit("0" * 40, 0), is_dev=False)


def found_with(tgz: bytes, ours: ChartRelease) -> Row[ChartRelease]:
    found = Found(State.SAME, PLACE, sha256=sha256(tgz).hexdigest())
    return Row(ours, {"backup": found})


def error_of(row: Row[ChartRelease], backup: BackupDestination) -> KargoError:
    with pytest.raises(KargoError) as raised:
        adopt(row, backup)
    assert raised.value.remedy
    return raised.value


def test_takes_what_was_found(tmp_path: Path, backup: BackupDestination) -> None:
    ours = release()
    (tmp_path / ours.archive.file_name).write_bytes(ours.archive.tgz)

    assert adopt(found_with(ours.archive.tgz, ours), backup).tgz == ours.archive.tgz


def test_fails_where_other_bytes_come_than_were_found(
    tmp_path: Path, backup: BackupDestination
) -> None:
    ours = release()
    (tmp_path / ours.archive.file_name).write_bytes(OTHER)

    error = error_of(found_with(ours.archive.tgz, ours), backup)

    assert type(error) is FailedError
    assert error.message == f"{PLACE} came with other bytes than a moment ago"
    assert "new version" not in error.remedy


@pytest.mark.parametrize(
    ("is_dev", "kind", "message"),
    [
        (False, RefusedError, f"{PLACE} holds another archive than it says"),
        (True, FailedError, f"{PLACE} was written by somebody else meanwhile"),
    ],
)
def test_tells_what_is_out_and_is_not_what_it_says(
    tmp_path: Path, backup: BackupDestination, is_dev: bool, kind: type[KargoError], message: str
) -> None:
    ours = replace(release(), is_dev=is_dev)
    (tmp_path / ours.archive.file_name).write_bytes(OTHER)

    error = error_of(found_with(OTHER, ours), backup)

    assert (type(error), error.message) == (kind, message)


def test_fails_where_it_is_gone(tmp_path: Path, backup: BackupDestination) -> None:
    ours = release()
    registry = RegistryDestination(Layouts(tmp_path, "registry"), 1)

    for fetch, place in (
        (backup.fetch, PLACE),
        (registry.fetch, "registry/kano:1.0.0"),
    ):
        with pytest.raises(FailedError, match=f"{place} is gone") as raised:
            fetch(ours)
        assert raised.value.remedy == "Run it again."


def test_reads_no_archive_that_is_larger_than_any(tmp_path: Path) -> None:
    layer = {**descriptor(Blob(ARCHIVE_MEDIA_TYPE, OTHER)), "size": LARGEST_ARCHIVE + 1}
    manifest = Manifest("sha256:0", {"layers": [layer]})

    with pytest.raises(InvalidError, match="kano:1 is larger than 104857600 bytes") as raised:
        read_archive(Layouts(tmp_path), "kano", "kano:1", manifest)

    assert raised.value.remedy


def test_reads_no_more_of_an_archive_than_its_manifest_tells(tmp_path: Path) -> None:
    layouts, layer = Layouts(tmp_path), Blob(ARCHIVE_MEDIA_TYPE, OTHER)
    layouts.push("kano", "1", Artifact(Blob(CONFIG_MEDIA_TYPE, b"{}"), (layer,)), replace=False)
    manifest = layouts.manifest("kano", "1")
    assert manifest is not None
    (tmp_path / "kano/blobs/sha256" / layer.digest[7:]).write_bytes(OTHER + b" " * 99)

    with pytest.raises(InvalidError, match=f"is longer than {len(OTHER)} bytes"):
        read_archive(layouts, "kano", "kano:1", manifest)
