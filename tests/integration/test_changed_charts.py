"""changed-charts: what a release would hold, beside what the last one held."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from changing import NEEDS, write_chart, write_library, write_platform
from sandbox import Ended, Sandbox


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    """Return a repository with a library, two charts on it and one alone, all of them released."""
    sandbox = Sandbox.make(tmp_path / "clone")
    write_platform(sandbox)
    sandbox.commit("Add charts")
    release(sandbox, "kargo", "kano", "web", "alone")
    return sandbox


def release(sandbox: Sandbox, *names: str, version: str = "1.0.0") -> None:
    for name in names:
        sandbox.git("tag", f"{name}-{version}")


def changed(sandbox: Sandbox, *words: str) -> dict[str, Any]:
    """Return the charts that are not as they were, by name."""
    ended = sandbox.run("changed-charts", *words, "--json")
    assert ended.exit_code == 0, ended.err
    found = {each["name"]: each for each in ended.document["charts"]}
    assert "unchanged" not in {each["change"] for each in found.values()}
    return found


def states(sandbox: Sandbox, *words: str) -> dict[str, str]:
    return {name: each["change"] for name, each in changed(sandbox, *words).items()}


def refused(sandbox: Sandbox, *words: str) -> Ended:
    ended = sandbox.run("changed-charts", *words, "--json")
    assert ended.exit_code == 2, ended.out
    return ended


def test_tells_that_nothing_changed(charts: Sandbox) -> None:
    charts.write("README.md", "new\n")
    charts.commit()

    ended = charts.run("changed-charts")
    assert (ended.exit_code, ended.out) == (0, "4 charts unchanged\n")


def test_tells_where_the_tags_may_be_when_all_charts_are_new(charts: Sandbox) -> None:
    charts.git("tag", "--delete", *charts.git("tag").split())

    assert "`git fetch --tags`" in charts.run("changed-charts").out.splitlines()[-1]
    charts.git("tag", "v1")
    assert charts.run("changed-charts").out.splitlines()[-1] == "0 charts unchanged"


def test_tells_what_a_change_in_a_library_is_to_those_that_pack_it(charts: Sandbox) -> None:
    write_library(charts, says="x-")
    charts.commit()

    assert charts.run("changed-charts").out == (
        "CHART  VERSION  CHANGE     WHY\n"
        "kargo  1.0.0    changed    templates/_names.tpl\n"
        "kano   1.0.0    dependent  kargo changed: templates/_names.tpl; different render\n"
        "1 chart only packs what changed, and renders the same: web\n"
        "1 chart unchanged\n"
    )
    found = changed(charts)
    assert {name: each["due"] for name, each in found.items()} == {
        "kano": True, "kargo": True, "web": False
    }  # fmt: skip
    assert found["web"]["files"] == [
        {"chart": "kargo", "path": "templates/_names.tpl", "how": "modified"}
    ]
    assert found["kargo"]["render"] is None


def test_follows_libraries_on_libraries(charts: Sandbox) -> None:
    write_library(charts, "base")
    write_library(charts, "middle", needs="base")
    write_chart(charts, "top", needs="middle")
    charts.commit()
    release(charts, "base", "middle", "top")
    charts.write("charts/base/templates/_names.tpl", "new\n")
    charts.commit()

    found = changed(charts)
    assert {name: each["change"] for name, each in found.items()} == {
        "base": "changed", "middle": "dependent", "top": "dependent"
    }  # fmt: skip
    assert found["top"]["reasons"] == ["base changed: templates/_names.tpl"]


def test_takes_a_chart_that_is_kept_in_another_for_its_own(charts: Sandbox) -> None:
    for greeting in ("hello", "welcome"):
        charts.write("charts/alone/charts/redis/Chart.yaml", "name: redis\nversion: 1.0.0\n")
        charts.write("charts/alone/charts/redis/values.yaml", f"greeting: {greeting}\n")
        charts.commit()
        if greeting == "hello":
            release(charts, "alone", version="0.9.0")
            charts.git("tag", "-d", "alone-1.0.0")

    assert states(charts) == {"alone": "changed"}


def test_is_as_at_its_own_last_release_whatever_the_library_was_meanwhile(charts: Sandbox) -> None:
    write_library(charts, says="x-")
    charts.commit()
    release(charts, "kano", version="1.0.1")
    charts.write("charts/kano/Chart.yaml", _text(charts, "kano").replace("1.0.0\nt", "1.0.1\nt"))
    charts.commit()

    # Its release had the new library, and says 1.0.0 still.
    assert changed(charts)["kano"]["files"] == [
        {"chart": None, "path": "Chart.yaml", "how": "modified"}
    ]
    assert states(charts)["web"] == "dependent"


def _text(sandbox: Sandbox, name: str) -> str:
    return (sandbox.path / f"charts/{name}/Chart.yaml").read_text()


def test_counts_what_is_packed_alone(charts: Sandbox) -> None:
    charts.write("charts/alone/.helmignore", "*.md\n.helmignore\n")
    charts.write("charts/alone/README.md", "not packed\n")
    charts.commit()

    assert changed(charts) == {}


def test_tells_new_deleted_and_renamed_charts(charts: Sandbox) -> None:
    write_chart(charts, "new")
    charts.git("rm", "-rq", "charts/web")
    charts.git("mv", "charts/alone", "charts/together")
    charts.write("charts/together/Chart.yaml", "apiVersion: v2\nname: together\nversion: 1.1.0\n")
    charts.commit()

    found = changed(charts)
    assert {name: each["change"] for name, each in found.items()} == {
        "new": "new", "together": "renamed", "web": "deleted"
    }  # fmt: skip
    assert found["together"]["renamed_from"] == "alone"
    assert found["web"]["last_release"]["version"] == "1.0.0"
    table = charts.run("changed-charts").out
    assert "never released" in table
    assert "was alone" in table
    assert "last released as 1.0.0" in table


def test_takes_the_likest_chart_for_the_one_that_was_renamed(charts: Sandbox) -> None:
    for name, files in {"gone": "abcd", "half": "ab", "whole": "abcd"}.items():
        write_chart(charts, name)
        charts.write(f"charts/{name}/values.yaml", "greeting: hello\n")
        charts.write(f"charts/{name}/templates/map.yaml", "# none\n")
        for letter in files:
            charts.write(f"charts/{name}/files/{letter}", letter)
        if name == "gone":
            charts.commit()
            release(charts, name)
            charts.git("rm", "-rq", "charts/gone")
    charts.commit()

    assert {name: each["renamed_from"] for name, each in changed(charts).items()} == {
        "half": None, "whole": "gone"
    }  # fmt: skip


def test_tells_what_a_release_can_not_hold(charts: Sandbox, tmp_path: Path) -> None:
    other = Sandbox.make(tmp_path / "other")
    other.write("a", "b")
    other.commit()
    allowed = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    charts.git(*allowed, str(other.path), "charts/alone/files")
    write_chart(charts, "kano2")
    charts.write("charts/kano2/Chart.yaml", _text(charts, "kano"))
    charts.commit()

    ended = refused(charts)
    found = {each["name"]: each["reasons"] for each in ended.document["charts"]}
    assert found == {
        "alone": ["charts/alone/files is a submodule, whose files this repository does not hold"],
        "kano2": ["charts/kano2/Chart.yaml says that the chart is called kano"],
    }
    assert "error: charts/kano2/Chart.yaml says" in charts.run("changed-charts").err


@pytest.mark.parametrize("name", [b"\xff", b"\x1c", "\u2028".encode(), "\x85".encode()])
def test_reads_names_of_libraries_whatever_they_hold(charts: Sandbox, name: bytes) -> None:
    text = _text(charts, "alone").encode() + b"# see file://../" + name + b"\n"
    charts.write("charts/alone/Chart.yaml", text)
    charts.write("charts/web/values.yaml", "greeting: new\n")
    charts.commit()

    assert "web" in {e["name"] for e in charts.run("changed-charts", "--json").document["charts"]}


def test_a_copy_in_another_chart_is_not_what_a_chart_was(charts: Sandbox) -> None:
    for folder in ("web/charts/redis", "redis"):
        charts.write(f"charts/{folder}/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 1.0.0\n")
        charts.commit()

    assert states(charts, "--since", "HEAD~1") == {"redis": "new"}


def test_tells_where_a_chart_lies_that_is_not_found_any_more(charts: Sandbox) -> None:
    (charts.path / "charts/group").mkdir()
    charts.git("mv", "charts/alone", "charts/group/alone")
    charts.commit()

    assert changed(charts)["alone"]["reasons"] == [
        "last released as 1.0.0",
        "lies in charts/group/ now, where charts are not looked for",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffversion: 1.0.0\r\napiVersion: v2\r\nname: alone\r\n",
        '"version": "1.0.0"\napiVersion: v2\nname: alone\n',
        "{version: 1.0.0, apiVersion: v2, name: alone}\n",
        "annotations:\n  version: 3.0.0\nversion: '1.0.0' # ours\napiVersion: v2\nname: alone\n",
    ],
)
def test_reads_a_version_however_it_is_written(charts: Sandbox, text: str) -> None:
    charts.write("charts/alone/Chart.yaml", text)
    charts.commit()
    release(charts, "alone", version="0.9.0")
    charts.git("tag", "--force", "alone-1.0.0")
    charts.git("tag", "alone-2.0.0", "HEAD~1")

    assert changed(charts) == {}


def test_compares_with_a_commit(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    charts.git("mv", "charts/web", "charts/site")
    charts.write("charts/site/Chart.yaml", _text(charts, "site").replace("name: web", "name: site"))
    write_chart(charts, "new")
    charts.commit()

    assert states(charts, "--since", "HEAD~1") == {"new": "new", "site": "renamed"}
    assert states(charts, "--since", "HEAD~2") == {
        "alone": "changed", "new": "new", "site": "renamed"
    }  # fmt: skip


def test_finds_a_chart_that_moved_to_another_folder(charts: Sandbox) -> None:
    charts.git("mv", "charts", "helm")
    charts.write("kargo-release.yaml", "charts: helm\n")
    charts.write("helm/alone/values.yaml", "greeting: new\n")
    charts.commit()

    assert states(charts) == {"alone": "changed"}


def test_reads_tags_by_the_whole_name(charts: Sandbox) -> None:
    write_chart(charts, "weacast")
    write_chart(charts, "weacast-gfs")
    charts.commit()
    release(charts, "weacast-gfs")
    charts.git("tag", "alone-next")
    charts.git("tag", "v1")
    charts.git("tag", "docs-1.0.0")  # of something that never was a chart

    assert states(charts) == {"weacast": "new"}
    release(charts, "weacast")
    assert states(charts) == {}


def test_tells_a_tag_that_is_of_no_commit(charts: Sandbox) -> None:
    blob = charts.git("rev-parse", "HEAD:charts/alone/values.yaml")
    charts.git("tag", "--force", "alone-1.0.0", blob)

    ended = refused(charts)
    assert ended.tells("the tag alone-1.0.0 stands for no commit", "git tag -d alone-1.0.0")
    assert [each["name"] for each in ended.document["charts"]] == ["alone"]


def test_tells_apart_versions_that_differ_in_their_build(charts: Sandbox) -> None:
    about = "apiVersion: v2\nname: alone\nversion: 1.0.0+a\n"
    charts.write("charts/alone/Chart.yaml", about)
    charts.commit()
    release(charts, "alone", version="1.0.0+a")
    charts.write("charts/alone/Chart.yaml", about.replace("+a", "+b"))
    charts.commit()
    release(charts, "alone", version="1.0.0+b")
    charts.write("charts/alone/Chart.yaml", about)
    charts.commit()

    assert states(charts) == {}


def test_takes_annotated_tags_and_the_newest_version(charts: Sandbox) -> None:
    for version in ("1.2.0", "1.10.0"):
        charts.write("charts/alone/values.yaml", f"greeting: {version}\n")
        about = f"apiVersion: v2\nname: alone\nversion: {version}\ntype: application\n"
        charts.write("charts/alone/Chart.yaml", about)
        charts.commit()
        charts.git("tag", "--annotate", "--message", "x", f"alone-{version}")

    assert changed(charts) == {}


def test_compares_with_the_release_that_a_maintained_branch_had(charts: Sandbox) -> None:
    charts.git("checkout", "-q", "-b", "next")
    charts.write("charts/alone/Chart.yaml", "apiVersion: v2\nname: alone\nversion: 2.0.0\n")
    charts.write("charts/alone/values.yaml", "greeting: next\n")
    charts.commit()
    release(charts, "alone", version="2.0.0")
    charts.git("checkout", "-q", "main")

    assert changed(charts) == {}


def test_understands_merges(charts: Sandbox) -> None:
    charts.git("checkout", "-q", "-b", "side")
    charts.write("charts/alone/values.yaml", "greeting: side\n")
    charts.commit()
    charts.git("checkout", "-q", "main")
    charts.write("charts/web/values.yaml", "greeting: main\n")
    charts.commit()
    charts.git("merge", "-q", "--no-edit", "side")

    assert states(charts) == {"alone": "changed", "web": "changed"}
    assert states(charts, "--since", "HEAD^1") == {"alone": "changed"}


@pytest.mark.parametrize(
    "at",
    [
        '"file:\\x2f/../{}"',
        "'file://../{}'",
        "file://../{}/",
        '"file://../../charts/my, x/../{}"',
    ],
)
def test_finds_libraries_however_they_are_written(charts: Sandbox, at: str) -> None:
    write_chart(charts, "kano", needs="kargo", at=at)
    charts.write("charts/my, x/README.md", "that a path may lead through it\n")
    charts.commit()
    release(charts, "kano", version="1.0.1")
    write_library(charts, says="y-")
    charts.commit()
    charts.git("tag", "-d", "kano-1.0.0")

    assert states(charts)["kano"] == "dependent"


def test_a_chart_that_can_not_be_read_hides_no_other(charts: Sandbox) -> None:
    charts.write("charts/alone/Chart.yaml", "name: alone\nversion: 01.0\n")
    write_chart(charts, "kano", needs="web")
    write_chart(charts, "web", needs="kano")
    charts.commit()
    ended = refused(charts)

    found = {each["name"]: each["change"] for each in ended.document["charts"]}
    assert found == {"alone": "failed", "kano": "failed", "web": "failed"}
    assert "in a circle" in ended.out


def test_comes_to_an_end_where_libraries_are_missing_at_two_depths(charts: Sandbox) -> None:
    _, _, more = (NEEDS % ("base", "file://../../libs/base")).partition("\n")
    charts.write("charts/kano/Chart.yaml", f"{_text(charts, 'kano')}{more}")
    needs = NEEDS % ("lost", "file://../lost")
    charts.write("libs/base/Chart.yaml", f"apiVersion: v2\nname: base\nversion: 1.0.0\n{needs}")
    charts.git("rm", "-rq", "charts/kargo")
    charts.commit()

    found = {each["name"]: each["change"] for each in refused(charts).document["charts"]}
    assert found == {"kano": "failed", "kargo": "deleted", "web": "failed"}


def test_tells_a_chart_whose_description_was_lost(charts: Sandbox) -> None:
    charts.git("rm", "-q", "charts/alone/Chart.yaml")
    charts.write("charts/never/templates/a.yaml", "a: b\n")
    charts.commit()

    found = {each["name"]: each["reasons"] for each in refused(charts).document["charts"]}
    assert found == {
        "alone": ["charts/alone/ has no Chart.yaml"],
        "never": ["charts/never/ has no Chart.yaml"],
    }


def test_passes_over_a_folder_that_is_no_chart(charts: Sandbox) -> None:
    charts.write("charts/notes/README.md", "no chart\n")
    charts.commit()

    assert changed(charts) == {}


@pytest.mark.parametrize(
    ("ref", "message", "remedy"),
    [
        ("nowhere", "there is no commit 'nowhere' here", "leave out --since"),
        ("--upload-pack=x", "there is no commit '--upload-pack=x' here", ""),
        ("0" * 40, "a commit of zeros", "Leave out --since"),
        ("f" * 40, "there is no commit", "forced push"),
    ],
)
def test_tells_a_commit_that_is_not_there(
    charts: Sandbox, ref: str, message: str, remedy: str
) -> None:
    assert refused(charts, f"--since={ref}").tells(message, remedy)


def test_tells_a_history_that_is_cut_off(charts: Sandbox, tmp_path: Path) -> None:
    for number in range(3):
        charts.write("charts/alone/values.yaml", f"greeting: {number}\n")
        charts.commit()
    shallow = tmp_path / "shallow"
    origin = f"file://{charts.path}"
    subprocess.run(["git", "clone", "-q", "--depth=1", origin, shallow], check=True)
    clone = Sandbox(shallow)

    ended = refused(clone)
    assert ended.tells("the history of this clone is cut off", "fetch-depth: 0")
    clone.git("tag", "alone-1.0.0")
    assert refused(clone).tells("has no tag of a release of kano", "fetch-depth: 0")
    assert refused(clone, "--since", "HEAD~1").tells("cut off", "fetch-depth: 0")


def test_compares_with_a_history_of_its_own(charts: Sandbox) -> None:
    charts.git("checkout", "-q", "--orphan", "other")
    charts.write("charts/alone/values.yaml", "greeting: other\n")
    charts.commit()

    assert states(charts, "--since", "main") == {"alone": "changed"}
