"""Versions and ranges against the tables of Masterminds/semver and against its own answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kargo_release.errors import InvalidError
from kargo_release.versions import (
    MAX_RANGE_LENGTH,
    MAX_VERSION_LENGTH,
    Range,
    is_strict,
    newest_first,
    parse_loose,
    parse_strict,
    precedence,
    satisfies,
)

DATA = Path(__file__).parent / "data" / "semver"
V = "versions.json"


def rows(file: str, table: str) -> list[Any]:
    found: list[Any] = json.loads((DATA / file).read_text(encoding="utf-8"))[table]
    return found


def sign(one: str, other: str) -> int:
    left, right = precedence(parse_loose(one)), precedence(parse_loose(other))
    return (left > right) - (left < right)


class TestParsing:
    @pytest.mark.parametrize(("version", "refused"), rows("versions.json", "strict"))
    def test_parses_strictly(self, version: str, refused: bool) -> None:
        if refused:
            with pytest.raises(InvalidError, match="not a SemVer"):
                parse_strict(version)
        else:
            assert str(parse_strict(version)) == version

    @given(st.from_regex(r"[0-9.]{1,7}(-[0-9a-z.-]{0,6})?([+][0-9a-z.]{0,3})?", fullmatch=True))
    @example("1.2.18446744073709551616")
    @example("1.2.3-" + 250 * "a")
    @example("1.2.3-" + 251 * "a")
    @example("1.2.3\n")
    @example("1.2.\u0663")
    def test_takes_for_strict_what_is_written_as_it_is_read(self, text: str) -> None:
        try:
            expected = str(parse_loose(text)) == text
        except InvalidError:
            expected = False
        assert is_strict(text) == expected

    @pytest.mark.parametrize(("version", "refused"), rows("versions.json", "loose"))
    def test_parses_loosely(self, version: str, refused: bool) -> None:
        if refused:
            with pytest.raises(InvalidError, match="not a version"):
                parse_loose(version)
        else:
            parse_loose(version)

    @pytest.mark.parametrize(("version", "written"), rows("versions.json", "written"))
    def test_writes_a_loose_version_in_full(self, version: str, written: str) -> None:
        assert str(parse_loose(version)) == written

    @pytest.mark.parametrize(
        ("version", "meant"), [("1.2", "1.2.0"), ("v1.2.3", "1.2.3"), ("1.02.3-rc", "1.2.3-rc")]
    )
    def test_tells_what_a_loose_version_should_read(self, version: str, meant: str) -> None:
        with pytest.raises(InvalidError) as caught:
            parse_strict(version)
        assert caught.value.message == f"'{version}' is not a SemVer 2.0.0 version"
        assert caught.value.remedy == f"Write {meant}."

    @pytest.mark.parametrize("parse", [parse_strict, parse_loose])
    @pytest.mark.parametrize(
        "version",
        ["", "latest", "1.2.3\n", " 1.2.3", "1.2.3-", "1.2.3+", "\u0661.2.3", "1.2.3-r\u00e9"],
    )
    def test_tells_how_a_version_is_written(self, parse: Any, version: str) -> None:
        with pytest.raises(InvalidError) as caught:
            parse(version)
        assert repr(version) in caught.value.message
        assert "MAJOR.MINOR.PATCH" in caught.value.remedy

    @pytest.mark.parametrize("parse", [parse_strict, parse_loose])
    def test_reads_no_number_over_64_bits(self, parse: Any) -> None:
        assert parse("18446744073709551615.0.0").major == 2**64 - 1
        with pytest.raises(InvalidError):
            parse("18446744073709551616.0.0")

    @pytest.mark.parametrize("parse", [parse_strict, parse_loose])
    def test_reads_no_version_that_is_too_long_and_shows_little_of_it(self, parse: Any) -> None:
        longest = "1.0.0-".ljust(MAX_VERSION_LENGTH, "a")
        assert str(parse(longest)) == longest
        with pytest.raises(InvalidError) as caught:
            parse(longest + "a" * 1_000_000)
        assert len(caught.value.message) < 150


class TestOrder:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        rows("versions.json", "compare") + rows("oracle.json", "compare"),
    )
    def test_compares(self, one: str, other: str, expected: int) -> None:
        assert sign(one, other) == expected
        assert sign(other, one) == -expected

    @pytest.mark.parametrize(
        ("table", "signs"),
        [
            ("less", {-1}),
            ("less_or_equal", {-1, 0}),
            ("greater", {1}),
            ("greater_or_equal", {0, 1}),
            ("equal", {0}),
        ],
    )
    def test_compares_by_each_operator(self, table: str, signs: set[int]) -> None:
        answers = [(one, other, sign(one, other) in signs) for one, other, _ in rows(V, table)]
        assert answers == [tuple(row) for row in rows(V, table)]

    def test_puts_the_newest_first_and_what_is_no_version_last(self) -> None:
        ordered = [
            "10.0.0",
            "2.0.0+b",
            "2.0.0+a",
            "2.0.0",
            "2.0.0-rc.10",
            "2.0.0-rc.2",
            "v1.9",
            "1.0.0-9",
            "nightly",
            "",
        ]
        assert newest_first(sorted(ordered)) == ordered
        assert newest_first(reversed(ordered)) == ordered

    def test_orders_the_entries_of_an_index_by_their_versions(self) -> None:
        entries = [{"version": "1.2.0"}, {"version": "1.10.0"}]
        assert newest_first(entries, lambda entry: entry["version"]) == entries[::-1]


class TestRanges:
    @pytest.mark.parametrize(
        ("range_", "version", "satisfied"),
        rows("ranges.json", "single")
        + rows("ranges.json", "check")
        + rows("ranges.json", "validate"),
    )
    def test_answers_as_upstream_is_tested(
        self, range_: str, version: str, satisfied: bool
    ) -> None:
        assert satisfies(version, range_) is satisfied

    def test_answers_as_upstream_answered(self) -> None:
        table = rows("oracle.json", "check")
        assert [[r, v, satisfies(v, r)] for r, v, _ in table] == table

    @pytest.mark.parametrize(
        ("range_", "alternatives", "comparators", "refused"), rows("range_parsing.json", "new")
    )
    def test_parses(self, range_: str, alternatives: int, comparators: int, refused: bool) -> None:
        if refused:
            with pytest.raises(InvalidError):
                Range.parse(range_)
        else:
            found = Range.parse(range_).alternatives
            assert (len(found), len(found[0])) == (alternatives, comparators)

    @pytest.mark.parametrize(("range_", "bound", "refused"), rows("range_parsing.json", "single"))
    def test_fills_in_a_bound(self, range_: str, bound: str, refused: bool) -> None:
        if refused:
            with pytest.raises(InvalidError):
                Range.parse(range_)
        else:
            assert str(Range.parse(range_).alternatives[0][0].bound) == bound

    @pytest.mark.parametrize(
        ("range_", "same"),
        rows("range_parsing.json", "hyphens") + rows("range_parsing.json", "rewritten"),
    )
    def test_takes_two_ways_of_writing_for_one_range(self, range_: str, same: str) -> None:
        assert Range.parse(range_) == Range.parse(same)

    @pytest.mark.parametrize("range_", ["", " ", *rows("oracle.json", "refused")])
    def test_refuses_what_is_no_range_and_names_it(self, range_: str) -> None:
        with pytest.raises(InvalidError) as caught:
            Range.parse(range_)
        assert repr(range_) in caught.value.message
        assert "^1.2.0" in caught.value.remedy

    def test_refuses_a_version_that_cannot_be_read(self) -> None:
        with pytest.raises(InvalidError, match="'latest' is not a version"):
            satisfies("latest", "*")

    def test_refuses_a_range_that_is_too_long(self) -> None:
        assert satisfies("1.0.0", ">=1".ljust(MAX_RANGE_LENGTH))
        with pytest.raises(InvalidError, match="longer than 512"):
            Range.parse(">=1".ljust(MAX_RANGE_LENGTH + 1))

    def test_refuses_too_many_alternatives(self) -> None:
        assert satisfies("1.0.0", " || ".join([">= 1.0.0"] * 32))
        with pytest.raises(InvalidError, match="more than 32 alternatives"):
            Range.parse(" || ".join([">= 1.0.0"] * 33))

    @pytest.mark.parametrize("unit", ["1", " ", "1.1.", "a.", "1-a.", "1 - ", "x|", "~", ", "])
    def test_answers_at_once_to_a_hostile_range(self, unit: str) -> None:
        for text in (unit * 512, f"1{unit * 512}", f"1-{unit * 512}"):
            with pytest.raises(InvalidError):
                Range.parse(f"{text[: MAX_RANGE_LENGTH - 1]}!")
