""".helmignore against Helm's own table, what its package answered beyond it, and the real Helm."""

import json
from pathlib import Path

import pytest

from kargo_release.charts.ignore import MAX_LENGTH, IgnoreRules
from kargo_release.errors import InvalidError

DATA = Path(__file__).parents[1] / "data" / "helmignore" / "rules.json"
TABLES = json.loads(DATA.read_text(encoding="utf-8"))

CHART = "apiVersion: v2\nname: tricky\nversion: 1.0.0\n"
FILES = (
    ".helmignore",
    ".git/config",
    "README.md",
    "a b.txt",
    "conf/[x].txt",
    "conf/a.txt",
    "conf/b/a.txt",
    "conf/b/c.txt",
    "docs/.keep",
    "docs/a.txt",
    "docs/deep/docs/z.txt",
    "notes.bak",
    "\u00e9t\u00e9.txt",
    "templates/.hidden.yaml",
    "templates/a.yaml",
    "templates/sub/.seen.yaml",
    "templates/sub/b.yaml",
)


@pytest.mark.parametrize(
    ("text", "path", "is_dir", "ignored"), TABLES["upstream"] + TABLES["asked"]
)
def test_ignores_as_helm_does(text: str, path: str, is_dir: bool, ignored: bool) -> None:
    assert IgnoreRules.parse(text).ignores(path, is_dir=is_dir) is ignored


@pytest.mark.parametrize("text", ["foo/**/bar", "[z-", *TABLES["refused"]])
def test_refuses_what_helm_cannot_read(text: str) -> None:
    with pytest.raises(InvalidError, match=r"^\.helmignore, line \d+: ") as caught:
        IgnoreRules.parse(text)
    assert caught.value.remedy


def test_names_the_line_and_the_pattern() -> None:
    with pytest.raises(InvalidError) as caught:
        IgnoreRules.parse("# comment\r\n\r\n  docs/[a-\r\n")
    assert caught.value.message == ".helmignore, line 3: malformed pattern: 'docs/[a-'"
    assert caught.value.remedy == r"Close every [, or write \[ for a plain one."
    with pytest.raises(InvalidError) as caught:
        IgnoreRules.parse("docs/**")
    assert caught.value.message == ".helmignore, line 1: ** is not supported by Helm: 'docs/**'"


def test_reads_blank_lines_comments_and_a_byte_order_mark_as_helm_does() -> None:
    rules = IgnoreRules.parse(
        "\ufeff#ignore\n\n\t#ignore\nfoo\nbar/*\r\nbaz/bar/foo.txt\n\none/more"
    )
    assert len(rules.rules) == len(["foo", "bar/*", "baz/bar/foo.txt", "one/more", "the default"])
    ignored = ["x/foo", "bar/x", "baz/bar/foo.txt", "one/more"]
    assert rules.kept([*ignored, "#ignore", "x/one/more"]) == ["#ignore", "x/one/more"]


def test_refuses_a_file_without_bounds() -> None:
    IgnoreRules.parse("a" * MAX_LENGTH)
    with pytest.raises(InvalidError, match="longer than 16,384 bytes"):
        IgnoreRules.parse("\u00e9" * (MAX_LENGTH // 2 + 1))


def test_shows_little_of_a_long_pattern() -> None:
    with pytest.raises(InvalidError) as caught:
        IgnoreRules.parse("[" * 16_000)
    assert len(caught.value.message) < 150


def test_keeps_the_order_of_the_files() -> None:
    assert IgnoreRules.parse("").kept(["z", "a", "templates/.x", "m"]) == ["z", "a", "m"]


def test_does_not_bring_back_what_is_in_an_ignored_folder() -> None:
    assert IgnoreRules.parse("docs/\n").kept(["docs/a/b", "adocs/b", "a/docs/b"]) == ["adocs/b"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*.txt\n",
        "docs\n",
        "docs/\n",
        "/docs/\n",
        "/docs/*\n",
        "/a b.txt\n",
        "conf/*\n",
        "conf/b/\n",
        "conf/*/*.txt\n",
        "conf/\\[x\\].txt\n",
        "*/a.*\n",
        "?t?.txt\n",
        "[^A-Za-z.]*.txt\n",
        "\ufeffREADME.md\r\n# README\r\n",
        "x\n\ufeffREADME.md\n",
        ".?*\n",
        ".*/\n",
        "README.md/\n",
        "\u00a0notes.bak\u3000\n",
        "\x1cnotes.bak\n",
        "x*[\n",
        "a\\/\n",
        "!*.txt\n!*.md\n",
        "!*\n",
        "!Chart.yaml\n",
        "docs/\n!*\n",
        "templates/sub\n",
        "/\n",
        "//\n",
    ],
)
def test_packs_what_the_real_helm_loads(tmp_path: Path, text: str) -> None:
    write_chart(tmp_path, text)
    expected = loaded(tmp_path)
    kept = IgnoreRules.parse(text).kept(["Chart.yaml", *FILES])
    assert (sorted(set(kept) - {"Chart.yaml"}) if "Chart.yaml" in kept else None) == expected


@pytest.mark.parametrize("text", ["docs/**\n", "ok\n[z-\n", "conf/\\\n"])
def test_refuses_what_the_real_helm_refuses(tmp_path: Path, text: str) -> None:
    import helm_python

    write_chart(tmp_path, text)
    with pytest.raises(helm_python.HelmChartLoadError, match=r"syntax error|double-star"):
        helm_python.Chart.load(tmp_path)
    with pytest.raises(InvalidError):
        IgnoreRules.parse(text)


def write_chart(folder: Path, helmignore: str) -> None:
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("kind: x\n", encoding="utf-8")
    (folder / "Chart.yaml").write_text(CHART, encoding="utf-8")
    (folder / ".helmignore").write_bytes(helmignore.encode())


def loaded(folder: Path) -> list[str] | None:
    """Return the names of the files that Helm loads but for Chart.yaml; None without that one."""
    import helm_python

    try:
        with helm_python.Chart.load(folder) as chart:
            return sorted(each["name"] for each in [*chart.files, *chart.templates])
    except helm_python.HelmChartLoadError as error:
        if "Chart.yaml file is missing" not in str(error):
            raise
        return None
