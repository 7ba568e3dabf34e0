import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kargo_release.charts.archive import (
    EPOCH,
    ChartArchive,
    PackedFile,
    archive_time,
    content_digest,
    order,
    pack,
)
from kargo_release.charts.packed import MAX_FILES
from kargo_release.errors import InvalidError

CHART = b"apiVersion: v2\nname: kano\nversion: 1.4.0\n"
LOCK = b'dependencies: []\ndigest: sha256:0\ngenerated: "1980-01-01T00:00:00Z"\n'

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


def test_reads_an_archive_of_helm(tmp_path: Path) -> None:
    files = chart(**{"values.yaml": b"a: 1\n", "é" * 70: b"x"})
    archive = ChartArchive.read(package_by_helm(files, tmp_path))
    assert archive.content_digest == pack("kano", "1.4.0", files, EPOCH).content_digest
