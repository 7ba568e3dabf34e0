import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kargo_release.errors import InvalidError
from kargo_release.images.dockerignore import MAX_LENGTH, DockerIgnore

# Rules, and what they leave out of these files. Docker's documentation, ".dockerignore files",
# and what the matcher does where that is silent.
FILES = (
    "Dockerfile", "README.md", "README-secret.md", "a.log", "src/a.log", "src/main.py",
    "src/deep/a.log", "src/deep/er/main.py", "temp/x", "temporary", "tempa", "some/temporary.txt",
    "with space", "[x]", "x", "näme.md",
)  # fmt: skip
CASES = {
    "": (),
    "# a.log": (),
    " a.log ": ("a.log",),
    "a.log\r": ("a.log",),
    "\ufeffa.log": ("a.log",),
    "/a.log": ("a.log",),
    "./src//deep/": ("src/deep/a.log", "src/deep/er/main.py"),
    "src/../a.log": ("a.log",),
    "../a.log": (),
    ".": (),
    "src": ("src/a.log", "src/main.py", "src/deep/a.log", "src/deep/er/main.py"),
    "*.log": ("a.log",),
    "*/*.log": ("src/a.log",),
    "**/*.log": ("a.log", "src/a.log", "src/deep/a.log"),
    "**/a.log": ("a.log", "src/a.log", "src/deep/a.log"),
    "**.py": ("src/main.py", "src/deep/er/main.py"),
    "src/**": ("src/a.log", "src/main.py", "src/deep/a.log", "src/deep/er/main.py"),
    "src/**/main.py": ("src/main.py", "src/deep/er/main.py"),
    "src/*/er": ("src/deep/er/main.py",),
    "s**e": (),
    "s**e*": ("src/deep/er/main.py",),
    "temp?": ("tempa",),
    "temp*": ("temp/x", "temporary", "tempa"),
    "*/temp*": ("some/temporary.txt",),
    "with space": ("with space",),
    r"\[x\]": ("[x]",),
    "[x]": ("x",),
    "[^x]": (),
    "[a-x]": ("x",),
    r"\*": (),
    "n?me.md": ("näme.md",),
    "*\n!README.md": tuple(f for f in FILES if f != "README.md"),
    "*.md\n!README*.md\nREADME-secret.md": ("README-secret.md", "näme.md"),
    "*.md\nREADME-secret.md\n!README*.md": ("näme.md",),
    "src\n!src/deep": ("src/a.log", "src/main.py"),
    "src\n! src/deep\nsrc/deep/er": ("src/a.log", "src/main.py", "src/deep/er/main.py"),
    "**\n!**/main.py": tuple(f for f in FILES if not f.endswith("main.py")),
}


@pytest.mark.parametrize("text", CASES)
def test_leaves_out_what_docker_does(text: str) -> None:
    rules = DockerIgnore.parse(text.encode(), ".dockerignore")

    assert tuple(file for file in FILES if rules.leaves_out(file)) == CASES[text]


@pytest.mark.parametrize("line", ["!", "! ", "[", "[]", "[a", "[b-a]", "[-a]", "a\\"])
def test_names_the_line_that_docker_could_not_read(line: str) -> None:
    with pytest.raises(InvalidError) as caught:
        DockerIgnore.parse(f"good\n{line}\n".encode(), "images/kano/.dockerignore")

    assert caught.value.message.startswith("images/kano/.dockerignore:2: ")
    assert caught.value.remedy


def test_refuses_a_file_that_is_too_long() -> None:
    with pytest.raises(InvalidError, match="longer than 65536 bytes"):
        DockerIgnore.parse(b"a" * (MAX_LENGTH + 1), ".dockerignore")


def test_takes_names_that_are_not_utf_8() -> None:
    rules = DockerIgnore.parse(b"\xff*\n", ".dockerignore")

    assert rules.leaves_out("\udcffx")
    assert not rules.leaves_out("x")


@pytest.mark.parametrize("pattern", ["*a" * 200 + "b", "**/a/" * 200 + "b", "(a+)+" * 50 + "*b"])
def test_matches_hostile_patterns_in_steps_and_not_by_trying_all_ways(pattern: str) -> None:
    """By trying all ways, one of these would take longer than the universe is old."""
    rules = DockerIgnore.parse(pattern.encode(), ".dockerignore")

    assert not rules.leaves_out("a" * 200 + "/a" * 200)


@given(st.text("ab/*?.[]!\\-^# \n", max_size=30), st.text("ab/.", min_size=1, max_size=20))
def test_takes_any_text(text: str, path: str) -> None:
    with suppress(InvalidError):
        DockerIgnore.parse(text.encode(), ".dockerignore").leaves_out(path)


@given(
    st.text("ab/*", min_size=1, max_size=8),
    st.from_regex(r"[ab]{1,3}(/[ab]{1,3}){0,3}", fullmatch=True),
)
def test_matches_as_the_regular_expression_that_docker_makes(pattern: str, path: str) -> None:
    """Patterns without signs but stars, of which an expression is easily made."""
    clean = re.sub("/+", "/", pattern).strip("/")
    if not clean or "**" in clean:
        return
    expression = re.compile(clean.replace("*", "[^/]*"))
    above = [path[: match.start()] for match in re.finditer("/", path)]
    wanted = any(expression.fullmatch(each) for each in [path, *above])

    assert DockerIgnore.parse(clean.encode(), ".dockerignore").leaves_out(path) is wanted


@pytest.mark.parametrize(
    ("rules", "path", "is_left_out"),
    [
        ("**/.env\n!app", "app/.env", True),
        ("**/.env\n!app", "app/main", False),
        ("*\n!app\n**/.env", "app/.env", True),
        ("*\n!app\n**/.env\n!app/.env", "app/.env", False),
        ("a\n!a/b\na/b/c", "a/b/c", True),
        ("a\n!a/b\na/b/c", "a/b/d", False),
    ],
)
def test_takes_nothing_in_again_by_a_rule_that_came_too_late(
    rules: str, path: str, is_left_out: bool
) -> None:
    """Worked out by moby/patternmatcher 0.6.0, MatchesUsingParentResults."""
    assert DockerIgnore.parse(rules.encode(), ".dockerignore").leaves_out(path) is is_left_out


def test_takes_no_rules_without_end() -> None:
    assert DockerIgnore.parse(b"a\n" * 1000, ".dockerignore").leaves_out("a")
    with pytest.raises(InvalidError, match="over 1,000 rules"):
        DockerIgnore.parse(b"a\n" * 1001, ".dockerignore")


def test_takes_many_folders_for_one() -> None:
    rules = DockerIgnore.parse(b"**/" * 20_000 + b"a", ".dockerignore")

    assert rules.leaves_out("a")
    assert rules.leaves_out("b/c/a")
    assert not any(rules.leaves_out(f"b/c{number}") for number in range(3000))
