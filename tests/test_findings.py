"""Findings: their order, silencing with a reason, text, and SARIF as its specification has it."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sarif_rules import check_sarif

from kargo_release.console import Console
from kargo_release.findings import (
    SILENCING_RULES,
    Finding,
    Rule,
    Severity,
    has_errors,
    read_silence,
    silence,
)
from kargo_release.findings_sarif import sarif
from kargo_release.findings_text import findings_lines

FILE = "images/kano/Dockerfile"
LINES, EVERYWHERE = range(5, 8), range(1, 20)
RULES = [
    Rule("KR001", Severity.ERROR, "no user", "Root is root.", "Set one.", "https://example.com/1"),
    Rule("KR012", Severity.WARNING, "not slim", "", "Take slim."),
    Rule("DL3059", Severity.INFO, "many RUN", "", "See."),
]


def found(rule: str = "KR001", line: int = 5, file: str = FILE, column: int = 1) -> Finding:
    severity = next((each.severity for each in RULES if each.identifier == rule), Severity.ERROR)
    return Finding(rule, severity, "kano", file, line, column, f"{rule} is broken", f"mend {rule}")


def told(comment: str, *findings: Finding) -> list[str]:
    """Return the rules that are left when a comment in line 4 stands before lines 5 to 7."""
    silences = [each for each in [read_silence(comment, 4, LINES, EVERYWHERE)] if each]
    return [each.rule for each in silence(findings, silences, "kano", FILE)]


def test_sorts_by_file_line_and_column() -> None:
    in_order = [found(line=9, file="a"), found(line=2), found(line=10), found(line=10, column=3)]

    assert sorted([in_order[at] for at in (2, 0, 3, 1)]) == in_order


def test_an_error_refuses_and_a_warning_does_not() -> None:
    assert has_errors([found("KR012"), found("KR001")])
    assert not has_errors([found("KR012"), found("DL3059")])
    assert not has_errors([])


@pytest.mark.parametrize(
    "comment",
    [
        "kargo-release ignore=KR001 reason: the base sets it",
        "kargo-release ignore=kr001 reason:x",
        "Kargo-Release  ignore = KR012 , KR001  reason: both",
        "hadolint ignore=KR001 # the base sets it",
        "hadolint ignore=KR001 reason: the base sets it",
        "hadolint ignore=KR001 # reason: the base sets it",
        "hadolint global ignore=KR001 # everywhere",
        "kargo-release global ignore=KR001 reason: everywhere",
    ],
)
def test_silences_with_a_reason(comment: str) -> None:
    needed = [found("KR012")] if "KR012" in comment else []

    assert told(comment, found("KR001"), *needed) == []


@pytest.mark.parametrize(
    "comment",
    [
        "kargo-release ignore=KR001",
        "kargo-release ignore=KR001 reason:",
        "kargo-release ignore=KR001 because I say so",
        "hadolint ignore=KR001",
        "hadolint ignore=KR001 #",
        "hadolint ignore=KR001,",
    ],
)
def test_silences_nothing_without_a_reason(comment: str) -> None:
    assert told(comment, found("KR001")) == ["KR090", "KR001"]


def test_a_silence_without_rules_is_told() -> None:
    silent = read_silence("kargo-release ignore= reason: all", 4, LINES, EVERYWHERE)
    assert silent is not None
    [finding] = silence([], [silent], "kano", FILE)

    assert (finding.rule, finding.line) == ("KR090", 4)
    assert finding.message == "a comment silences no rule by name"
    assert finding.remedy.startswith("Write it behind: # kargo-release ignore=RULE reason:")


def test_silences_where_it_stands_and_nowhere_else() -> None:
    comment = "kargo-release ignore=KR001 reason: here"

    assert told(comment, found(line=5), found(line=7)) == []
    assert told(comment, found(line=7), found(line=8)) == ["KR001"]
    assert told(comment, found(line=7), found("KR012", line=6)) == ["KR012"]


def test_tells_of_a_silence_that_silences_nothing() -> None:
    silent = read_silence("kargo-release ignore=KR001,KR012 reason: x", 4, LINES, EVERYWHERE)
    assert silent is not None
    [finding] = silence([found("KR001")], [silent], "kano", FILE)

    assert (finding.rule, finding.severity, finding.line) == ("KR091", Severity.WARNING, 4)
    assert finding.message == "KR012 is silenced, and finds nothing here"
    assert finding.remedy == "Remove the comment, or correct the rule in it."


def test_the_rules_on_silences_cannot_be_silenced() -> None:
    assert told("kargo-release ignore=KR091 reason: x") == ["KR091"]


@pytest.mark.parametrize(
    "comment",
    ["ignore=KR001", "kargo-release", "about kargo-release ignore=KR001", "hadolint shell=x"],
)
def test_leaves_other_comments(comment: str) -> None:
    assert read_silence(comment, 4, LINES, EVERYWHERE) is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="kargo-release ignore=KR1,# reason:\u2028\t", max_size=80))
def test_any_comment_is_read(comment: str) -> None:
    read_silence(comment, 4, LINES, EVERYWHERE)
    read_silence(f"kargo-release ignore={comment}", 4, LINES, EVERYWHERE)


def test_text_is_by_file_with_remedies_and_a_count() -> None:
    findings = [found("DL3059", 12), found("KR001", 3), found("KR001", 1, "a"), found("KR012", 3)]
    lines = findings_lines(findings, "2 images")

    console = Console(io.StringIO(), {})
    assert [console.painted(*line) for line in lines] == [
        "a",
        "  1:1 KR001 error: KR001 is broken",
        "      → mend KR001",
        FILE,
        "  3:1 KR001 error: KR001 is broken",
        "      → mend KR001",
        "  3:1 KR012 warning: KR012 is broken",
        "      → mend KR012",
        "  12:1 DL3059 info: DL3059 is broken",
        "       → mend DL3059",
        "2 images checked: 2 errors, 1 warning, 1 note",
    ]


def test_text_says_when_there_is_nothing() -> None:
    assert findings_lines([], "1 image") == [("1 image checked: nothing to mend",)]


def test_colours_are_shown_on_a_terminal_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    [_, rule, _, _] = findings_lines([found()], "1 image")
    assert "\033[31mKR001 error:\033[0m" in Console(Terminal(), {}).painted(*rule)
    assert "\033" not in Console(Terminal(), {"NO_COLOR": "1"}).painted(*rule)


def test_sarif_is_as_specified() -> None:
    findings = [found("KR012", 3), found("KR001", 2), found("DL3059", 9)]
    document = sarif(findings, RULES)
    check_sarif(json.loads(json.dumps(document)))

    [run] = document["runs"]
    assert [each["ruleId"] for each in run["results"]] == ["KR001", "KR012", "DL3059"]
    assert [each["level"] for each in run["results"]] == ["error", "warning", "note"]
    assert run["results"][0]["message"]["text"] == "KR001 is broken. mend KR001"
    assert run["tool"]["driver"]["rules"][0]["fullDescription"] == {"text": "Root is root."}


def test_sarif_of_nothing_is_a_run_that_found_nothing() -> None:
    document = sarif([], SILENCING_RULES)
    check_sarif(document)

    assert document["runs"][0]["results"] == []


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_any_path_is_a_relative_reference(name: str) -> None:
    data = name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    check_sarif(sarif([found(file=f"images/{data}")], RULES))
