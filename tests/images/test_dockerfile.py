"""Dockerfiles as Docker reads them: directives, continued lines, heredocs, stages, bad input."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linted import parse

from kargo_release.errors import InvalidError
from kargo_release.images.dockerfile import (
    Dockerfile,
    Instruction,
    parse_reference,
    platform_arguments,
)
from kargo_release.images.dockerfile_lines import (
    INSTRUCTIONS_LIMIT,
    SIZE_LIMIT,
    DockerfileError,
)


def only(text: str) -> Instruction:
    """Return the instruction that follows the FROM."""
    [instruction] = parse(f"FROM a\n{text}").stages[0].instructions
    return instruction


def test_reads_keywords_in_any_case_and_tells_the_lines() -> None:
    dockerfile = parse("\n# about\nfrom debian:12\n\n  run true\n\nUSER 1\n")

    told = [(each.keyword, each.line, each.column) for each in dockerfile.instructions]
    assert told == [("FROM", 3, 1), ("RUN", 5, 3), ("USER", 7, 1)]


def test_joins_continued_lines_and_leaves_out_comments_and_blank_lines_in_them() -> None:
    assert only("RUN a \\\n  # not this\n\n  && b").text == "a   && b"


def test_two_backslashes_are_a_character_and_continue_nothing() -> None:
    run, user = parse("FROM a\nRUN b \\\\\nUSER 1").stages[0].instructions

    assert (run.text, user.text) == ("b \\\\", "1")


def test_a_comment_or_blank_line_does_not_end_a_continued_line() -> None:
    run = only("RUN a \\\n# one\n# two\n   \n b \\\n\n")

    assert (run.text, run.line, run.end_line) == ("a  b", 2, 8)


def test_a_backslash_before_white_space_continues() -> None:
    assert only("RUN a \\ \t\n b").text == "a  b"


def test_knows_the_other_escape_character() -> None:
    run = parse("# escape=`\nFROM a\nRUN dir c:\\ `\n  /s\nUSER b").stages[0].instructions

    assert [each.text for each in run] == ["dir c:\\   /s", "b"]


def test_reads_directives_up_to_the_first_line_that_is_none() -> None:
    dockerfile = parse("#syntax = docker/dockerfile:1\n # Escape=`\n# what=this\n# check=x\nFROM a")

    assert dockerfile.directives == {"syntax": "docker/dockerfile:1", "escape": "`"}
    assert [each.text for each in dockerfile.comments] == ["what=this", "check=x"]


def test_a_directive_behind_a_comment_or_a_blank_line_is_a_comment() -> None:
    assert parse("# about\n# escape=`\nFROM a").escape == "\\"
    assert parse("\n# escape=`\nFROM a").escape == "\\"


def test_takes_a_byte_order_mark_and_the_line_ends_of_windows() -> None:
    dockerfile = parse(b"\xef\xbb\xbf# escape=`\r\nFROM a\r\nRUN b `\r\n  c\r\n")

    assert [each.text for each in dockerfile.instructions] == ["a", "b   c"]


def test_reads_heredocs() -> None:
    text = "COPY <<one <<-'two 2' /to/\n# no comment\nFROM b\none\n\ttabs\n\ttwo 2\nUSER 1"
    copy, user = parse(f"FROM a\n{text}").stages[0].instructions

    assert [(each.name, each.text) for each in copy.heredocs] == [
        ("one", "# no comment\nFROM b\n"),
        ("two 2", "\ttabs\n"),
    ]
    assert (copy.line, copy.end_line, user.line) == (2, 7, 8)


@pytest.mark.parametrize(
    "text",
    ["CMD echo <<EOF", 'RUN ["cat", "<<EOF"]', "RUN a=$((1<<2))", 'RUN echo "<<EOF"', "RUN a <<<b"],
)
def test_knows_what_is_no_heredoc(text: str) -> None:
    assert only(text).heredocs == ()


def test_white_space_may_stand_before_the_name_of_a_heredoc() -> None:
    [heredoc] = only("RUN cat <<  EOF > /x\ndata\nEOF").heredocs

    assert (heredoc.name, heredoc.text) == ("EOF", "data\n")


def test_reads_the_json_form_and_takes_anything_else_for_the_shell_form() -> None:
    assert only('CMD ["a b", "c"]').json == ("a b", "c")
    assert only('CMD [ "a", \\\n "b" ]').json == ("a", "b")
    assert only("CMD ['a']").json is None
    assert only("CMD [[[").json is None


def test_reads_flags() -> None:
    copy = only('COPY --from=build --chown=1:1 --link "a b" /c')

    assert copy.flags == (("from", "build"), ("chown", "1:1"), ("link", ""))
    assert copy.words == ("a b", "/c")
    assert copy.flag("chown") == "1:1"
    assert copy.flag("chmod") is None


def test_reads_onbuild() -> None:
    trigger = only("ONBUILD COPY --chown=1 <<x /y\ndata\nx").trigger

    assert trigger is not None
    assert (trigger.keyword, trigger.flag("chown"), trigger.line) == ("COPY", "1", 2)
    assert [each.text for each in trigger.heredocs] == ["data\n"]


def test_reads_names_and_values() -> None:
    assert only("ENV a=1 b='x y' c=").pairs == (("a", "1"), ("b", "'x y'"), ("c", ""))
    assert only("ENV a b=c d").pairs == (("a", "b=c d"),)
    assert only("ARG a b=1").pairs == (("a", None), ("b", "1"))


def test_stages_inherit() -> None:
    text = "FROM a AS one\nFROM One AS two\nFROM b\nCOPY --from=two /x /x\nFROM 2x\n"
    dockerfile = parse(text)
    one, two, third, _ = dockerfile.stages

    assert [each.parent for each in dockerfile.stages] == [None, 0, None, None]
    assert dockerfile.lineage(two) == [one, two]
    assert dockerfile.needed(third) == [one, two, third]
    assert dockerfile.bases(third) == ["a", "b"]


def test_names_the_images_that_are_fetched() -> None:
    text = (
        "FROM a AS unused\nFROM scratch AS one\nFROM b\nCOPY --from=0 /x /x\nCOPY --from=c:1 / /\n"
        "RUN --mount=type=bind,from=d,target=/d --mount=from=one,target=/o x\nCOPY --from=c:1 a b"
    )
    dockerfile = parse(text)

    assert dockerfile.bases(dockerfile.target(None)) == ["a", "b", "c:1", "d"]
    assert dockerfile.bases(dockerfile.target("one")) == []


def test_finds_the_target_by_name_or_number() -> None:
    dockerfile = parse("FROM a AS build\nFROM b")

    assert dockerfile.target(None).index == 1
    assert dockerfile.target("BUILD").index == 0
    assert dockerfile.target("1").index == 1
    with pytest.raises(InvalidError) as caught:
        dockerfile.target("biuld")
    assert caught.value.message == "Dockerfile has no stage 'biuld'"
    assert caught.value.remedy == "Perhaps you meant build."


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("ARG V=20\nFROM node:$V-slim", "node:20-slim"),
        ("ARG V=20\nFROM node:${V}", "node:20"),
        ("ARG V\nFROM node:${V:-18}", "node:18"),
        ("ARG V=20 W=$V-slim\nFROM node:$W", "node:20-slim"),
        ("ARG V=\nFROM node:${V:-18}", "node:18"),
        ("ARG V=\nFROM node${V-:18}", "node"),
        ("ARG V=1\nFROM node${V:+:20}", "node:20"),
        ("ARG A=1\nFROM ${B:-${C:-node:${A}}}", "node:1"),
        ("ARG V=20\nFROM --platform=$BUILDPLATFORM 'node:20'", "node:20"),
    ],
)
def test_follows_variables_in_from(text: str, base: str) -> None:
    assert parse(text).stages[0].base.text == base


def test_build_arguments_come_before_defaults() -> None:
    assert parse("ARG V=20\nFROM node:$V", {"V": "22"}).stages[0].base.text == "node:22"
    assert parse("ARG V\nFROM node:$V", {"V": "22"}).stages[0].base.text == "node:22"


def test_says_where_a_base_is_not_sure() -> None:
    assert not parse("ARG V=20.1\nFROM node:${V%.*}").stages[0].base.is_sure


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("", "line 1: there is no instruction", "Begin with FROM."),
        ("# only\n", "line 1: there is no instruction", "Begin with FROM."),
        ("ARG a", "line 1: there is no FROM", "Begin the first stage"),
        ("RUN a\nFROM b", "line 1: RUN stands before the first FROM", "Put it behind"),
        ("FROM a\nFORM b", "line 2: unknown instruction 'FORM'", "Perhaps you meant FROM."),
        ("FROM a\n&& b", "line 2: unknown instruction '&&'", "continue the line"),
        ("FROM a b", "line 1: FROM takes one word, or three", "FROM IMAGE AS NAME"),
        ("FROM a IS b", "line 1: FROM takes one word, or three", "FROM IMAGE AS NAME"),
        ("FROM a AS 1b", "line 1: '1b' can't be a stage's name", "Begin it with a letter"),
        ("FROM Node:20", "line 1: 'Node:20' is no image's name", "Correct it."),
        ("FROM a:$V", "line 1: 'a:' is no image's name; V has no value", "ARG NAME=VALUE"),
        ("FROM", "line 1: FROM needs 1 or more arguments", "Give them"),
        ("FROM a\n\nCOPY b", "line 3: COPY needs 2 or more arguments", "Give them"),
        ("FROM a\nENV b", "line 2: ENV b has no value", "NAME=VALUE"),
        ("FROM a\nENV b=1 c", "line 2: ENV c has no value", "NAME=VALUE"),
        ("FROM a\nARG =b", "line 2: ARG has a value without a name", "NAME=VALUE"),
        ("FROM a\nSHELL sh", "line 2: SHELL is no list", "JSON list"),
        ('FROM a\nCMD ["b", 1]', "line 2: the list of CMD holds what is no text", "into quotes"),
        ("FROM a\nHEALTHCHECK b", "line 2: HEALTHCHECK is neither CMD", "HEALTHCHECK CMD"),
        ("FROM a\nHEALTHCHECK NONE b", "line 2: HEALTHCHECK is neither CMD", "HEALTHCHECK CMD"),
        ("ARG A='b\nFROM a", "line 1: a ' is missing", "Close every quote"),
        ("FROM ${A", "line 1: a } is missing", "Close every quote"),
        ("FROM a\nONBUILD FROM b", "line 2: ONBUILD can't trigger FROM", "another instruction"),
        ("FROM a\nONBUILD", "line 2: ONBUILD needs 1 or more arguments", "Give them"),
        ("FROM a\nRUN <<E\nb", "line 2: the heredoc E has no end", "End it by a line E."),
        ('FROM a\nRUN <<"" b', "line 2: a heredoc has no name", "Write <<EOF."),
        ("# escape=x\nFROM a", "escape is neither", "# escape=`"),
        ("# escape=`\n# escape=`\nFROM a", "line 2: a second directive escape", "Remove one"),
        (b"FROM a\nRUN \xff", "line 2: this is not UTF-8", "Save the file as UTF-8."),
        (b"#\n" * SIZE_LIMIT, f"more than {SIZE_LIMIT}", "files that it copies"),
        ("FROM a\n#" + "é" * 40000, "line 2: the line has 80001 bytes", "Continue it"),
        ("FROM a\n" + "RUN b\n" * INSTRUCTIONS_LIMIT, "more than 2000 instructions", "Split it."),
        ("FROM a\nENV" + " a=1" * 2001, "line 2: more than 2000 variables are set", "Set fewer"),
        (
            "ARG A=" + "x" * 30000 + "\nARG B=$A$A\nFROM a",
            "line 2: variables make this too long",
            "without",
        ),
        ("FROM " + "${A:-" * 30 + "a", "line 1: variables make this too long", "without"),
    ],
)
def test_refuses_what_no_builder_takes(text: str | bytes, message: str, remedy: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(text)
    assert caught.value.message.startswith("Dockerfile, line ")
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_variables_that_double_each_other_end_soon() -> None:
    doubling = "".join(f"ARG A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 200))
    with pytest.raises(InvalidError, match=r"line \d+: variables make this too long"):
        parse(f"ARG A0=xx\n{doubling}FROM a")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("node", ("node", "", "")),
        ("node:20-slim", ("node", "20-slim", "")),
        ("localhost:5000/a/b", ("localhost:5000/a/b", "", "")),
        ("ghcr.io/a/b_c:v1@sha256:" + "0" * 64, ("ghcr.io/a/b_c", "v1", "sha256:" + "0" * 64)),
        ("", None),
        ("node:", None),
        ("node:a b", None),
        ("UPPER/Case", None),
    ],
)
def test_reads_references(text: str, parts: tuple[str, str, str] | None) -> None:
    found = parse_reference(text)

    assert (found and (found.name, found.tag, found.digest)) == parts


WORDS = (
    *("FROM a\n", "FROM $A AS b\n", "ARG A=${B:-", "}", "RUN ", "<<EOF", "EOF\n", "<<-'E'\n", "\n"),
    *("\\\n", "# escape=`\n", "`\n", "ONBUILD ", "COPY --from=0 ", "--mount=type=cache,", '["a"]'),
    *("ENV A=$A$A ", "'", '"', "$(", "USER root\n", "# kargo-release ignore=KR001\n", "[[[", " "),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=40).map("".join))
def test_random_text_is_read_or_refused_with_its_line(text: str) -> None:
    read = parsed_or_error(text.encode("utf-8", "surrogatepass"))
    if isinstance(read, Dockerfile):
        lines = text.count("\n") + 1
        assert all(1 <= each.line <= each.end_line <= lines for each in read.instructions)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    parsed_or_error(b"FROM a\n" + data)


def parsed_or_error(data: bytes) -> Dockerfile | DockerfileError:
    """Return what is read, or the error, which must tell where and what to do."""
    try:
        return parse(data)
    except DockerfileError as refused:
        error = refused
    assert error.message.startswith(f"Dockerfile, line {error.line}: ")
    assert error.remedy
    return error


def test_tells_a_trigger_of_a_trigger_however_many_there_are() -> None:
    with pytest.raises(DockerfileError, match="ONBUILD can't trigger ONBUILD"):
        parse(f"FROM a\n{'ONBUILD ' * 5000}RUN b\n")


def test_takes_platforms_as_the_builder_sets_them() -> None:
    text = "FROM a:1 AS base-arm64\nFROM b:1 AS base-amd64\nFROM base-$TARGETARCH\n"
    found = {
        arch: parse(text, platform_arguments(f"linux/{arch}", "linux/amd64"))
        for arch in ("amd64", "arm64")
    }

    assert {arch: each.bases(each.stages[-1]) for arch, each in found.items()} == {
        "amd64": ["b:1"], "arm64": ["a:1"]
    }  # fmt: skip
