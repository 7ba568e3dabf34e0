"""Whether two archives hold the same chart, when Helm or we packed them."""

from pathlib import Path

import pytest
import real_helm
from committed_charts import packed
from sandbox import Sandbox

from kargo_release.charts import archive
from kargo_release.charts.archive import EPOCH, ChartArchive, PackedFile
from kargo_release.charts.likeness import are_alike, differences

NEEDS = 'dependencies:\n- {name: base, version: 1.x.x, repository: "file://../base"}\n'
CHART = "apiVersion: v2\nname: kano\nversion: 1.0.0\n"
LOCK = "dependencies: []\ndigest: sha256:{}\ngenerated: {}\n"


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write_chart("base", library=True)
    more = f"{NEEDS}# a remark\nkeywords: [maps]\nunknown: dropped by Helm\n"
    sandbox.write_chart("kano", more=more)
    return sandbox


def by_helm(sandbox: Sandbox, scratch: Path) -> ChartArchive:
    """Return what ``helm dependency update`` and ``helm package`` make of the same folder."""
    real_helm.update_dependencies(sandbox.path / "charts/kano")
    return ChartArchive.read(real_helm.package(sandbox.path / "charts/kano", scratch).read_bytes())


def pack(**files: str) -> ChartArchive:
    content = [PackedFile(path, text.encode()) for path, text in files.items()]
    return archive.pack("kano", "1.0.0", content, EPOCH)


def yaml(text: str = CHART) -> dict[str, str]:
    return {"Chart.yaml": text}


def test_finds_what_helm_packed_of_the_same_folder_alike(charts: Sandbox, tmp_path: Path) -> None:
    ours = packed(charts, "kano")

    theirs = by_helm(charts, tmp_path)

    assert theirs.content_digest != ours.content_digest
    assert are_alike(ours, theirs)
    assert are_alike(theirs, ours)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("kano/values.yaml", "greeting: another\n"),
        ("kano/templates/more.yaml", "# new\n"),
        ("kano/templates/configmap.yaml", ""),
        ("kano/Chart.yaml", f"{CHART}{NEEDS}appVersion: '2'\nkeywords: [maps]\n"),
        ("base/values.yaml", "changed: true\n"),
        ("base/Chart.yaml", "apiVersion: v2\nname: base\nversion: 1.0.1\ntype: library\n"),
    ],
)
def test_tells_a_changed_file_from_what_helm_packed(
    path: str, text: str, charts: Sandbox, tmp_path: Path
) -> None:
    theirs = by_helm(charts, tmp_path)
    charts.write(f"charts/{path}", text)

    ours = packed(charts, "kano")

    assert not are_alike(ours, theirs)


def test_compares_chart_yaml_as_helm_reads_it() -> None:
    plain = pack(**yaml(f"{CHART}description: maps\nkeywords: []\n"))
    written_anew = pack(**yaml("description: 'maps'\nversion: 1.0.0\nname: kano\napiVersion: v2"))

    assert are_alike(plain, written_anew)


def test_compares_locks_without_the_time_they_were_made() -> None:
    first = pack(**yaml(), **{"Chart.lock": LOCK.format("aa", "'2026-01-01T00:00:00Z'")})
    later = pack(**yaml(), **{"Chart.lock": LOCK.format("aa", "'2026-02-02T00:00:00Z'")})
    other = pack(**yaml(), **{"Chart.lock": LOCK.format("bb", "'2026-01-01T00:00:00Z'")})

    assert are_alike(first, later)
    assert are_alike(first, pack(**yaml()))
    assert not are_alike(first, other)


@pytest.mark.parametrize("path", ["files/Chart.yaml", "charts/x/files/Chart.yaml", "charts.yaml"])
def test_compares_every_other_file_by_its_bytes(path: str) -> None:
    inner = {"charts/x/Chart.yaml": CHART.replace("kano", "x")}
    ours = pack(**yaml(), **inner, **{path: CHART})
    theirs = pack(**yaml(), **inner, **{path: f"{CHART}# a remark\n"})

    assert not are_alike(ours, theirs)


@pytest.mark.parametrize("path", ["Chart.lock", "charts/x/Chart.lock"])
def test_compares_unreadable_data_by_its_bytes(path: str) -> None:
    inner = {"charts/x/Chart.yaml": CHART.replace("kano", "x")}
    ours = pack(**yaml(), **inner, **{path: "a: ["})

    assert are_alike(ours, pack(**yaml(f"{CHART}# a remark\n"), **inner, **{path: "a: ["}))
    assert not are_alike(ours, pack(**yaml(), **inner, **{path: "a: [ "}))


def test_finds_a_packed_subchart_and_its_folder_alike(charts: Sandbox, tmp_path: Path) -> None:
    inner = real_helm.package(charts.path / "charts/base", tmp_path).read_bytes()
    folder = ChartArchive.read(inner).files
    chart = PackedFile("Chart.yaml", CHART.encode())
    expanded = [PackedFile(f"charts/base/{file.path}", file.data) for file in folder]
    ours = archive.pack("kano", "1.0.0", [chart, *expanded], EPOCH)
    theirs = archive.pack(
        "kano", "1.0.0", [chart, PackedFile("charts/base-1.0.0.tgz", inner)], EPOCH
    )

    assert are_alike(ours, theirs)


def test_says_in_what_two_archives_differ() -> None:
    ours = pack(**yaml(f"{CHART}appVersion: '1'\n"), **{"values.yaml": "a: 1\n", "new.txt": ""})
    theirs = pack(**yaml(f"{CHART}appVersion: '2'\n"), **{"values.yaml": "a: 2\n", "old.txt": ""})

    assert differences(ours, theirs) == [
        "Chart.yaml (appVersion)",
        "new.txt (only here)",
        "old.txt (only there)",
        "values.yaml",
    ]
