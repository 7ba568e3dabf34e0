"""From a commit to an archive, held against what the real Helm packs of the same folder."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest
import real_helm
from committed_charts import packed
from sandbox import Sandbox

from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.packing import stands_for
from kargo_release.errors import InvalidError

BOM = b"\xef\xbb\xbf"
V1 = "apiVersion: v1\nname: {}\nversion: 1.0.0\n"
LOCK = 'dependencies: []\ndigest: sha256:0\ngenerated: "1980-01-01T00:00:00Z"\n'


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    return Sandbox.make(tmp_path / "clone")


def texts(archive: ChartArchive) -> dict[str, str]:
    return {file.path: file.data.decode() for file in archive.files}


def own_text(sandbox: Sandbox, name: str, scratch: Path) -> None:
    """Let Helm write the chart's Chart.yaml, as it would write it again."""
    scratch.mkdir()
    tgz = real_helm.package(sandbox.path / "charts" / name, scratch)
    with tarfile.open(tgz) as archive:
        file = archive.extractfile(f"{name}/Chart.yaml")
        assert file is not None
        sandbox.write(f"charts/{name}/Chart.yaml", file.read())


def by_helm(sandbox: Sandbox, name: str, scratch: Path) -> bytes:
    """Pack a copy of the chart with the real Helm."""
    copy, out = scratch / "copy", scratch / "out"
    shutil.copytree(sandbox.path / "charts", copy)
    out.mkdir()
    return real_helm.package(copy / name, out).read_bytes()


def write_rich_chart(sandbox: Sandbox) -> None:
    sandbox.write_chart("kano", more='description: "Maps: é"\nicon: https://example.com/i.png\n')
    files: dict[str, str | bytes] = {
        "templates/a.yaml": "# a\n",
        "templates/a/b.yaml": "# b\n",
        "templates/a-b.yaml": "",
        "templates/.hidden.yaml": "left out by default",
        "templates/NOTES.txt": BOM + b"Thanks\r\n",
        "crds/crd.yaml": "# crd\n",
        "values.schema.json": "{}",
        "README.md": "# Kano\n",
        "files/日本 é.txt": "x" * 1000,
        "files/" + "long/" * 30 + "name.txt": "prefixed or in PAX",
        "files/empty": "",
        "-leading": "dash",
        "two words": "here",
        "build/out.bin": "left out",
        "notes.tmp": "left out",
        ".helmignore": "*.tmp\nbuild/\n",
    }
    for path, content in files.items():
        sandbox.write(f"charts/kano/{path}", content)


def test_writes_the_tar_stream_that_helm_writes(charts: Sandbox, tmp_path: Path) -> None:
    write_rich_chart(charts)
    own_text(charts, "kano", tmp_path / "scratch")

    ours = packed(charts, "kano")

    assert real_helm.timeless(ours.tgz) == real_helm.timeless(by_helm(charts, "kano", tmp_path))
    paths = [file.path for file in ours.files]
    assert not {"notes.tmp", "build/out.bin", "templates/.hidden.yaml"} & set(paths)


def test_packs_dependencies_as_helm_does_after_an_update(charts: Sandbox, tmp_path: Path) -> None:
    needs = 'dependencies:\n- {{name: {0}, version: 1.x.x, repository: "file://../{0}"}}\n'
    charts.write_chart("base", "1.2.3", library=True)
    charts.write("charts/base/left.tmp", "left out")
    charts.write("charts/base/.helmignore", "*.tmp\n")
    charts.write_chart("middle", "1.0.1", more=needs.format("base"))
    charts.write_chart("kano", more=needs.format("middle"))
    for name in ("base", "middle", "kano"):
        real_helm.update_dependencies(charts.path / "charts" / name)
        own_text(charts, name, tmp_path / name)
    theirs = by_helm(charts, "kano", tmp_path)
    for name in ("middle", "kano"):  # the locks are committed, what Helm downloads is not
        shutil.rmtree(charts.path / "charts" / name / "charts")

    ours = packed(charts, "kano")

    assert real_helm.timeless(ours.tgz) == real_helm.timeless(theirs)
    assert "charts/middle/charts/base/Chart.yaml" in texts(ours)
    assert "charts/middle/charts/base/left.tmp" not in texts(ours)


@pytest.mark.parametrize("vendored", ["charts/base", "charts/base-1.0.0.tgz"])
def test_takes_a_dependency_from_its_folder_and_not_from_a_copy(
    vendored: str, charts: Sandbox
) -> None:
    more = 'dependencies:\n- {name: base, version: 1.x, repository: "file://../base"}\n'
    charts.write_chart("base", "1.5.0", library=True)
    charts.write_chart("kano", more=more)
    old = charts.write(f"charts/kano/{vendored}/Chart.yaml", V1.format("base"))
    if vendored.endswith(".tgz"):
        shutil.rmtree(old.parent)
        old.parent.write_bytes(b"not even an archive")

    assert "version: 1.5.0" in texts(packed(charts, "kano"))["charts/base/Chart.yaml"]


def test_keeps_vendored_charts_beside_dependencies(charts: Sandbox) -> None:
    more = 'dependencies:\n- {name: base, version: 1.x, repository: "file://../base"}\n'
    charts.write_chart("base", library=True)
    charts.write_chart("kano", more=more)
    charts.write("charts/kano/charts/base-api/Chart.yaml", V1.format("base-api"))

    paths = list(texts(packed(charts, "kano")))

    assert [path for path in paths if path.startswith("charts/")] == [
        "charts/base/Chart.yaml",
        "charts/base/values.yaml",
        "charts/base/templates/_names.tpl",
        "charts/base-api/Chart.yaml",
    ]


def test_expands_a_vendored_archive_as_helm_does(charts: Sandbox, tmp_path: Path) -> None:
    charts.write_chart("other", "2.0.0")
    own_text(charts, "other", tmp_path / "other")
    charts.write_chart("kano")
    own_text(charts, "kano", tmp_path / "kano")
    tgz = real_helm.package(charts.path / "charts/other", tmp_path)
    charts.write("charts/kano/charts/whatever.tgz", tgz.read_bytes())

    ours = packed(charts, "kano")

    assert real_helm.timeless(ours.tgz) == real_helm.timeless(by_helm(charts, "kano", tmp_path))
    assert "charts/other/Chart.yaml" in texts(ours)


@pytest.mark.parametrize("api_version", ["v1", "v2"])
@pytest.mark.parametrize("inner", ["v1", "v2"])
def test_packs_the_locks_that_helm_packs(
    api_version: str, inner: str, charts: Sandbox, tmp_path: Path
) -> None:
    about = "apiVersion: {}\nname: {}\nversion: 1.0.0\n"
    for folder, version in {"kano": api_version, "kano/charts/inner": inner}.items():
        name = folder.rpartition("/")[2]
        charts.write(f"charts/{folder}/Chart.yaml", about.format(version, name))
        charts.write(f"charts/{folder}/Chart.lock", LOCK)
        charts.write(f"charts/{folder}/files/Chart.lock", "no lock at all")
        charts.write(f"charts/{folder}/values.yaml", "{}\n")
    own_text(charts, "kano", tmp_path / "scratch")

    ours = packed(charts, "kano")

    assert real_helm.timeless(ours.tgz) == real_helm.timeless(by_helm(charts, "kano", tmp_path))
    assert ("Chart.lock" in texts(ours)) is (api_version == "v2")
    assert ("charts/inner/Chart.lock" in texts(ours)) is (inner == "v2")
    assert "files/Chart.lock" in texts(ours)


def test_keeps_the_text_of_chart_yaml_and_adds_no_lock(charts: Sandbox) -> None:
    more = 'dependencies:\n- {name: base, version: 1.x, repository: "file://../base"}\n'
    charts.write_chart("base", library=True)
    charts.write_chart("kano", more=f"{more}# a remark\nunknown: kept\n")

    files = texts(packed(charts, "kano"))

    assert files["Chart.yaml"] == (charts.path / "charts/kano/Chart.yaml").read_text()
    assert "Chart.lock" not in files


def test_writes_a_development_version_into_one_scalar_of_one_file(charts: Sandbox) -> None:
    more = 'dependencies:\n- {name: base, version: 1.0.0, repository: "file://../base"}\n'
    charts.write_chart("base", library=True)
    charts.write_chart("kano", more=f"{more}# version: 1.0.0\n")
    charts.write("charts/kano/files/Chart.yaml", V1.format("other"))
    release = packed(charts, "kano")

    dev = packed(charts, "kano", "0.0.0-dev")

    assert (dev.version, dev.file_name) == ("0.0.0-dev", "kano-0.0.0-dev.tgz")
    before, after = texts(release), texts(dev)
    assert after.pop("Chart.yaml") == before.pop("Chart.yaml").replace(
        "\nversion: 1.0.0", "\nversion: 0.0.0-dev"
    )
    assert after == before


def test_writes_a_development_version_behind_a_byte_order_mark(charts: Sandbox) -> None:
    charts.write_chart("kano")
    text = (charts.path / "charts/kano/Chart.yaml").read_bytes()
    charts.write("charts/kano/Chart.yaml", BOM + text)

    dev = packed(charts, "kano", "0.0.0-dev")

    assert texts(dev)["Chart.yaml"].encode() == text.replace(b"1.0.0", b"0.0.0-dev")


@pytest.mark.parametrize("target", ["kano", "base"])
def test_refuses_dependencies_of_helm_2(target: str, charts: Sandbox) -> None:
    more = 'dependencies:\n- {name: base, version: 1.x, repository: "file://../base"}\n'
    charts.write_chart("base", library=True)
    charts.write_chart("kano", more=more)
    charts.write(f"charts/{target}/requirements.yaml", "dependencies: []\n")

    with pytest.raises(InvalidError) as caught:
        packed(charts, "kano")

    assert caught.value.message == (
        f"charts/{target}/requirements.yaml is of Helm 2 and not supported"
    )
    assert "apiVersion: v2" in caught.value.remedy


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("charts/kano-1.0.0.tgz", True),
        ("charts/kano-0.0.0-dev.tgz", True),
        ("charts/kano/Chart.yaml", True),
        ("charts/kano/charts/x/Chart.yaml", True),
        ("charts/kano-api-1.0.0.tgz", False),
        ("charts/kano-api/Chart.yaml", False),
        ("charts/kano.tgz", False),
        ("charts/kano-1.0.0.tgz.prov", False),
        ("charts/other/charts/kano/Chart.yaml", False),
        ("files/kano-1.0.0.tgz", False),
    ],
)
def test_tells_copies_of_a_dependency(path: str, expected: bool) -> None:
    assert stands_for(path, {"kano"}) is expected


def test_gives_the_same_bytes_again(charts: Sandbox) -> None:
    write_rich_chart(charts)
    first = packed(charts, "kano")
    charts.write("elsewhere", "of no concern")

    assert packed(charts, "kano").tgz == first.tgz
    with tarfile.open(fileobj=io.BytesIO(first.tgz)) as archive:
        assert {member.mtime for member in archive} == {315532800}
