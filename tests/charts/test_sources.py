"""What is read of a chart's folder in a commit: files, links, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from committed_charts import resolved, sources
from sandbox import Sandbox

from kargo_release.charts.sources import ChartSource, Sources
from kargo_release.errors import InvalidError

KANO = "charts/kano"


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.git("config", "core.symlinks", "true")
    sandbox.write_chart("kano")
    return sandbox


def link(sandbox: Sandbox, path: str, target: str) -> None:
    file = sandbox.path / KANO / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(target)


def contents(sandbox: Sandbox) -> dict[str, str]:
    """Return the text of every file of kano, as the commit holds it."""
    charts = sources(sandbox)
    chart = charts.named("kano")
    blobs = charts.contents([chart])
    return {path: blobs[entry.oid].decode() for path, entry in chart.files.items()}


def refusal(read: Callable[[], object]) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        read()
    assert caught.value.remedy
    return caught.value


# Charts


def test_finds_the_folders_that_hold_a_chart(charts: Sandbox) -> None:
    charts.write_chart("base", library=True)
    charts.write("charts/README.md", "no chart")
    charts.write("charts/drafts/notes.txt", "no chart")
    charts.write("charts/deep/inner/Chart.yaml", "no chart of this folder")

    found = sources(charts)

    assert found.names == ["base", "kano"]
    assert found.named("base").metadata.is_library


@pytest.mark.parametrize("folder", ["deploy/helm", "more charts", "c?", "c[1]", "-x", "é"])
def test_finds_charts_in_another_folder(folder: str, charts: Sandbox) -> None:
    charts.write(f"{folder}/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n")

    found = sources(charts, folder)

    assert found.names == ["app"]
    assert list(found.named("app").files) == ["Chart.yaml"]


def test_finds_no_chart_where_there_is_no_folder(charts: Sandbox) -> None:
    assert sources(charts, "nowhere").names == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("kanno", "Perhaps you meant kano."),
        ("KANO", "Charts are folders below charts/."),
        ("kano/templates", "Charts are folders below charts/."),
        ("../charts/kano", "Perhaps you meant kano."),
        ("", "Charts are folders below charts/."),
        ("x" * 10_000, "Charts are folders below charts/."),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_offers_the_chart_of_the_nearest_name(
    name: str, hint: str, is_known: bool, charts: Sandbox
) -> None:
    found = sources(charts, names=[name] if is_known else None)

    error = refusal(lambda: found.named(name))

    assert error.message.startswith("there is no chart '")
    assert error.message.endswith(" in charts/")
    assert len(error.message) < 200
    assert error.remedy == hint


def test_reads_only_the_charts_that_it_will_be_asked_for(charts: Sandbox) -> None:
    charts.write_chart("web")
    commit = sources(charts)
    few = sources(charts, names=["web", "web/templates", "..", ".", ""])
    many = sources(charts, names=["web", *(f"web-{number}" for number in range(200))])

    for found in (few, many, sources(charts, names=[])):
        assert found.names == ["kano", "web"]
    for found in (few, many):
        assert found.named("web").files == commit.named("web").files
    assert few.at(KANO).files == commit.named("kano").files


def test_reads_the_commit_and_not_the_working_tree(charts: Sandbox) -> None:
    found = sources(charts)
    charts.write(f"{KANO}/values.yaml", "changed: true\n")
    charts.write(f"{KANO}/new", "new")

    chart = found.named("kano")

    assert "new" not in chart.files
    assert found.contents([chart])[chart.files["values.yaml"].oid] == b"greeting: hello from kano\n"


def test_leaves_out_what_helmignore_names(charts: Sandbox) -> None:
    charts.write(f"{KANO}/.helmignore", "*.bak\nlocal/\n")
    for path in ("a.bak", "local/x", "kept/local.txt"):
        charts.write(f"{KANO}/{path}", "x")

    assert set(contents(charts)) == {
        ".helmignore",
        "Chart.yaml",
        "kept/local.txt",
        "templates/configmap.yaml",
        "values.yaml",
    }


@pytest.mark.parametrize("rule", ["Chart.yaml", "*.yaml", "!templates", "*"])
def test_refuses_a_helmignore_that_leaves_out_the_chart_itself(rule: str, charts: Sandbox) -> None:
    charts.write(f"{KANO}/.helmignore", f"{rule}\n")
    found = sources(charts)

    error = refusal(lambda: found.named("kano"))

    assert error.message == f"{KANO}/.helmignore leaves out Chart.yaml"
    assert "`!name`" in error.remedy


# Symbolic links


def test_packs_what_a_link_inside_of_the_chart_names(charts: Sandbox) -> None:
    charts.write(f"{KANO}/shared/one.txt", "one")
    charts.write(f"{KANO}/shared/deep/two.txt", "two")
    link(charts, "files/values.yaml", "../values.yaml")
    link(charts, "files/folder", "../shared")
    link(charts, "files/chain", "chain2")
    link(charts, "files/chain2", "../shared/./deep/../one.txt")
    link(charts, "files/more", "folder")

    files = contents(charts)

    assert files["files/values.yaml"] == files["values.yaml"]
    assert files["files/folder/one.txt"] == files["files/more/one.txt"] == "one"
    assert files["files/folder/deep/two.txt"] == files["files/more/deep/two.txt"] == "two"
    assert files["files/chain"] == files["files/chain2"] == "one"


def test_names_a_linked_file_by_where_it_is_packed(charts: Sandbox) -> None:
    link(charts, "files/values.yaml", "../values.yaml")

    chart = sources(charts).named("kano")

    assert chart.files["files/values.yaml"].path == f"{KANO}/files/values.yaml"


def test_applies_helmignore_to_links_and_to_what_they_bring(charts: Sandbox) -> None:
    charts.write(f"{KANO}/.helmignore", "secret.txt\nleft-out/\noutside\n")
    charts.write(f"{KANO}/shared/secret.txt", "x")
    charts.write(f"{KANO}/shared/open.txt", "x")
    link(charts, "folder", "shared")
    link(charts, "left-out", "shared")
    link(charts, "outside", "../../../etc/passwd")

    files = contents(charts)

    assert "folder/open.txt" in files
    assert not {"folder/secret.txt", "left-out/open.txt", "outside"} & set(files)


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../other/values.yaml",
        "../../../../../../etc/passwd",
        "..",
        ".",
        "templates/../../kano-other/x",
        "x" * 5000,
    ],
)
def test_refuses_a_link_that_leaves_the_chart(target: str, charts: Sandbox) -> None:
    charts.write("charts/other/values.yaml", "x: 1\n")
    # Longer than a file system takes, so it goes to Git itself.
    oid = charts.git("hash-object", "-w", "--stdin", stdin=target)
    charts.git("add", "--all")
    charts.git("update-index", "--add", "--cacheinfo", f"120000,{oid},{KANO}/link")
    charts.git("commit", "--quiet", "--message", "Add a link")
    tree = charts.git("rev-parse", "HEAD")

    error = refusal(lambda: _at(charts, tree).named("kano"))

    assert error.message == f"{KANO}/link is a symbolic link that leaves the chart"
    assert "Copy what it names into the chart" in error.remedy


def _at(sandbox: Sandbox, commit: str) -> Sources:
    from kargo_release.git.repository import Repository

    repository = Repository.open(sandbox.path)
    return Sources(repository.tree(repository.commit(commit)), "charts")


@pytest.mark.parametrize("links", [{"a": "nowhere"}, {"a": "a"}, {"a": "b", "b": "a"}, {"a": "é"}])
def test_refuses_links_that_lead_nowhere(links: dict[str, str], charts: Sandbox) -> None:
    for path, target in links.items():
        link(charts, path, target)
    found = sources(charts)

    error = refusal(lambda: found.named("kano"))

    assert error.message.endswith("is a symbolic link that leads nowhere")
    assert error.message.startswith(f"{KANO}/")


def test_refuses_a_folder_that_is_linked_into_itself(charts: Sandbox) -> None:
    charts.write(f"{KANO}/files/x", "x")
    link(charts, "files/again", "../files")
    found = sources(charts)

    assert "is a symbolic link that leads nowhere" in refusal(lambda: found.named("kano")).message


def test_refuses_links_that_multiply_files(charts: Sandbox) -> None:
    for level in range(10):
        charts.write(f"{KANO}/d{level}/file", "x")
        for n in range(10):
            link(charts, f"d{level}/link{n}", f"../d{level + 1}")
    charts.write(f"{KANO}/d10/file", "x")
    found = sources(charts)

    error = refusal(lambda: found.named("kano"))

    assert "its files must be at most 10,000" in error.message
    assert ".helmignore" in error.remedy


@pytest.mark.parametrize("name", ["Chart.yaml", ".helmignore"])
def test_refuses_to_follow_links_for_the_files_that_say_what_a_chart_is(
    name: str, charts: Sandbox
) -> None:
    (charts.path / KANO / "Chart.yaml").rename(charts.path / KANO / "real")
    if name != "Chart.yaml":
        charts.write_chart("kano")
    link(charts, name, "real")
    found = sources(charts)

    error = refusal(lambda: found.named("kano"))

    assert error.message == f"{KANO}/{name} is a symbolic link"
    assert error.remedy == "It must be a plain file of at most 1 MiB."


# Files that can't be packed


def test_refuses_a_submodule(charts: Sandbox) -> None:
    charts.git("add", "--all")
    charts.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{KANO}/vendor")
    charts.git("commit", "--quiet", "--message", "Add a submodule")
    found = _at(charts, "HEAD")

    error = refusal(lambda: found.named("kano"))

    assert error.message.startswith(f"{KANO}/vendor is a submodule")
    assert ".helmignore" in error.remedy


def test_refuses_a_pointer_of_git_lfs(charts: Sandbox) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    charts.write(f"{KANO}/files/map.bin", pointer)
    found = sources(charts)

    error = refusal(lambda: found.contents([found.named("kano")]))

    assert error.message.startswith(f"{KANO}/files/map.bin is kept by Git LFS")
    assert "git lfs untrack" in error.remedy


def test_takes_a_file_of_five_mebibytes_and_not_one_byte_more(charts: Sandbox) -> None:
    charts.write(f"{KANO}/big", bytes(5 << 20))
    assert "big" in sources(charts).named("kano").files
    charts.write(f"{KANO}/big", bytes((5 << 20) + 1))
    found = sources(charts)

    error = refusal(lambda: found.named("kano"))

    assert error.message == f"{KANO}/big has 5,242,881 bytes, and Helm loads no file over 5 MiB"
    assert ".helmignore" in error.remedy


def test_reads_a_dependency_outside_of_the_charts_folder(charts: Sandbox) -> None:
    charts.write("lib/base/Chart.yaml", "apiVersion: v2\nname: base\nversion: 1.0.0\n")
    more = 'dependencies:\n- {name: base, version: 1.x, repository: "file://../../lib/base"}\n'
    charts.write_chart("kano", more=more)

    chart = resolved(charts, "kano")

    assert [source.folder for source in chart.every_source()] == [KANO, "lib/base"]
    assert isinstance(chart.dependencies[0].source, ChartSource)
