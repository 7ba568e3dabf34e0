"""Charts and settings that can't be released are told what to mend, and nothing is changed."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sandbox import Ended, Sandbox
from untouched import everything

KANO = "charts/kano"
ABOUT = "apiVersion: v2\nname: kano\nversion: 1.0.0\n"
RELEASES = ("release-chart kano", "release-dev-chart kano")

Prepare = Callable[[Sandbox], object]


@pytest.fixture
def clone(local: Sandbox) -> Sandbox:
    """A repository with one good chart, of which each test makes a bad one."""
    local.git("config", "core.symlinks", "true")
    return local


def refused(
    sandbox: Sandbox,
    *commands: str,
    message: str,
    remedy: str,
    code: int = 2,
    environ: Mapping[str, str] | None = None,
) -> Ended:
    """Commit, run commands that must all tell this error, and find nothing changed by them."""
    sandbox.git("add", "--all")
    sandbox.git("commit", "--quiet", "--allow-empty", "--message", "As it is now")
    before = everything(sandbox)
    for command in commands:
        told = sandbox.run(*command.split(), "--json", environ=environ)
        assert told.exit_code == code, told.err
        assert told.tells(message, remedy), told.err + told.out
        assert "Traceback" not in told.err
        assert told.document["ok"] is False
    assert everything(sandbox) == before
    return told


def about(text: str) -> Prepare:
    return lambda sandbox: sandbox.write(f"{KANO}/Chart.yaml", text)


def needs(dependency: str) -> Prepare:
    return about(f"{ABOUT}dependencies:\n- {{{dependency}}}\n")


def file(path: str, content: str | bytes) -> Prepare:
    return lambda sandbox: sandbox.write(f"{KANO}/{path}", content)


def link(path: str, target: str) -> Prepare:
    def make(sandbox: Sandbox) -> None:
        (sandbox.path / KANO / path).symlink_to(target)

    return make


def gone(path: str) -> Prepare:
    return lambda sandbox: (sandbox.path / path).unlink()


# Chart.yaml

BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
CHART_FILES: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "Chart.yaml is empty", "Write the keys"),
    "comment": ("# nothing\n", "Chart.yaml is empty", "Write the keys"),
    "list": ("- a\n", "Chart.yaml holds a list", "`key: value` lines"),
    "no YAML": ("a: [\n", "Chart.yaml is not YAML: line 2, column 1", "Mend the YAML."),
    "binary": (b"\x00\xff\xfe", "Chart.yaml is not UTF-8 text", "Save it as UTF-8."),
    "duplicate": (f"{ABOUT}name: kano\n", "line 4: the key `name` given twice", "Mend the YAML."),
    "bomb": (ABOUT + BOMB, "over 100,000 values once its aliases are expanded", "Mend the YAML."),
    "deep": ("[" * 100_000, "nested over 100 deep", "Mend the YAML."),
    "base 60": (f"{ABOUT}a: 1{':1' * 400_000}\n", "a number of over 100 digits", "Mend the YAML."),
    "tag": (f"{ABOUT}a: !!timestamp x\n", "the tag !!timestamp", "Mend the YAML."),
    "50 MB": ("#" * (50 << 20), "Chart.yaml is 50.0 MiB", "a plain file of at most 1 MiB"),
    "no name": ("apiVersion: v2\nversion: 1.0.0\n", "it has no name", "Add the line `name: …`."),
    "1.2": (ABOUT.replace("1.0.0", '"1.2"'), "'1.2' is not a SemVer", "Write 1.2.0."),
    "1.10": (ABOUT.replace("1.0.0", "1.10"), "version is the number 1.1", "for example 1.10.0."),
    "v1.0.0": (ABOUT.replace("1.0.0", "v1.0.0"), "is not a SemVer 2.0.0", "Write 1.0.0."),
    "appVersion": (f"{ABOUT}appVersion: 1.10\n", "appVersion is the number 1.1", "Quote it"),
    "other name": (
        ABOUT.replace("kano", "other"),
        "charts/kano/Chart.yaml says that the chart is called other",
        "Call the folder other, or the chart kano.",
    ),
    "path": (ABOUT.replace("kano", '"../kano"'), "can't be a chart's name", "Use lower-case"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHART_FILES)
def test_refuses_a_chart_file_that_says_nothing_useful(case: str, clone: Sandbox) -> None:
    content, message, remedy = CHART_FILES[case]
    clone.write(f"{KANO}/Chart.yaml", content)

    refused(clone, *RELEASES, message=message, remedy=remedy)


def test_offers_the_nearest_chart(clone: Sandbox) -> None:
    refused(
        clone,
        "release-chart kanno",
        "release-dev-chart kanno",
        "package-chart kanno",
        message="there is no chart 'kanno' in charts/",
        remedy="Perhaps you meant kano.",
    )


def test_refuses_a_folder_without_a_chart_file(clone: Sandbox) -> None:
    gone(f"{KANO}/Chart.yaml")(clone)

    refused(clone, *RELEASES, message="charts/kano/ has no Chart.yaml", remedy="Write one, or")


def test_releases_nothing_when_one_of_several_is_bad(clone: Sandbox) -> None:
    clone.write_chart("other", version="1.2-x")

    refused(clone, "release-chart kano other", message="'1.2-x' is not", remedy="Write 1.2.0")


def test_releases_the_development_version_of_the_good_charts(clone: Sandbox) -> None:
    clone.write_chart("other", version="1.2-x")
    clone.write("charts/notes/x", "no chart")
    clone.write_chart("third", more="dependencies: [{name: x, repository: oci://x.example/y}]\n")

    ended = clone.run("release-dev-chart", "--json")

    assert ended.exit_code in (1, 2)
    charts = {chart["name"]: chart for chart in ended.document["charts"]}
    assert set(charts) == {"kano", "other", "third"}
    assert charts["kano"]["destinations"]["registry"]["state"] == "published"
    assert charts["kano"]["error"] is None
    assert "'1.2-x' is not a SemVer" in charts["other"]["error"]["message"]
    assert "comes from oci://x.example/y" in charts["third"]["error"]["message"]


# Dependencies

BASE = 'name: base, version: {}, repository: "file://../base"'
DEPENDENCIES = {
    "range": (BASE.format('"^2"'), "asks for ^2, but charts/base/ is 1.0.0", "Change the range"),
    "no range": (BASE.format("newest"), "base has a wrong range", "for example ^1.2.0"),
    "outside": (
        'name: base, version: 1.x, repository: "file://../../../base"',
        "the dependency base leads outside of the repository",
        "Name a chart of this repository",
    ),
    "itself": (
        'name: kano, version: 1.x, repository: "file://../kano"',
        "in a circle: kano → kano",
        "Break the circle.",
    ),
    "missing": (
        'name: bass, version: 1.x, repository: "file://../bass"',
        "charts/kano: the dependency bass can't be used: there is no folder charts/bass/",
        "Look at its name.",
    ),
    "oci": (
        'name: redis, version: 1.x, repository: "oci://registry.example.com/charts"',
        "the dependency redis comes from oci://registry.example.com/charts",
        "vendor it in charts/",
    ),
    "https": (
        'name: redis, version: 1.x, repository: "https://charts.example.com"',
        "the dependency redis comes from https://charts.example.com",
        "vendor it in charts/",
    ),
    "not vendored": ("name: base, version: 1.x", "is not in charts/ either", "file://../base"),
}


@pytest.mark.parametrize("case", DEPENDENCIES)
def test_refuses_a_dependency_that_can_not_be_had(case: str, clone: Sandbox) -> None:
    dependency, message, remedy = DEPENDENCIES[case]
    clone.write_chart("base", library=True)
    needs(dependency)(clone)

    refused(clone, *RELEASES, message=message, remedy=remedy)


def test_refuses_charts_that_need_each_other(clone: Sandbox) -> None:
    clone.write_chart(
        "a", more='dependencies: [{name: b, version: 1.x, repository: "file://../b"}]\n'
    )
    clone.write_chart(
        "b", more='dependencies: [{name: a, version: 1.x, repository: "file://../a"}]\n'
    )

    refused(clone, "release-chart a", message="circle: a → b → a", remedy="Break the circle.")


def test_releases_a_chart_with_its_whole_family(clone: Sandbox) -> None:
    clone.write_chart("base", library=True)
    clone.write_chart("middle", more=f"dependencies: [{{{BASE.format('1.x')}}}]\n")
    clone.write(f"{KANO}/charts/vendored/Chart.yaml", ABOUT.replace("kano", "vendored"))
    middle = 'name: middle, version: ^1.0.0, repository: "file://../middle"'
    needs(f"{middle}}}\n- {{name: vendored")(clone)
    clone.commit()

    ended = clone.run("release-chart", "kano", "base", "--json")

    assert ended.exit_code == 0, ended.err


def test_takes_a_dependency_outside_of_the_charts_folder_from_the_working_tree(
    clone: Sandbox,
) -> None:
    clone.write("lib [1]/base/Chart.yaml", ABOUT.replace("kano", "base"))
    needs('name: base, version: 1.x, repository: "file://../../lib [1]/base"')(clone)
    clone.commit()
    clone.write("lib [1]/base/new", "x")

    first = clone.run("release-dev-chart", "kano", "--json")
    clone.write("lib [1]/base/new", "changed")
    second = clone.run("release-dev-chart", "kano", "--json")

    assert (first.states["registry"], second.states["registry"]) == ("published", "replaced")
    assert clone.git("status", "--porcelain") == '?? "lib [1]/base/new"'


def test_refuses_a_dependency_whose_folder_was_removed(clone: Sandbox) -> None:
    clone.write("lib/base/Chart.yaml", ABOUT.replace("kano", "base"))
    needs('name: base, version: 1.x, repository: "file://../../lib/base"')(clone)
    clone.commit()
    shutil.rmtree(clone.path / "lib")
    before = everything(clone)

    ended = clone.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 2
    assert ended.tells("base can't be used: there is no folder lib/base/", "Look at its name.")
    assert everything(clone) == before


def test_refuses_a_stray_file_among_vendored_charts(clone: Sandbox) -> None:
    file("charts/notes.txt", "not a chart")(clone)

    refused(
        clone,
        "release-chart kano",
        message="charts/notes.txt is neither a chart's folder nor a packed chart",
        remedy="begin with an underscore",
    )


def test_refuses_a_vendored_archive_that_is_none(clone: Sandbox) -> None:
    file("charts/base-1.0.0.tgz", b"\x1f\x8bnothing")(clone)

    refused(
        clone,
        "release-chart kano",
        message="charts/base-1.0.0.tgz: the archive is not gzip, or is damaged",
        remedy="`helm package`",
    )


# Files

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
FILES: dict[str, tuple[Prepare, str, str]] = {
    "link away": (link("a", "../../../../etc/passwd"), "a symbolic link that leaves", "Copy what"),
    "link to /": (link("a", "/etc/passwd"), "a symbolic link that leaves the chart", "Copy what"),
    "link beside": (link("a", "../other"), "a symbolic link that leaves the chart", "Copy what"),
    "dangling": (link("a", "b"), "charts/kano/a is a symbolic link that leads nowhere", "Let it"),
    "loop": (link("a", "a"), "charts/kano/a is a symbolic link that leads nowhere", "Let it name"),
    "LFS": (file("map.bin", POINTER), "charts/kano/map.bin is kept by Git LFS", "git lfs untrack"),
    "5 MiB": (file("a", bytes((5 << 20) + 1)), "a has 5,242,881 bytes", "keep it out of the chart"),
    "line end": (file("a\nb", ""), "has a control character in its name", "rename the file"),
    "backslash": (file("a\\b", ""), "Helm would not find the file", "rename the file"),
    "requirements": (
        file("requirements.yaml", "dependencies: []\n"),
        "charts/kano/requirements.yaml is of Helm 2 and not supported",
        "Move its dependencies to Chart.yaml",
    ),
    ".helmignore **": (
        file(".helmignore", "docs/**\n"),
        "** is not supported by Helm: 'docs/**'",
        "Write a pattern per folder.",
    ),
    ".helmignore [": (file(".helmignore", "[a\n"), "line 1: malformed pattern", "Close every ["),
    ".helmignore !": (
        file(".helmignore", "!templates\n"),
        "charts/kano/.helmignore leaves out Chart.yaml",
        "`!name` leaves out all that is not called name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_refuses_a_file_that_can_not_be_packed(case: str, clone: Sandbox) -> None:
    prepare, message, remedy = FILES[case]
    prepare(clone)

    refused(clone, *RELEASES, message=message, remedy=remedy)


def test_refuses_a_name_that_is_no_text(clone: Sandbox) -> None:
    Path(os.fsdecode(os.fsencode(clone.path / KANO) + b"/\xff")).touch()

    refused(
        clone,
        *RELEASES,
        message=r"the file name b'charts/kano/\xff' is not UTF-8",
        remedy="Rename the file",
    )


def test_releases_a_chart_beside_one_with_such_a_name(clone: Sandbox) -> None:
    clone.write_chart("other")
    Path(os.fsdecode(os.fsencode(clone.path / "charts/other") + b"/\xff")).touch()
    clone.commit()

    assert clone.run("release-chart", "kano").exit_code == 0


def test_refuses_a_submodule(clone: Sandbox) -> None:
    inner = Sandbox.make(clone.path / KANO / "vendor")
    inner.write("file", "x")
    inner.commit()

    refused(clone, *RELEASES, message="charts/kano/vendor is a submodule", remedy=".helmignore")


def test_refuses_a_pipe_in_the_working_tree(clone: Sandbox) -> None:
    os.mkfifo(clone.path / KANO / "pipe")

    refused(
        clone,
        "release-dev-chart",
        message="charts/kano/pipe is a device, a pipe or a socket",
        remedy="Remove it, or name it in .helmignore.",
    )


def test_does_not_wait_for_a_pipe_in_place_of_a_chart_file(clone: Sandbox) -> None:
    gone(f"{KANO}/Chart.yaml")(clone)
    os.mkfifo(clone.path / KANO / "Chart.yaml")
    before = everything(clone)

    ended = clone.run("release-dev-chart", "--json")

    assert ended.exit_code == 1
    assert ended.tells("charts/kano/Chart.yaml: can only add regular files", "`git status`")
    assert everything(clone) == before


def test_releases_files_of_unusual_names(clone: Sandbox) -> None:
    names = ["two words", "日本語.txt", "é", "-rf", "--help", "it's", 'a "b"', "$(id)", "a;b", "*"]
    for name in [*names, "x" * 200]:
        clone.write(f"{KANO}/files/{name}", "x")
    clone.commit()

    for command in RELEASES:
        ended = clone.run(*command.split(), "--json")
        assert ended.exit_code == 0, ended.err


def test_releases_what_links_inside_of_the_chart_name(clone: Sandbox) -> None:
    package = ("package-chart", "kano", "--json", "--dry-run")
    link("readme", "values.yaml")(clone)
    link("again", "readme")(clone)
    link("copies", "templates")(clone)
    clone.commit()
    linked = clone.run(*package).chart["content_digest"]
    for command in RELEASES:
        ended = clone.run(*command.split())
        assert ended.exit_code == 0, ended.err

    for path in ("readme", "again", "copies"):
        (clone.path / KANO / path).unlink()
    for path in ("readme", "again"):
        shutil.copy(clone.path / KANO / "values.yaml", clone.path / KANO / path)
    shutil.copytree(clone.path / KANO / "templates", clone.path / KANO / "copies")
    clone.commit()

    assert clone.run(*package).chart["content_digest"] == linked


# What Helm itself refuses


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("templates/x.yaml", "{{ fail `boom` }}", "boom"),
        ("templates/x.yaml", "{{ .Values.a.b.c }}", "nil pointer"),
        ("templates/x.yaml", "{{ if }}", "missing value for if"),
        ("templates/x.yaml", "kind: ConfigMap\n", "templates/x.yaml"),
        ("values.schema.json", "{", "unexpected EOF"),
        ("values.yaml", "a: [", "values.yaml"),
    ],
)
def test_refuses_what_helm_does_not_lint_or_render(
    path: str, content: str, message: str, clone: Sandbox
) -> None:
    clone.write(f"{KANO}/{path}", content)

    ended = refused(clone, *RELEASES, message=message, remedy="`helm lint --strict`", code=3)

    assert "Helm refuses kano" in ended.err


def test_refuses_to_release_without_any_helm(clone: Sandbox, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(git)
    clone.write("kargo-release.yaml", "helm: path\n")

    refused(
        clone,
        "release-chart kano",
        code=3,
        message="the program helm was not found on PATH",
        remedy="pip install 'kargo-release[helm]'",
        environ={"PATH": str(tmp_path / "bin")},
    )


# Settings


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("registri: local\n", "unknown setting `registri`", "Perhaps you meant registry."),
        ("s3: {endpont: x}\n", "unknown setting `s3.endpont`", "Perhaps you meant s3.endpoint."),
        ("jobs: many\n", "`jobs` is 'many'", "It must be a whole number."),
        ("apiVersion: v1\n", "looks like a resource of Akuity's Kargo", "another file name"),
        ("a: [\n", "kargo-release.yaml is not YAML", "Mend the YAML."),
    ],
)
def test_refuses_wrong_settings(text: str, message: str, remedy: str, clone: Sandbox) -> None:
    clone.write("kargo-release.yaml", text)

    refused(clone, *RELEASES, "package-chart kano", "list-charts", message=message, remedy=remedy)


def test_refuses_wrong_variables(clone: Sandbox) -> None:
    refused(
        clone,
        "release-chart kano",
        message="unknown environment variable KARGO_RELEASE_S3_ENDPOINT",
        remedy="Perhaps you meant KARGO_RELEASE_S3__ENDPOINT.",
        environ={"KARGO_RELEASE_S3_ENDPOINT": "http://127.0.0.1:9"},
    )
    refused(
        clone,
        "release-chart kano",
        message="KARGO_RELEASE_S3__SINGLE_WRITER is 'perhaps'",
        remedy="It must be true or false.",
        environ={"KARGO_RELEASE_S3__SINGLE_WRITER": "perhaps"},
    )


@pytest.mark.parametrize("ci", ["true", "1"])
def test_refuses_to_release_into_a_folder_under_ci(ci: str, clone: Sandbox) -> None:
    refused(
        clone,
        *RELEASES,
        code=3,
        message="no registry is set",
        remedy="`registry: local` if you mean it",
        environ={"CI": ci},
    )


def test_releases_into_a_folder_under_ci_when_that_is_written(clone: Sandbox) -> None:
    clone.write("kargo-release.yaml", "registry: local\n")
    clone.commit()

    assert clone.run("release-chart", "kano", environ={"CI": "true"}).exit_code == 0


# The folder of the charts


@pytest.mark.parametrize("folder", ["deploy/charts", "./c2/", "c [2]*", "-c", "é"])
def test_releases_charts_that_lie_in_another_folder(folder: str, clone: Sandbox) -> None:
    (clone.path / folder).parent.mkdir(exist_ok=True)
    (clone.path / "charts").rename(clone.path / folder)
    clone.write("kargo-release.yaml", f'charts: "{folder}"\n')
    clone.commit()

    for command in RELEASES:
        ended = clone.run(*command.split())
        assert ended.exit_code == 0, ended.err


@pytest.mark.parametrize("leave", ["nothing", "file", "empty", "no chart"])
def test_says_that_there_is_no_chart(leave: str, clone: Sandbox) -> None:
    shutil.rmtree(clone.path / "charts")
    if leave == "file":
        clone.write("charts", "not a folder")
    elif leave == "empty":
        (clone.path / "charts").mkdir()
    elif leave == "no chart":
        clone.write("charts/README.md", "none yet")
    clone.write("README.md", "here")

    refused(clone, "release-dev-chart", message="there is no chart in charts/", remedy="folders")
    refused(
        clone,
        "release-chart kano",
        message="there is no chart 'kano' in charts/",
        remedy="Charts are folders below charts/.",
    )
