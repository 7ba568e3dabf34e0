import contextlib
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kargo_release.charts import tarstream
from kargo_release.charts.archive import (
    EPOCH,
    ChartArchive,
    PackedFile,
    archive_time,
    content_digest,
    order,
    pack,
    unpack,
)
from kargo_release.charts.packed import MAX_FILES
from kargo_release.errors import InvalidError

CHART = b"apiVersion: v2\nname: kano\nversion: 1.4.0\n"
LOCK = b'dependencies: []\ndigest: sha256:0\ngenerated: "1980-01-01T00:00:00Z"\n'
HOSTILE = json.loads((Path(__file__).parents[1] / "data/charts/hostile-paths.json").read_text())

# Helm answers on a pipe of its own child: a call cannot be interrupted, and logs go to stdout.
LOAD = """
import json, sys, helm_python
chart = helm_python.Chart.load_archive(sys.stdin.buffer.read())
print(json.dumps([chart.name, chart.version, chart.files, chart.templates, chart.dependencies]))
"""


def packed(*paths: str) -> list[PackedFile]:
    return [PackedFile(path, path.encode()) for path in paths]


def chart(**files: bytes) -> list[PackedFile]:
    return [PackedFile("Chart.yaml", CHART), *(PackedFile(*each) for each in files.items())]


def tgz(*entries: tuple[str, bytes]) -> bytes:
    return gzip.compress(tarstream.write(entries, EPOCH), mtime=0)


def by_tarfile(
    fill: Callable[[tarfile.TarFile], None], form: int = tarfile.PAX_FORMAT, **options: Any
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form, **options) as archive:
        add(archive, "kano/Chart.yaml", CHART)
        fill(archive)
    return gzip.compress(stream.getvalue())


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def helm(script: str, data: bytes) -> Any:
    child = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, timeout=60, check=True
    )
    return json.loads(child.stdout)


# What is told apart


def test_the_content_digest_is_what_sha256sum_works_out(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the line in the docstring is for GNU tools")
    files = chart(**{"templates/a.yaml": b"a", "templates/B b.yaml": b"", ".helmignore": b"x"})
    files += packed("é/日本.txt", "a.txt", "a/b", "a-b")
    for file in files:
        target = tmp_path / file.path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.data)
    assert content_digest.__doc__ is not None
    line = next(each for each in content_digest.__doc__.splitlines() if "find ." in each)
    output = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert content_digest(files) == f"sha256:{output.stdout.split()[0].decode()}"


def test_the_content_digest_does_not_depend_on_the_order() -> None:
    files = packed("a", "b", "c/d")
    assert content_digest(files) == content_digest(files[::-1])
    assert content_digest(files) != content_digest(packed("a", "b", "c/e"))


def test_orders_files_as_helm_writes_them() -> None:
    expected = [
        "Chart.yaml",
        "Chart.lock",
        "values.yaml",
        "values.schema.json",
        "templates/_helpers.tpl",
        "templates/a/z.yaml",
        "templates/a.yaml",
        "README.md",
        "a/b",
        "a.txt",
        "charts/kargo/signed.prov",
        "charts/kargo-1.0.0.tgz.prov",
        "templates",
        "é.txt",
        "charts/alpha/Chart.yaml",
        "charts/alpha/templates/x.yaml",
        "charts/alpha/charts/inner/Chart.yaml",
        "charts/alpha-2/Chart.yaml",
        "charts/kargo/Chart.yaml",
    ]
    assert [file.path for file in order(packed(*sorted(expected)))] == expected
    assert [file.path for file in order(packed(*expected[::-1]))] == expected


# Packing


def test_packing_twice_gives_the_same_bytes_whatever_the_order() -> None:
    files = chart(**{"values.yaml": b"a: 1\n", "templates/a.yaml": b"a", "z": b""})
    first = pack("kano", "1.4.0", files, EPOCH)
    second = pack("kano", "1.4.0", files[::-1], EPOCH)
    assert first == second
    assert first.sha256 == hashlib.sha256(second.tgz).hexdigest()
    assert first.content_digest == content_digest(files)
    assert first.file_name == "kano-1.4.0.tgz"


def test_the_gzip_header_is_helms(tmp_path: Path) -> None:
    ours = pack("kano", "1.4.0", chart(), EPOCH).tgz
    helms = package_by_helm(chart(), tmp_path)
    end = helms.index(b"Helm\0") + 5
    assert ours[:end] == helms[:end]


def test_python_reads_our_archive() -> None:
    archive = pack("kano", "1.4.0", chart(**{"é.txt": b"\0" * 512}), EPOCH)
    with tarfile.open(fileobj=io.BytesIO(archive.tgz), mode="r:gz") as stream:
        assert stream.getnames() == ["kano/Chart.yaml", "kano/é.txt"]
    assert gzip.decompress(archive.tgz).endswith(bytes(1024))


def test_the_real_helm_reads_our_archive() -> None:
    files = chart(
        **{
            "templates/a.yaml": b"kind: A\n",
            "docs/é.txt": b"text",
            "n" * 150: b"long",
            "charts/lib/Chart.yaml": b"apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n",
        }
    )
    archive = pack("kano", "1.4.0", files, EPOCH)
    name, version, others, templates, dependencies = helm(LOAD, archive.tgz)
    assert (name, version) == ("kano", "1.4.0")
    assert [each["name"] for each in others] == ["docs/é.txt", "n" * 150]
    assert [each["name"] for each in templates] == ["templates/a.yaml"]
    assert [each["name"] for each in dependencies] == ["lib"]


def package_by_helm(files: list[PackedFile], folder: Path) -> bytes:
    """Lay the files out, give all one time, and return what the real `helm package` makes."""
    root = folder / "source"
    for file in files:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        os.utime(target, (EPOCH, EPOCH))
    script = "import sys, helm_python; helm_python.package(sys.argv[1], destination=sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, root, folder], timeout=60, check=True)
    return (folder / "kano-1.4.0.tgz").read_bytes()


def test_the_tar_stream_is_helms_byte_for_byte(tmp_path: Path) -> None:
    inner = b"apiVersion: v2\nname: inner\nversion: 0.2.0\n"
    files = chart(
        **{
            "Chart.lock": LOCK,
            "values.yaml": b"# as it is\na: 1\n",
            "values.schema.json": b"{}",
            "templates/_helpers.tpl": b"",
            "templates/a/b.yaml": b"b" * 512,
            "templates/a.yaml": b"a" * 513,
            "templates/with space.yaml": b"x",
            "a/b": b"1",
            "a.txt": b"2",
            "big.bin": bytes(range(256)) * 4096,
            "bom.txt": b"\xef\xbb\xbftext",
            "d" * 60 + "/" + "f" * 80: b"a prefix",
            "u" * 130: b"over 100 bytes, nowhere to split",
            "/".join(["deep" * 20] * 4): b"over 255 bytes",
            "é.txt": b"not ASCII",
            "été/" + "日本語" * 20 + "/файл.yaml": b"long and not ASCII",
            "p" * 89 + "/é": b"the extended header's name is cut after a slash",
            "charts/inner/Chart.yaml": inner,
            "charts/inner/values.yaml": b"",
            "charts/inner/charts/inner/Chart.yaml": inner,
        }
    )
    archive = pack("kano", "1.4.0", files, EPOCH)
    helms = gzip.decompress(package_by_helm(files, tmp_path))
    assert gzip.decompress(archive.tgz) == helms


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a/",
        "/a",
        "a//b",
        "./a",
        "a/../b",
        "../a",
        "..a",
        "a\\b",
        "c:/x",
        "a\nb",
        "a\x7f",
        "\udc80",
        "a/" * 600 + "b",
    ],
)
def test_refuses_to_pack_a_path_that_helm_would_not_read_back(path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        pack("kano", "1.4.0", chart(**{path: b""}), EPOCH)
    assert "rename the file" in caught.value.remedy
    assert len(caught.value.message) < 400


def test_refuses_to_pack_what_helm_would_not_load() -> None:
    limit = 5 << 20
    pack("kano", "1.4.0", chart(big=bytes(limit)), EPOCH)
    with pytest.raises(InvalidError, match=r"docs/big has 5,242,881 bytes.*5 MiB") as caught:
        pack("kano", "1.4.0", chart(**{"docs/big": bytes(limit + 1)}), EPOCH)
    assert ".helmignore" in caught.value.remedy
    with pytest.raises(InvalidError, match="holds a twice"):
        pack("kano", "1.4.0", packed("a", "a"), EPOCH)
    with pytest.raises(InvalidError, match="below 100 MiB"):
        pack("kano", "1.4.0", [PackedFile(str(each), bytes(limit)) for each in range(20)], EPOCH)
    with pytest.raises(InvalidError, match="at most 10,000"):
        pack("kano", "1.4.0", packed(*map(str, range(MAX_FILES + 1))), EPOCH)


def test_takes_the_time_from_source_date_epoch() -> None:
    assert archive_time({}) == EPOCH
    assert archive_time({"SOURCE_DATE_EPOCH": "0"}) == 0
    assert archive_time({"SOURCE_DATE_EPOCH": "8589934591"}) == 8589934591


@pytest.mark.parametrize(
    "text", ["", "-1", "1.5", "now", " 1", "1_0", "٣", "8589934592", "9" * 5000]
)
def test_refuses_a_source_date_epoch_that_is_no_time(text: str) -> None:
    with pytest.raises(InvalidError, match="SOURCE_DATE_EPOCH") as caught:
        archive_time({"SOURCE_DATE_EPOCH": text})
    assert "8589934591" in caught.value.remedy


# Unpacking

PARTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=40,
).filter(
    lambda part: not part.startswith("..") and part not in {".", "Chart.yaml"} and ":" not in part
)
PATHS = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
CONTENTS = st.binary(max_size=1100).filter(lambda data: not data.startswith(b"\xef\xbb\xbf"))


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


def test_reads_an_archive_of_helm(tmp_path: Path) -> None:
    files = chart(**{"values.yaml": b"a: 1\n", "é" * 70: b"x"})
    archive = ChartArchive.read(package_by_helm(files, tmp_path))
    assert archive.content_digest == pack("kano", "1.4.0", files, EPOCH).content_digest


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
    data = gzip.compress(stream[:300]) + gzip.compress(stream[300:]) + bytes(7)
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
    assert unpack(gzip.compress(block() + BODY + bytes(1024))) == chart()
    assert unpack(gzip.compress(block(size=b"\x80" + bytes(10) + b")") + BODY)) == chart()
    assert unpack(gzip.compress(extended(b"11 size=41\n") + block(size=b"") + BODY)) == chart()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no Chart.yaml"),
        (b"apiVersion: v2\n", "not gzip, or is damaged"),
        (gzip.compress(WHOLE)[:-9], "not gzip, or is damaged"),
        (gzip.compress(WHOLE)[:-8] + bytes(8), "not gzip, or is damaged"),
        (gzip.compress(WHOLE)[:20] + b"\xff" * 40, "not gzip, or is damaged"),
        (gzip.compress(WHOLE) + b"garbage", "not gzip, or is damaged"),
        (gzip.compress(WHOLE + b"more"), "something follows its end"),
        (gzip.compress(bytes(512) + WHOLE), "something follows its end"),
        (gzip.compress(WHOLE[:300]), "ends too early"),
        (gzip.compress(WHOLE[:520]), "ends too early"),
        (gzip.compress(WHOLE[:600]), "ends too early"),
        (gzip.compress(b"x" * 512), "number that is none"),
        (gzip.compress(b"y" + WHOLE[1:]), "sum it states"),
        (gzip.compress(block(size=b"\xff" * 12) + BODY), "number that is none"),
        (gzip.compress(block(size=b"-1") + BODY), "number that is none"),
        (gzip.compress(block(size=b"\x80" + b"\xff" * 11) + BODY), "5 MiB"),
        (gzip.compress(block(size=b"7" * 11, kind=b"x")), "extended headers are too long"),
        (gzip.compress(block(name=b"kano/\xff") + BODY), "not UTF-8"),
        (gzip.compress(extended(b"11 size=-2\n") + block() + BODY), "a size that is none"),
        (gzip.compress(extended(b"99 size=41\n") + block() + BODY), "cannot be read"),
        (gzip.compress(extended(b"0 ") + block() + BODY), "cannot be read"),
        (gzip.compress(extended(b"1" * 60000) + block() + BODY), "cannot be read"),
        (gzip.compress(extended(b"5 a=\n" * 9 + b"4 =\n") + block() + BODY[:1]), "ends too early"),
        (gzip.compress(extended(b"22 GNU.sparse.major=1\n") + block() + BODY), "sparse file"),
    ],
)  # fmt: skip
def test_refuses_a_damaged_archive(data: bytes, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        unpack(data)
    assert message in caught.value.message
    assert caught.value.remedy


LONG_NAMED = tarstream.write([("kano/Chart.yaml", CHART), ("kano/" + "é" * 99, b"x")], EPOCH)


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
        files = unpack(gzip.compress(bytes(stream), 1))
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
    zeros = gzip.compress(bytes(10 << 20))
    with pytest.raises(InvalidError, match="more than 140 MiB"):
        unpack(gzip.compress(WHOLE) + zeros * 2000)


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
        (b"[" * 1000, "not YAML"),
    ],
)
def test_refuses_a_chart_without_a_plain_name_and_version(text: bytes, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        ChartArchive.read(tgz(("kano/Chart.yaml", text)), "kano-1.4.0.tgz")
    assert message in caught.value.message
    assert caught.value.message.startswith("kano-1.4.0.tgz: Chart.yaml")
    assert caught.value.remedy
