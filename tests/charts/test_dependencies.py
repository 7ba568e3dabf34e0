"""Dependencies on other charts of the same commit."""

from pathlib import Path

import pytest
from committed_charts import packed, resolved
from sandbox import Sandbox

from kargo_release.charts.archive import expand_subcharts
from kargo_release.charts.dependencies import ResolvedChart
from kargo_release.errors import InvalidError


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    return Sandbox.make(tmp_path / "clone")


def needs(*dependencies: str) -> str:
    lines = [f"- {{{each}}}\n" for each in dependencies]
    return "dependencies:\n" + "".join(lines)


def on(name: str, range_: str = "1.x.x", more: str = "") -> str:
    return f'name: {name}, version: "{range_}", repository: "file://../{name}"{more}'


def write(sandbox: Sandbox, name: str, *dependencies: str, version: str = "1.0.0") -> None:
    more = needs(*dependencies) if dependencies else ""
    text = f"apiVersion: v2\nname: {name}\nversion: {version}\n{more}"
    sandbox.write(f"charts/{name}/Chart.yaml", text)


def refusal(sandbox: Sandbox, name: str = "kano") -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        resolved(sandbox, name)
    assert caught.value.remedy
    return caught.value


def names(chart: ResolvedChart) -> list[str]:
    return [source.name for source in chart.every_source()]


def test_resolves_dependencies_of_dependencies(charts: Sandbox) -> None:
    write(charts, "kano", on("middle"), on("base"))
    write(charts, "middle", on("base"))
    write(charts, "base")

    chart = resolved(charts, "kano")

    assert names(chart) == ["kano", "base", "middle", "base"]
    assert chart.count == 4


def test_resolves_a_library(charts: Sandbox) -> None:
    charts.write_chart("base", library=True)
    write(charts, "kano", on("base"))

    assert resolved(charts, "kano").dependencies[0].source.metadata.is_library


def test_packs_a_chart_once_that_is_needed_under_two_names(charts: Sandbox) -> None:
    write(charts, "kano", on("base"), on("base", more=", alias: second"))
    write(charts, "base")

    assert names(resolved(charts, "kano")) == ["kano", "base"]


@pytest.mark.parametrize(
    ("version", "range_"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3", "^1.0.0"),
        ("1.2.3", ">=1.0 <2"),
        ("1.2.3", "*"),
        ("2.0.0-rc.1", ">=2.0.0-0"),
        ("1.2.3+build", "~1.2"),
    ],
)
def test_takes_a_version_that_the_range_admits(version: str, range_: str, charts: Sandbox) -> None:
    write(charts, "kano", on("base", range_))
    write(charts, "base", version=version)

    assert resolved(charts, "kano").dependencies[0].source.metadata.version == version


@pytest.mark.parametrize(
    ("version", "range_"), [("1.2.3", "^2.0.0"), ("2.0.0-rc.1", "^2.0.0"), ("1.2.3", "1.2.4")]
)
def test_refuses_a_version_that_the_range_does_not_admit(
    version: str, range_: str, charts: Sandbox
) -> None:
    write(charts, "kano", on("base", range_))
    write(charts, "base", version=version)

    error = refusal(charts)

    assert error.message == (
        f"charts/kano: the dependency base asks for {range_}, but charts/base/ is {version}"
    )
    assert error.remedy == "Change the range, or the version of the dependency."


@pytest.mark.parametrize("range_", ["", "latest", ">>1", "1.2.3.4", "x" * 10_000])
def test_refuses_what_is_no_range(range_: str, charts: Sandbox) -> None:
    write(charts, "kano", on("base", range_))
    write(charts, "base")

    error = refusal(charts)

    assert error.message.startswith("charts/kano: the dependency base has a wrong range: ")
    assert len(error.message) < 300
    assert "^1.2.0" in error.remedy


def test_checks_each_range_on_the_same_chart(charts: Sandbox) -> None:
    write(charts, "kano", on("base"), on("base", "^2", more=", alias: second"))
    write(charts, "base")

    assert "asks for ^2, but charts/base/ is 1.0.0" in refusal(charts).message


@pytest.mark.parametrize(
    "repository",
    [
        "oci://registry.example.com/charts",
        "https://charts.example.com",
        "http://charts.example.com",
        "@stable",
        "alias:stable",
        "../base",
        "FILE://../base",
    ],
)
def test_refuses_a_dependency_from_elsewhere_by_name(repository: str, charts: Sandbox) -> None:
    write(charts, "kano", f'name: base, version: 1.x, repository: "{repository}"')
    write(charts, "base")

    error = refusal(charts)

    assert error.message == (
        f"charts/kano: the dependency base comes from {repository}, "
        "and only file:// is supported yet"
    )
    assert "vendor it in charts/" in error.remedy


def test_tells_no_password_of_a_repository(charts: Sandbox) -> None:
    write(charts, "kano", 'name: base, version: 1.x, repository: "https://ada:s3cret@x.example"')

    assert "s3cret" not in str(refusal(charts))


@pytest.mark.parametrize("path", ["../../../base", "/base", "../../..", "../..", "../../../../etc"])
def test_refuses_a_folder_outside_of_the_repository(path: str, charts: Sandbox) -> None:
    write(charts, "kano", f'name: base, version: 1.x, repository: "file://{path}"')

    error = refusal(charts)

    assert error.message == (
        f"charts/kano: the dependency base leads outside of the repository: file://{path}"
    )
    assert error.remedy == "Name a chart of this repository, relative to the chart's folder."


def test_says_which_chart_needs_what_is_not_there(charts: Sandbox) -> None:
    write(charts, "kano", on("base"))

    error = refusal(charts)

    assert error.message == (
        "charts/kano: the dependency base can't be used: there is no folder charts/base/ with files"
    )


def test_says_which_chart_needs_one_that_is_broken(charts: Sandbox) -> None:
    write(charts, "kano", on("base"))
    write(charts, "base", version="1.2-x")

    error = refusal(charts)

    assert error.message == (
        "charts/kano: the dependency base can't be used: "
        "charts/base/Chart.yaml: '1.2-x' is not a SemVer 2.0.0 version"
    )
    assert error.remedy == "Write 1.2.0-x."


def test_refuses_a_dependency_under_another_name(charts: Sandbox) -> None:
    write(charts, "kano", 'name: bass, version: 1.x, repository: "file://../base"')
    write(charts, "base")

    error = refusal(charts)

    assert error.message == "charts/kano: the dependency bass leads to the chart base"
    assert error.remedy == "Give both one name."


def test_refuses_two_charts_of_one_name(charts: Sandbox) -> None:
    elsewhere = 'name: base, version: 1.x, repository: "file://../../lib/base", alias: second'
    write(charts, "kano", on("base"), elsewhere)
    write(charts, "base")
    charts.write("lib/base/Chart.yaml", "apiVersion: v2\nname: base\nversion: 1.0.0\n")

    error = refusal(charts)

    assert error.message == (
        "charts/kano: the dependency base is another chart of a name already used"
    )
    assert error.remedy == "Rename it."


@pytest.mark.parametrize(
    ("dependencies", "circle"),
    [
        ({"kano": "kano"}, "kano → kano"),
        ({"kano": "a", "a": "kano"}, "kano → a → kano"),
        ({"kano": "a", "a": "b", "b": "c", "c": "a"}, "kano → a → b → c → a"),
    ],
)
def test_refuses_a_circle(dependencies: dict[str, str], circle: str, charts: Sandbox) -> None:
    for name, needed in dependencies.items():
        write(charts, name, on(needed))

    error = refusal(charts)

    assert error.message == f"the charts need each other in a circle: {circle}"
    assert error.remedy == "Break the circle."


def test_refuses_charts_that_multiply(charts: Sandbox) -> None:
    for level in range(12):
        write(charts, f"left{level}", on(f"left{level + 1}"), on(f"right{level + 1}"))
        write(charts, f"right{level}", on(f"left{level + 1}"), on(f"right{level + 1}"))
    write(charts, "left12")
    write(charts, "right12")

    error = refusal(charts, "left0")

    assert error.message.endswith("needs over 1,000 charts, each packed into another")
    assert error.remedy == "Let fewer charts depend on the same ones."


@pytest.mark.parametrize("length", [16, 17, 600])
def test_takes_a_chain_of_16_charts_and_not_one_more(length: int, charts: Sandbox) -> None:
    for level in range(1, length):
        write(charts, f"link{level}", on(f"link{level + 1}"))
    write(charts, f"link{length}")

    if length == 16:
        archive = packed(charts, "link1")
        assert len(expand_subcharts(archive.files)) == 16
    else:
        error = refusal(charts, "link1")
        assert "is part of a chain of over 16 charts" in error.message


def test_counts_a_chain_behind_a_chart_that_is_known_already(charts: Sandbox) -> None:
    write(charts, "kano", on("a12"), on("b1"))
    for level in range(1, 8):
        write(charts, f"b{level}", on(f"b{level + 1}"))
    write(charts, "b8", on("a12"))
    for level in range(12, 22):
        write(charts, f"a{level}", on(f"a{level + 1}"))
    write(charts, "a22")

    assert "is part of a chain of over 16 charts" in refusal(charts).message


# Vendored charts


@pytest.mark.parametrize("path", ["base/Chart.yaml", "base-1.0.0.tgz"])
def test_takes_a_vendored_chart_for_a_dependency_without_a_repository(
    path: str, charts: Sandbox
) -> None:
    write(charts, "kano", "name: base, version: 1.x")
    charts.write(f"charts/kano/charts/{path}", "apiVersion: v2\nname: base\nversion: 1.0.0\n")

    assert names(resolved(charts, "kano")) == ["kano"]


def test_refuses_a_dependency_that_is_nowhere(charts: Sandbox) -> None:
    write(charts, "kano", "name: base, version: 1.x")
    charts.write("charts/kano/charts/bas/Chart.yaml", "apiVersion: v2\nname: bas\nversion: 1.0.0\n")

    error = refusal(charts)

    assert error.message == (
        "charts/kano: the dependency base has no repository, and is not in charts/ either"
    )
    assert "`repository: file://../base`" in error.remedy
