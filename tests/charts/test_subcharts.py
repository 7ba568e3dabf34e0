import gzip

import pytest

from kargo_release.charts import tarstream
from kargo_release.charts.archive import EPOCH, PackedFile, expand_subcharts, pack
from kargo_release.errors import InvalidError


def chart_yaml(name: str) -> bytes:
    return f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n".encode()


def packed(name: str, *files: PackedFile) -> bytes:
    return pack(name, "1.0.0", [PackedFile("Chart.yaml", chart_yaml(name)), *files], EPOCH).tgz


def expand(**files: bytes) -> dict[str, bytes]:
    expanded = expand_subcharts([PackedFile(*each) for each in files.items()])
    assert len(expanded) == len({file.path for file in expanded})
    return {file.path: file.data for file in expanded}


def test_leaves_a_chart_without_subcharts_as_it_is() -> None:
    files = {"Chart.yaml": b"not looked at", "templates/charts/a": b"", "charts.txt": b""}
    assert expand(**files) == files


def test_writes_a_packed_subchart_as_a_folder_named_after_its_chart() -> None:
    inner = PackedFile("charts/deep-1.0.0.tgz", packed("deep", PackedFile("values.yaml", b"v")))
    assert expand(**{"Chart.yaml": b"", "charts/whatever.tgz": packed("kargo", inner)}) == {
        "Chart.yaml": b"",
        "charts/kargo/Chart.yaml": chart_yaml("kargo"),
        "charts/kargo/charts/deep/Chart.yaml": chart_yaml("deep"),
        "charts/kargo/charts/deep/values.yaml": b"v",
    }


def test_names_a_subcharts_folder_after_its_chart() -> None:
    assert expand(**{"charts/folder/Chart.yaml": chart_yaml("kargo"), "charts/folder/a": b""}) == {
        "charts/kargo/Chart.yaml": chart_yaml("kargo"),
        "charts/kargo/a": b"",
    }


def test_leaves_out_what_begins_with_an_underscore_or_a_dot_and_keeps_provenance() -> None:
    files = {"charts/_old/Chart.yaml": b"", "charts/.hidden": b"", "charts/_x.tgz": b"no archive"}
    kept = {"charts/kargo-1.0.0.tgz.prov": b"signed", "charts/_old/a.prov": b"signed"}
    assert expand(**files, **kept) == kept


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"charts/README.md": b""}, "charts/README.md is neither"),
        ({"charts/kargo.tgz/Chart.yaml": chart_yaml("kargo")}, "charts/kargo.tgz is neither"),
        ({"charts/kargo/values.yaml": b""}, "charts/kargo: Chart.yaml is missing"),
        ({"charts/kargo/Chart.yaml": b"name: [a]"}, "charts/kargo: Chart.yaml has no usable name"),
        ({"charts/kargo.tgz": b"text"}, "charts/kargo.tgz: the archive is not gzip"),
        (
            {"charts/a/Chart.yaml": chart_yaml("kargo"), "charts/kargo.tgz": packed("kargo")},
            "charts/ holds the chart kargo twice, as a and as kargo.tgz",
        ),
        (
            {"charts/a/Chart.yaml": chart_yaml("a"), "charts/a/charts/b/x": b""},
            "charts/a/charts/b: Chart.yaml is missing",
        ),
    ],
)
def test_refuses_what_helm_would_not_pack(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        expand(**files)
    assert message in caught.value.message
    assert caught.value.remedy


def test_refuses_charts_nested_without_end() -> None:
    archive = packed("kargo")
    for _ in range(20):
        archive = packed("kargo", PackedFile("charts/kargo.tgz", archive))
    with pytest.raises(InvalidError, match="16 deep") as caught:
        expand(**{"charts/kargo.tgz": archive})
    assert "packed into itself" in caught.value.remedy


def test_stops_archives_that_inflate_to_too_much_together() -> None:
    hidden = [("kargo/Chart.yaml", chart_yaml("kargo")), ("kargo/charts/_x", bytes(5 << 20))]
    archive = gzip.compress(tarstream.write(hidden, EPOCH))
    files = {f"charts/kargo-{each}/charts/x.tgz": archive for each in range(40)}
    files |= {f"charts/kargo-{each}/Chart.yaml": chart_yaml(f"k{each}") for each in range(40)}
    with pytest.raises(InvalidError, match="more than 140 MiB"):
        expand(**files)
