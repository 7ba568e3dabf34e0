"""bump-chart: versions in Chart.yaml, proposed and explained, and what follows in other charts."""

from pathlib import Path
from typing import Any

import pytest
from changing import MAP, NEEDS, set_version, write_chart, write_library, write_platform
from sandbox import Ended, Sandbox


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    """Return a repository whose four charts are released as 1.0.0."""
    sandbox = Sandbox.make(tmp_path / "clone")
    write_platform(sandbox)
    sandbox.commit("Add charts")
    for name in ("kargo", "kano", "web", "alone"):
        sandbox.git("tag", f"{name}-1.0.0")
    return sandbox


def bumped(sandbox: Sandbox, *words: str) -> dict[str, Any]:
    """Return what became of charts, by name."""
    ended = sandbox.run("bump-chart", *words, "--json")
    assert ended.exit_code == 0, ended.err
    return {each["name"]: each for each in ended.document["charts"]}


def found(sandbox: Sandbox, *words: str) -> dict[str, str]:
    return {name: each["version"] for name, each in bumped(sandbox, *words).items()}


def refused(sandbox: Sandbox, exit_code: int, *words: str) -> Ended:
    """Return how a command ended that changes nothing."""
    before = sandbox.git("status", "--porcelain"), sandbox.git("rev-parse", "HEAD")
    ended = sandbox.run("bump-chart", *words, "--json")
    assert ended.exit_code == exit_code, ended.err
    assert (sandbox.git("status", "--porcelain"), sandbox.git("rev-parse", "HEAD")) == before
    return ended


def about(sandbox: Sandbox, name: str) -> str:
    return (sandbox.path / f"charts/{name}/Chart.yaml").read_bytes().decode()


@pytest.mark.parametrize(
    ("part", "version"),
    [("major", "2.0.0"), ("minor", "1.1.0"), ("patch", "1.0.1"), ("prerelease", "1.0.1-rc.1")],
)
def test_raises_the_part_that_is_asked_for(charts: Sandbox, part: str, version: str) -> None:
    assert found(charts, "alone", "--part", part) == {"alone": version}
    assert f"version: {version}\n" in about(charts, "alone")


def test_changes_no_other_byte(charts: Sandbox) -> None:
    text = (
        "\ufeffapiVersion: v2 # é\r\nname: 'alone'\r\nversion: '1.0.0'  # ours\r\n"
        'appVersion: "1.2"\r\nannotations:\r\n  version: 1.0.0\r\n\r\n# end'
    )
    charts.write("charts/alone/Chart.yaml", text)
    charts.commit()
    bumped(charts, "alone", "--to", "1.1.0-rc.1", "--app-version", "1.3")

    expected = text.replace("'1.0.0'", "'1.1.0-rc.1'").replace('"1.2"', '"1.3"')
    assert about(charts, "alone") == expected


@pytest.mark.parametrize(
    ("path", "text", "version", "reason"),
    [
        ("templates/more.yaml", MAP % "more", "1.1.0", "minor: resources added: ConfigMap more"),
        ("templates/map.yaml", MAP % "other", "2.0.0", "major: resources removed: ConfigMap alone"),
        ("values.yaml", "greeting: a\nport: 80\n", "1.1.0", "minor: values added: port"),
        ("values.yaml", "port: 80\n", "2.0.0", "major: values removed: greeting"),
        ("values.yaml", "greeting: a\n", "1.0.1", "patch: what is packed differs"),
        ("values.schema.json", '{"properties": {"a": {}}}', "1.1.0", "minor: schema: added: a"),
    ],
)
def test_proposes_by_what_changed(
    charts: Sandbox, path: str, text: str, version: str, reason: str
) -> None:
    charts.write(f"charts/alone/{path}", text)
    charts.commit("Change it")

    chart = bumped(charts, "alone")["alone"]
    assert (chart["version"], chart["old_version"]) == (version, "1.0.0")
    assert chart["reasons"][0] == reason


@pytest.mark.parametrize("version", ["12e45", "0o17", "2024-01-01", "y", "1.10"])
def test_writes_texts_that_no_reader_takes_for_numbers(charts: Sandbox, version: str) -> None:
    charts.write("charts/alone/Chart.yaml", f"{about(charts, 'alone')}appVersion: abc\n")
    charts.commit()
    bumped(charts, "alone", "--app-version", version)

    assert f'appVersion: "{version}"\n' in about(charts, "alone")


def test_proposes_by_what_commits_say_where_that_is_more(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    commit = charts.commit("feat(alone)!: greet otherwise")
    charts.write("charts/web/values.yaml", "greeting: b\n")
    charts.commit("feat: of web alone")

    assert bumped(charts, "alone")["alone"]["reasons"] == [
        f"major: commit {commit[:12]}: feat(alone)!: greet otherwise"
    ]


def test_takes_what_breaks_for_minor_before_1(charts: Sandbox) -> None:
    set_version(charts, "alone", "1.0.0", "0.3.1")
    charts.commit()
    charts.git("tag", "-d", "alone-1.0.0")
    charts.git("tag", "alone-0.3.1")
    charts.write("charts/alone/values.yaml", "other: a\n")
    charts.commit()

    chart = bumped(charts, "alone")["alone"]
    assert chart["version"] == "0.4.0"
    assert "before 1.0.0 anything may change" in chart["reasons"][-1]


def test_leaves_alone_what_needs_no_bump(charts: Sandbox) -> None:
    write_chart(charts, "new", "0.1.0")
    charts.commit()
    assert found(charts, "new", "alone") == {"new": "0.1.0", "alone": "1.0.0"}
    ended = charts.run("bump-chart", "new", "alone")
    assert ended.out == (
        "alone  1.0.0\n  nothing changed since 1.0.0 was released\n"
        "new  0.1.0\n  0.1.0 is not released yet\n"
    )
    assert not charts.git("status", "--porcelain")
    assert charts.run("bump-chart", "--changed").out == (
        "no chart changed itself since it was released\n"
    )


def test_proposes_the_same_again(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    charts.commit("Change it")
    assert found(charts, "--changed", "--commit") == {"alone": "1.0.1"}
    assert found(charts, "--changed", "--commit") == {"alone": "1.0.1"}
    charts.write("charts/alone/templates/more.yaml", MAP % "more")
    charts.commit("Add more")
    assert found(charts, "--changed") == {"alone": "1.1.0"}


def test_commits_what_it_changed_and_nothing_else(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    charts.commit("Change it")
    charts.write("README.md", "staged\n")
    charts.git("add", "README.md")
    ended = charts.run("bump-chart", "--changed", "--commit", "--json")

    assert ended.document["commit"] == charts.git("rev-parse", "HEAD")
    assert charts.git("log", "-1", "--format=%s") == "Bump alone to 1.0.1"
    assert charts.git("show", "--name-only", "--format=") == "charts/alone/Chart.yaml"
    assert charts.git("status", "--porcelain") == "A  README.md"


def test_cascades_to_what_renders_otherwise(charts: Sandbox) -> None:
    write_library(charts, says="x-")
    charts.commit("fix: begin with x")
    assert found(charts, "--changed", "--dry-run") == {"kargo": "1.0.1"}
    chart = bumped(charts, "--changed", "--cascade", "--commit")

    assert {name: each["version"] for name, each in chart.items()} == {
        "kargo": "1.0.1", "kano": "2.0.0"
    }  # fmt: skip
    assert charts.git("log", "-1", "--format=%B").splitlines() == [
        "Bump 2 charts", "", "kargo: 1.0.0 to 1.0.1", "kano: 1.0.0 to 2.0.0"
    ]  # fmt: skip
    ended = charts.run("release-changed", "--require-bump", "--cascade", "--json")
    assert sorted((e["name"], e["version"]) for e in ended.document["charts"]) == [
        ("kano", "2.0.0"), ("kargo", "1.0.1")
    ]  # fmt: skip


def test_adjusts_ranges_that_do_not_take_the_version(charts: Sandbox) -> None:
    chart = bumped(charts, "kargo", "--to", "2.0.0")

    assert {name: each["version"] for name, each in chart.items()} == {
        "kargo": "2.0.0", "kano": "1.0.0", "web": "1.0.0"
    }  # fmt: skip
    assert chart["web"]["ranges"] == [{"name": "kargo", "old": "^1.0.0", "new": "^2.0.0"}]
    assert "version: ^2.0.0\n" in about(charts, "kano")
    assert charts.git("diff", "--numstat").split() == [
        *("1", "1", "charts/kano/Chart.yaml"),
        *("1", "1", "charts/kargo/Chart.yaml"),
        *("1", "1", "charts/web/Chart.yaml"),
    ]


def test_bumps_what_takes_a_version_that_it_did_not(charts: Sandbox) -> None:
    write_chart(charts, "top", needs="web")
    charts.write("charts/kano/Chart.lock", "dependencies: []\n")
    charts.commit()
    charts.git("tag", "top-1.0.0")
    text = charts.run("bump-chart", "kargo", "--part", "major", "--cascade", "--dry-run").out
    assert "`helm dependency update charts/kano` writes it anew" in text
    chart = bumped(charts, "kargo", "--part", "major", "--cascade")

    assert {name: each["version"] for name, each in chart.items()} == {
        "kargo": "2.0.0", "kano": "1.0.1", "web": "1.0.1"
    }  # fmt: skip
    assert chart["kano"]["stale_lock"] is True


def test_proposes_nothing_where_history_is_cut_off(charts: Sandbox, tmp_path: Path) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    charts.commit("feat(alone)!: greet otherwise")
    shallow = tmp_path / "shallow"
    charts.git("clone", "-q", "--depth=1", f"file://{charts.path}", str(shallow))
    clone = Sandbox(shallow)
    clone.git("fetch", "-q", "--depth=1", "--tags")

    ended = refused(clone, 2, "alone")
    assert ended.tells("may lack commits since alone-1.0.0", "fetch-depth: 0")
    assert found(clone, "alone", "--part", "minor") == {"alone": "1.1.0"}


def test_reads_what_commits_said_where_the_charts_were(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    charts.commit("feat(alone)!: greet otherwise")
    charts.git("mv", "charts", "helm")
    charts.write("kargo-release.yaml", "charts: helm\n")
    charts.commit("Move all charts")

    assert found(charts, "alone") == {"alone": "2.0.0"}


def test_what_was_reverted_counts_for_nothing(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: a\n")
    charts.commit("feat(alone)!: greet otherwise")
    charts.git("revert", "--no-edit", "HEAD")
    charts.write("charts/alone/values.yaml", "greeting: b\n")
    commit = charts.commit("fix: greet")

    assert bumped(charts, "alone")["alone"]["reasons"] == [
        f"patch: commit {commit[:12]}: fix: greet"
    ]


def test_adjusts_ranges_of_libraries_elsewhere(charts: Sandbox) -> None:
    needs = NEEDS % ("kargo", "file://../../charts/kargo")
    about_it = f"apiVersion: v2\nname: middle\nversion: 1.0.0\ntype: library\n{needs}"
    charts.write("libs/middle/Chart.yaml", about_it)
    write_chart(charts, "top", needs="middle", at="file://../../libs/{}")
    charts.write("charts/broken/Chart.yaml", "name: [\n")
    charts.commit()

    ended = charts.run("bump-chart", "kargo", "--to", "2.0.0", "--json")
    middle = next(e for e in ended.document["charts"] if e["name"] == "middle")
    assert middle["ranges"] == [{"name": "kargo", "old": "^1.0.0", "new": "^2.0.0"}]
    assert ended.document["passed_over"] == ["broken"]
    charts.git("commit", "-aqm", "Bump")
    assert charts.run("package-chart", "top", "--dry-run").exit_code == 0


def test_prints_what_others_wrote_as_text(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", '"k\\r::error::x\\e[31m": 1\n')
    charts.commit("feat: a\r::warning::pwned \x1b[31m")
    ended = charts.run("bump-chart", "alone", environ={"GITHUB_ACTIONS": "true"})

    assert not {"\r", "\x1b"} & set(ended.out)


def test_goes_not_backwards(charts: Sandbox) -> None:
    for version in ("0.9.0", "1.0.0-rc.1", "1.0.0+build"):
        ended = refused(charts, 3, "alone", "--to", version)
        assert ended.tells(f"alone is 1.0.0 already, and {version} is not newer", "--to")
    assert (
        charts.run("bump-chart", "alone", "--to", "1.0.0").out
        == "alone  1.0.0\n  is that already\n"
    )


def test_goes_not_onto_a_release(charts: Sandbox) -> None:
    charts.write("charts/web/values.yaml", "greeting: new\n")
    charts.commit()
    ended = refused(charts, 3, "web", "--to", "1.0.0")
    assert ended.tells("web 1.0.0 is released already, and the chart changed since", "--to")
    charts.git("tag", "alone-1.1.0", "HEAD")
    ended = refused(charts, 3, "alone", "--part", "minor")
    assert ended.tells("alone 1.1.0 is released already: the tag alone-1.1.0 is there", "--to")


def test_judges_only_what_is_committed(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: not yet\n")
    ended = refused(charts, 3, "alone", "--part", "minor")
    assert ended.tells("not committed: charts/alone/values.yaml", "Commit or stash")


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        ((), "either names or --changed", "Usage: bump-chart"),
        (("alone", "--changed"), "either names or --changed", "Usage: bump-chart"),
        (("alone", "--part", "huge"), "'huge' is no part of a version", "major, minor, patch"),
        (("alone", "--part", "major", "--to", "2.0.0"), "exclude each other", "one of them"),
        (("alone", "web", "--to", "2.0.0"), "--to is the version of one chart", "after the other"),
        (("alnoe",), "there is no chart 'alnoe'", "alone"),
        (("alone", "--to", "2.0"), "alone: ", ""),
        (("alone", "--to", "1.0.1-x.lock"), "the version ends with .lock", "another end"),
        (("alone", "--to", "v2.0.0"), "alone: ", ""),
        (("alone", "--to", "2.0.0\nname: x"), "alone: ", ""),
        (("../charts/alone",), "there is no chart", ""),
        (("charts/alone/",), "there is no chart 'charts/alone/'", "Perhaps you meant alone."),
    ],
)
def test_tells_bad_usage(
    charts: Sandbox, words: tuple[str, ...], message: str, remedy: str
) -> None:
    assert refused(charts, 2, *words).tells(message, remedy)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("version: 1.0", "version"),
        ("version: 1", "version"),
        ("", "it has no version"),
        ("version: &v 1.0.0\nappVersion: *v", "`version` can't be changed without changing more"),
    ],
)
def test_tells_a_version_that_can_not_be_changed(charts: Sandbox, line: str, message: str) -> None:
    charts.write("charts/alone/Chart.yaml", f"apiVersion: v2\nname: alone\n{line}\n")
    charts.commit()
    assert refused(charts, 2, "alone", "--part", "minor").tells(message, "")


def test_a_chart_that_can_not_be_read_hinders_no_other(charts: Sandbox) -> None:
    charts.write("charts/web/Chart.yaml", "name: [\n")
    charts.git("rm", "-q", "charts/kano/Chart.yaml")
    charts.commit()
    assert found(charts, "alone", "--part", "minor") == {"alone": "1.1.0"}
    assert refused(charts, 2, "web").tells("charts/web/Chart.yaml is not YAML", "Mend the YAML")
    assert refused(charts, 2, "kano").tells("charts/kano/ has no Chart.yaml", "Write one")


def test_refuses_a_commit_that_a_hook_refuses(charts: Sandbox) -> None:
    hook = charts.write(
        ".git/hooks/pre-commit", "#!/bin/sh\necho no bumps on Fridays >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    ended = charts.run("bump-chart", "alone", "--part", "minor", "--commit", "--json")
    assert ended.exit_code == 1
    assert ended.tells("git commit failed: no bumps on Fridays; nothing was changed", "--commit")
    assert not charts.git("status", "--porcelain")
    hook.unlink()
    assert found(charts, "alone", "--part", "minor", "--commit") == {"alone": "1.1.0"}
