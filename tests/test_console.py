"""What a person sees: colours on terminals alone, groups on GitHub, and no hostile text at work."""

import io
import os
import pty
import threading
from collections.abc import Mapping

import pytest

from kargo_release.console import Console, Painted, table
from kargo_release.errors import FailedError, InvalidError, excerpt

GITHUB = {"GITHUB_ACTIONS": "true"}
HOSTILE = "\033]0;owned\a\033[2J\r\n::set-output name=a::b\n##[set-output name=c]d\u202e"


class Terminal:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._stream = os.fdopen(theirs, "w", encoding="utf-8")
        self.console = Console(self._stream, environ)

    def written(self) -> str:
        self._stream.close()
        read = b""
        try:
            while chunk := os.read(self._ours, 4096):
                read += chunk
        except OSError:  # Linux tells the end of a terminal so
            pass
        os.close(self._ours)
        return read.decode().replace("\r\n", "\n")


def plain(environ: Mapping[str, str]) -> tuple[io.StringIO, Console]:
    stream = io.StringIO()
    return stream, Console(stream, environ)


def test_prints_plain_lines_where_there_is_no_terminal() -> None:
    stream, console = plain({})

    with console.group("Plan"):
        console.say("kano  ", Painted("published", "good"), "  there")
    console.pass_by("checking")
    console.settle()

    assert stream.getvalue() == "Plan\nkano  published  there\nchecking\n"


def test_colours_a_word_on_a_terminal() -> None:
    terminal = Terminal({"TERM": "xterm"})

    terminal.console.say("kano  ", Painted("published", "good"), "  there")

    assert terminal.written() == "kano  \033[32mpublished\033[0m  there\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": ""}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_leaves_colours_away_where_they_are_not_wanted(environ: dict[str, str]) -> None:
    terminal = Terminal(environ)

    terminal.console.say(Painted("failed", "bad"))

    assert terminal.written() == "failed\n"


def test_lets_the_next_line_take_the_place_of_a_passing_one() -> None:
    terminal = Terminal({"NO_COLOR": "1"})

    terminal.console.pass_by("checking")
    terminal.console.pass_by("still checking")
    terminal.console.say("done")
    terminal.console.pass_by("more")
    terminal.console.settle()

    assert terminal.written() == "checking\r\033[Kstill checking\r\033[Kdone\nmore\r\033[K"


def test_groups_lines_in_the_log_of_github() -> None:
    stream, console = plain(GITHUB)

    with console.group("Plan\n::error::no"):
        console.say("kano")

    assert stream.getvalue() == "::group::Plan\\n::error::no\nkano\n::endgroup::\n"


def test_ends_the_group_when_an_error_leaves_it() -> None:
    stream, console = plain(GITHUB)

    with pytest.raises(InvalidError), console.group("Plan"):
        raise InvalidError("wrong")

    assert stream.getvalue() == "::group::Plan\n::endgroup::\n"


def test_shows_hostile_text_and_does_not_obey_it() -> None:
    stream, console = plain(GITHUB)

    console.say(HOSTILE)
    console.say("   ::stop-commands::x")
    console.say("\x85::add-mask::x")

    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("\\x1b]0;owned\\x07\\x1b[2J")
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_hostile_text_has_no_colour_of_its_own_on_a_terminal() -> None:
    terminal = Terminal({"TERM": "xterm"})

    terminal.console.say("\033[31mred", Painted("\033[2Jgood", "good"))

    assert terminal.written() == "\\x1b[31mred\033[32m\\x1b[2Jgood\033[0m\n"


def test_an_error_is_told_in_one_harmless_line_and_a_remedy() -> None:
    error = FailedError(HOSTILE, "Do\nthis.")

    assert str(error).count("\n") == 1
    assert "##[" not in str(error)
    assert error.message.isprintable()
    assert error.message.endswith("::set-output name=a::b ## [set-output name=c]d\\u202e")
    assert error.remedy == "Do this."


@pytest.mark.parametrize(
    "url",
    [
        "https://joe:s3cret@host/x.git",
        "https://joe:s3@cret@host/x.git",
        "ssh://s3cret@host/x",
        "oci://joe:pa/s3cret@host/x",
        "oci://joe:pa?'\"#s3cret@host/x",
    ],
)
def test_an_error_shows_no_password_of_an_address(url: str) -> None:
    error = FailedError(f"can't read {url}: no, not {url}", f"Look at {url}.")

    assert "cret" not in str(error)
    assert "://host/x" in error.message


@pytest.mark.parametrize(
    "text", ["see https://host/x and me@host", f"oci://host/kano@sha256:{'a' * 64}", "joe@host"]
)
def test_an_error_keeps_what_is_no_password(text: str) -> None:
    assert FailedError(text).message == text


def test_an_excerpt_is_one_short_harmless_line_without_a_password() -> None:
    said = excerpt(f" a\r\n\t b {HOSTILE} https://joe:{'s3cret' * 99}@host/x {'y' * 9999}")

    assert said.startswith("a b \\x1b]0;owned")
    assert said.isprintable()
    assert "##[" not in said
    assert "s3cret" not in said
    assert len(said) == 300


def test_a_cell_of_a_table_stays_in_its_line() -> None:
    text = table(("chart", "app"), [["kano", HOSTILE], ["日本", "1"]])

    lines = text.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert lines[2] == "日本   1"


def test_writes_what_the_stream_can_not_encode_in_another_way() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Console(stream, {}).say("café")

    assert raw.getvalue() == b"caf\\xe9\n"


def test_threads_do_not_mix_their_lines() -> None:
    stream, console = plain({})
    lines = [str(number) * 50 for number in range(8)]

    def repeat(line: str) -> None:
        for _ in range(50):
            console.say(line)

    threads = [threading.Thread(target=repeat, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(stream.getvalue().splitlines()) == sorted(lines * 50)
