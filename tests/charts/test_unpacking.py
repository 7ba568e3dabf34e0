import contextlib
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release.charts import tarstream
from kargo_release.charts.archive import (
    EPOCH,
    ChartArchive,
    PackedFile,
    pack,
    unpack,
)
from kargo_release.charts.packed import MAX_FILES
from kargo_release.errors import InvalidError

# Without the time: tests are known by their parameters.
compress = partial(gzip.compress, mtime=0)
CHART = b"apiVersion: v2\nname: kano\nversion: 1.4.0\n"
HOSTILE = json.loads((Path(__file__).parents[1] / "data/charts/hostile-paths.json").read_text())
PARTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=40,
).filter(
    lambda part: not part.startswith("..") and part not in {".", "Chart.yaml"} and ":" not in part
)
PATHS = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
CONTENTS = st.binary(max_size=1100).filter(lambda data: not data.startswith(b"\xef\xbb\xbf"))


def chart(**files: bytes) -> list[PackedFile]:
    return [PackedFile("Chart.yaml", CHART), *(PackedFile(*each) for each in files.items())]


def tgz(*entries: tuple[str, bytes]) -> bytes:
    return compress(tarstream.write(entries, EPOCH))


def by_tarfile(
    fill: Callable[[tarfile.TarFile], None], form: int = tarfile.PAX_FORMAT, **options: Any
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form, **options) as archive:
        add(archive, "kano/Chart.yaml", CHART)
        fill(archive)
    return compress(stream.getvalue())


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@settings(deadline=None)
@given(st.dictionaries(PATHS, CONTENTS, max_size=5))
def test_unpacks_what_was_packed(files: dict[str, bytes]) -> None:
    archive = pack("kano", "1.4.0", chart(**files), EPOCH)
    assert unpack(archive.tgz) == list(archive.files)
    assert {file.path: file.data for file in archive.files} == {"Chart.yaml": CHART, **files}


def test_reads_name_version_and_the_bytes_as_they_are() -> None:
    data = tgz(("other/values.yaml", b""), ("other/Chart.yaml", CHART))
    archive = ChartArchive.read(data)
    assert (archive.name, archive.version, archive.tgz) == ("kano", "1.4.0", data)
    assert [file.path for file in archive.files] == ["values.yaml", "Chart.yaml"]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_reads_archives_of_other_programs(form: int) -> None:
    long = "kano/" + "é/" * 200 + "end"

    def fill(archive: tarfile.TarFile) -> None:
        folder = tarfile.TarInfo("kano/templates")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        add(archive, long, b"\xef\xbb\xbftext")

    data = by_tarfile(fill, form, pax_headers={"comment": "a commit"})
    assert unpack(data) == chart(**{long.removeprefix("kano/"): b"text"})


def test_reads_several_gzip_members_and_padding() -> None:
    stream = tarstream.write([("kano/Chart.yaml", CHART)], EPOCH) + bytes(8192)
    data = compress(stream[:300]) + compress(stream[300:]) + bytes(7)
    assert unpack(data) == chart()


def test_drops_byte_order_marks_as_helm_does() -> None:
    mark = b"\xef\xbb\xbf"
    files = chart(a=mark + b"x", b=mark * 2 + b"x")
    archive = pack("kano", "1.4.0", files, EPOCH)
    assert {file.data for file in archive.files[1:]} == {b"x"}
    assert unpack(tgz(("k/Chart.yaml", mark + CHART))) == chart()


@pytest.mark.parametrize("case", HOSTILE["refused"], ids=lambda case: case["name"])
def test_refuses_the_hostile_paths_that_helm_refuses(case: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as caught:
        unpack(tgz((case["name"], b"hello: world")), "kano-1.4.0.tgz")
    assert case["reason"] in caught.value.message
    assert caught.value.message.startswith("kano-1.4.0.tgz: ")
    assert caught.value.remedy


@pytest.mark.parametrize("case", HOSTILE["taken"], ids=lambda case: case["name"])
def test_takes_the_odd_paths_that_helm_takes(case: dict[str, str]) -> None:
    assert unpack(tgz((case["name"], CHART))) == [PackedFile(case["path"], CHART)]


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        b"S",
        b"V",
    ],
)
def test_refuses_links_and_devices(kind: bytes) -> None:
    member = tarfile.TarInfo("kano/values.yaml")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(InvalidError, match=r"link, a device.*kano/values\.yaml") as caught:
        unpack(by_tarfile(lambda archive: archive.addfile(member)))
    assert "helm package" in caught.value.remedy


def test_refuses_two_files_of_one_path() -> None:
    with pytest.raises(InvalidError, match=r"holds Chart\.yaml twice"):
        unpack(tgz(("kano/Chart.yaml", CHART), ("other/Chart.yaml", CHART)))


def test_refuses_a_line_feed_in_a_name() -> None:
    with pytest.raises(InvalidError, match="control character"):
        unpack(tgz(("kano/Chart.yaml", CHART), ("kano/a\nb", b"")))


def block(
    name: bytes = b"kano/Chart.yaml", size: bytes = b"00000000051", kind: bytes = b"0"
) -> bytes:
    header = bytearray(tarstream.header("kano/Chart.yaml", len(CHART), EPOCH))
    header[:100], header[124:136], header[156:157] = (
        name.ljust(100, b"\0"),
        size.ljust(12, b"\0"),
        kind,
    )
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def extended(data: bytes) -> bytes:
    return block(size=b"%011o" % len(data), kind=b"x") + data + bytes(-len(data) % 512)


BODY = CHART.ljust(512, b"\0")
WHOLE = tarstream.write([("kano/Chart.yaml", CHART)], EPOCH)


def test_the_blocks_of_these_tests_are_those_of_a_sound_archive() -> None:
    assert unpack(compress(block() + BODY + bytes(1024))) == chart()
    assert unpack(compress(block(size=b"\x80" + bytes(10) + b")") + BODY)) == chart()
    assert unpack(compress(extended(b"11 size=41\n") + block(size=b"") + BODY)) == chart()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no Chart.yaml"),
        (b"apiVersion: v2\n", "not gzip, or is damaged"),
        (compress(WHOLE)[:-9], "not gzip, or is damaged"),
        (compress(WHOLE)[:-8] + bytes(8), "not gzip, or is damaged"),
        (compress(WHOLE)[:20] + b"\xff" * 40, "not gzip, or is damaged"),
        (compress(WHOLE) + b"garbage", "not gzip, or is damaged"),
        (compress(WHOLE + b"more"), "something follows its end"),
        (compress(bytes(512) + WHOLE), "something follows its end"),
        (compress(WHOLE[:300]), "ends too early"),
        (compress(WHOLE[:520]), "ends too early"),
        (compress(WHOLE[:600]), "ends too early"),
        (compress(b"x" * 512), "number that is none"),
        (compress(b"y" + WHOLE[1:]), "sum it states"),
        (compress(block(size=b"\xff" * 12) + BODY), "number that is none"),
        (compress(block(size=b"-1") + BODY), "number that is none"),
        (compress(block(size=b"\x80" + b"\xff" * 11) + BODY), "5 MiB"),
        (compress(block(size=b"7" * 11, kind=b"x")), "extended headers are too long"),
        (compress(block(name=b"kano/\xff") + BODY), "not UTF-8"),
        (compress(extended(b"11 size=-2\n") + block() + BODY), "a size that is none"),
        (compress(extended(b"99 size=41\n") + block() + BODY), "cannot be read"),
        (compress(extended(b"0 ") + block() + BODY), "cannot be read"),
        (compress(extended(b"1" * 60000) + block() + BODY), "cannot be read"),
        (compress(extended(b"5 a=\n" * 9 + b"4 =\n") + block() + BODY[:1]), "ends too early"),
        (compress(extended(b"22 GNU.sparse.major=1\n") + block() + BODY), "sparse file"),
    ],
)  # fmt: skip
def test_refuses_a_damaged_archive(data: bytes, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        unpack(data)
    assert message in caught.value.message
    assert caught.value.remedy


LONG_NAMED = tarstream.write([("kano/Chart.yaml", CHART), ("kano/" + "é" * 99, b"x")], EPOCH)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(LONG_NAMED) - 1), st.integers(0, 255)), min_size=1))
def test_reads_or_refuses_whatever_bytes_are_changed(changes: list[tuple[int, int]]) -> None:
    stream = bytearray(LONG_NAMED)
    for place, value in changes:
        stream[place] = value
    for start in range(0, len(stream), 512):
        head = stream[start : start + 512]
        if head[257:262] == b"ustar":
            head[148:156] = b" " * 8
            stream[start + 148 : start + 156] = b"%06o\0 " % sum(head)
    with contextlib.suppress(InvalidError):
        files = unpack(compress(bytes(stream), 1))
        assert any(file.path == "Chart.yaml" for file in files)


def test_refuses_files_over_helms_limits() -> None:
    limit = 5 << 20
    with pytest.raises(InvalidError, match="kano/big has 5,242,881 bytes"):
        unpack(tgz(("kano/Chart.yaml", CHART), ("kano/big", bytes(limit + 1))))
    with pytest.raises(InvalidError, match="below 100 MiB"):
        unpack(tgz(*((f"kano/{each}", bytes(limit)) for each in range(20))))
    with pytest.raises(InvalidError, match="at most 10,000"):
        unpack(tgz(*((f"kano/{each}", b"") for each in range(MAX_FILES + 1))))


def test_stops_a_gzip_bomb_while_it_inflates() -> None:
    zeros = compress(bytes(10 << 20))
    with pytest.raises(InvalidError, match="more than 140 MiB"):
        unpack(compress(WHOLE) + zeros * 2000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "Chart.yaml is empty"),
        (b"[]", "Chart.yaml holds a list"),
        (b"a: 1", "no usable name: None"),
        (b"name: a/b\nversion: 1.0.0", "no usable name"),
        (b"name: ..\nversion: 1.0.0", "no usable name"),
        (b"name: kano", "no usable version: None"),
        (b"name: kano\nversion: 1.10", "no usable version: 1.1"),
        (b"name: kano\nversion: 1/../..", "no usable version"),
        (b"name: k\nname: k\nversion: 1.0.0", "given twice"),
        (b"{", "not YAML"),
        (b"[" * 1000, "nested over 100 deep"),
    ],
)
def test_refuses_a_chart_without_a_plain_name_and_version(text: bytes, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        ChartArchive.read(tgz(("kano/Chart.yaml", text)), "kano-1.4.0.tgz")
    assert message in caught.value.message
    assert caught.value.message.startswith("kano-1.4.0.tgz: Chart.yaml")
    assert caught.value.remedy
