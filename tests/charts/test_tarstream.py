import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release.charts import tarstream
from kargo_release.charts.archive import EPOCH
from kargo_release.errors import InvalidError

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data/tar/go-headers.json").read_text("utf-8")
)["headers"]

PARTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60
).filter(lambda part: part not in {".", ".."})
NAMES = st.lists(PARTS, min_size=1, max_size=8).map("/".join)
FILES = st.dictionaries(NAMES, st.binary(max_size=1100), max_size=5)


def whole(header: str) -> bytes:
    return bytes.fromhex(re.sub(r"\((\d+)\*(..)\)", lambda run: run[2] * int(run[1]), header))


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: f"{row['name'][:30]}-{len(row['name'])}")
def test_writes_the_header_that_go_writes(row: dict[str, Any]) -> None:
    assert tarstream.header(row["name"], row["size"], row["mtime"]) == whole(row["header"])


@settings(deadline=None)
@given(FILES)
def test_python_reads_back_what_was_written(files: dict[str, bytes]) -> None:
    stream = tarstream.write(files.items(), EPOCH)
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:") as archive:
        read = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            read[member.name] = content.read()
            assert (member.mtime, member.mode, member.uid, member.uname) == (EPOCH, 0o644, 0, "")
    assert read == files


def test_ends_with_two_zero_blocks_and_no_more() -> None:
    assert tarstream.write([], EPOCH) == bytes(1024)
    stream = tarstream.write([("kano/a", b"x" * 512)], EPOCH)
    assert len(stream) == 4 * 512
    assert stream.endswith(b"x" + bytes(1024))


@pytest.mark.parametrize("name", ["", "kano/", "kano/a\0b", "kano/\udc80", "n" * (1 << 20)])
def test_refuses_a_name_that_no_archive_can_hold(name: str) -> None:
    with pytest.raises(InvalidError, match="no archive can hold") as caught:
        tarstream.write([(name, b"")], EPOCH)
    assert caught.value.remedy == "rename the file"
    assert len(caught.value.message) < 1000
