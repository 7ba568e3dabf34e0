"""The tar archive that the engine sends of an image's files: whole, cut, nonsense."""

import io
import stat
import tarfile

import pytest

from kargo_release.docker import files
from kargo_release.docker.files import read_files
from kargo_release.errors import InvalidError


def archive(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            member.mode = 0o4755
            tar.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("./bin")
        link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
        tar.addfile(link)
    return data.getvalue()


WHOLE = archive("./usr/bin/su", "etc/passwd")


@pytest.mark.parametrize("size", [1, 7, 512, 100_000])
def test_reads_files_in_blocks_of_any_size(size: int) -> None:
    blocks = (WHOLE[at : at + size] for at in range(0, len(WHOLE), size))
    su, passwd, link = read_files(blocks)

    assert (su.path, su.mode, su.size) == ("usr/bin/su", stat.S_IFREG | 0o4755, 3)
    assert passwd.path == "etc/passwd"
    assert (link.path, link.link, stat.S_ISLNK(link.mode)) == ("bin", "usr/bin", True)


@pytest.mark.parametrize("size", [1, 512, 600, 100_000])
def test_keeps_the_content_of_files_that_are_wanted(size: int) -> None:
    blocks = (WHOLE[at : at + size] for at in range(0, len(WHOLE), size))
    found = read_files(blocks, ("etc/passwd", "bin", "none"))

    assert [each.content for each in found] == [b"", b"abc", b""]


@pytest.mark.parametrize("size", [0, 100, 512, 600, 1024, 1536, 1636, 2560, 3072])
def test_tells_an_archive_that_breaks_off(size: int) -> None:
    with pytest.raises(tarfile.TarError):
        read_files([WHOLE[:size]])


def test_tells_what_is_no_archive() -> None:
    with pytest.raises(tarfile.TarError):
        read_files([b"no archive" * 1000])


def test_takes_no_image_of_endless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_FILES", 2)

    with pytest.raises(InvalidError, match="over 2 files"):
        read_files([WHOLE])
