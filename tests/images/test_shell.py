"""The commands in a RUN, as far as rules have to know them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release.images.shell import (
    DEPTH_LIMIT,
    Command,
    exec_commands,
    runs_shell,
    script_commands,
)


def told(script: str, **values: str) -> list[str]:
    return [" ".join((each.program, *each.arguments)) for each in script_commands(script, values)]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a b && c || d; e | f & g", ["a b", "c", "d", "e", "f", "g"]),
        ("a\nb\n", ["a", "b"]),
        ("(cd x && make)", ["cd x", "make"]),
        ("{ a; }; if b; then c; else d; fi", ["a", "b", "c", "d"]),
        ("for x in 1 2; do a $x; done", ["for x in 1 2", "a $x"]),
        ("! a", ["a"]),
        ("X=1 Y='2 3' a b", ["a b"]),
        ("sudo -E env -i A=1 /usr/bin/a b", ["a b"]),
        ("a 'b c' \"d\"'e' f\\ g", ["a b c de f g"]),
        ("a > /x 2>&1 < y b >> z", ["a b"]),
        ("a &> x; b", ["a", "b"]),
        ("a # not && this\nb", ["a", "b"]),
        ("a b#c", ["a b#c"]),
        ("a ';' \"&&\" b", ["a ; && b"]),
        ("bash -c 'a && b' && c", ["a", "b", "c"]),
        ("sh -exc 'a' x", ["a"]),
        ("bash -o pipefail -c 'a | b'", ["a", "b"]),
        ("bash x.sh -v", ["bash x.sh -v"]),
        ('a $(b "c" || d) e', ["a $_ e", "b c", "d"]),
        ('x="$(a)" b', ["b", "a"]),
        ("a $((1 + 2))", ["a $_", "1 + 2"]),
        ("a b\\\n  c\\\nd", ["a b cd"]),
        ("a | xargs -r b c", ["a", "b c"]),
        ("export X='1 2'; a $X", ["a 1 2"]),
        ("", []),
        ("&& ;", []),
    ],
)
def test_splits_a_script_into_commands(script: str, commands: list[str]) -> None:
    assert told(script) == commands


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("timeout 60 a b", ["a b"]),
        ("timeout -k 5 --signal=KILL 60 a b", ["a b"]),
        ("env -u X -i A=1 a b", ["a b"]),
        ("/usr/bin/env bash -c 'a && b'", ["a", "b"]),
        ("sudo -u node -H a b", ["a b"]),
        ("gosu node a b", ["a b"]),
        ("nice -n 5 /usr/bin/time -o x a b", ["a b"]),
        ("a | xargs -n 1 b", ["a", "b"]),
        ("su -c 'a && b' ada", ["a", "b"]),
        ("su - ada -c 'a; b'", ["a", "b"]),
        ("runuser -l ada -c 'a'", ["a"]),
        ("su ada", ["su ada"]),
        ("command -v yarn && a", ["a"]),
        ("timeout", []),
        ("sudo -u", []),
    ],
)
def test_looks_through_programs_that_run_others(script: str, commands: list[str]) -> None:
    assert told(script) == commands


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a <<E\nx\nE\nb", ["a", "b"]),
        ("a << E > y && c\nx\nE\nb", ["a", "c", "b"]),
        ("a <<'E'\n$(x)\nE\nb", ["a", "b"]),
        ("a <<-E\n\tx\n\tE\nb", ["a", "b"]),
        ("a <<E\nx\n\tE\ny\nE\nb", ["a", "b"]),
        ("a <<A; b <<B\nx\nA\ny\nB\nc", ["a", "b", "c"]),
        ("a <<A <<A\nA\nb", ["a"]),
        ('x="$(a <<E\ny\nE\n)"; b', ["b", "a"]),
        ("$(a <<E\n)\nE\n)\nb", ["$_", "b", "a"]),
        ("a $((1<<2))\nb", ["a $_", "b"]),
        ("a <<E\nx", ["a", "x"]),
        ("a <<<E\nb\nE", ["a", "b", "E"]),
        ("a '<<E'\nb\nE", ["a <<E", "b", "E"]),
        ("# a <<E\nb\nE", ["b", "E"]),
        ("bash <<E\na\nE\nb", ["a", "b"]),
        ("bash -euo pipefail <<E\na && b\nE", ["a", "b"]),
        ("sudo sh -s x y <<E\na\nE", ["a"]),
        ("bash <<A\nsh <<B\na\nB\nb <<C\nx\nC\nA\nc", ["a", "b", "c"]),
        ("bash x.sh <<E\na\nE", ["bash x.sh"]),
        ("bash -c a <<E\nb\nE", ["a"]),
        ("sh <<E | a\nb\nE", ["b", "a"]),
    ],
)
def test_tells_heredocs_from_commands(script: str, commands: list[str]) -> None:
    assert told(script) == commands


@pytest.mark.parametrize(
    ("words", "is_shell"),
    [
        ("/bin/bash -c", True),
        ("/usr/bin/env bash -c", True),
        ("/usr/bin/env -S A=1 bash -eu -c", True),
        ("env -u X sh -c", True),
        ("pwsh -Command", False),
        ("/usr/bin/env python3 -c", False),
        ("env", False),
    ],
)
def test_tells_shells(words: str, is_shell: bool) -> None:
    assert runs_shell(words.split()) is is_shell


def test_follows_variables_of_the_script_and_of_the_file() -> None:
    assert told("deps='gcc make'; apt-get install $deps ${more} '$deps'", more="g++") == [
        "apt-get install gcc make g++ $deps"
    ]


def test_reads_the_json_form() -> None:
    assert exec_commands(("/bin/sh", "-c", "a; b")) == [Command("a", ()), Command("b", ())]
    assert exec_commands(("/usr/bin/apt-get", "a b")) == [Command("apt-get", ("a b",))]
    assert exec_commands(()) == []


def test_looks_no_deeper_than_it_says() -> None:
    nested = "deep"
    for _ in range(DEPTH_LIMIT + 2):
        nested = f"$({nested})"
    assert told(nested)[-1] == "$_"
    assert len(told(nested)) == DEPTH_LIMIT + 1


HOSTILE = (
    *("$(" * 100_000, "'" * 200_000, '"\\"' * 100_000, "a=b " * 100_000, "(" * 200_000),
    *("A='" + "x " * 100_000 + "'; " + "$A;" * 100_000, "sh -c " * 80_000, "\\" * 400_001),
    *("a <" * 100_000, "`" * 200_000, "#" * 200_000, "$(a)" * 100_000),
    *("$((1<<2))\n" * 50_000 + "2", "A\n" + "x <<A\n" * 50_000, "x <<A\nA\n" * 50_000),
    *("x <<A\n" * 50_000 + "A", "sh <<A\n" * 50_000 + "A\n" * 50_000, "timeout " * 80_000),
    *("A\n" * 50_000 + "x <<A <<A\n" * 50_000 + "A\n" * 50_000,),
)


@pytest.mark.parametrize("script", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_scripts_end(script: str) -> None:
    assert len(script_commands(script, {})) <= 200_000


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab $(){}'\"\\;|&<>#\n=`", max_size=60))
def test_any_script_is_read(script: str) -> None:
    for command in script_commands(script, {"a": "b b"}):
        assert isinstance(command.program, str)
