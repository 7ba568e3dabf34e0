"""Variables in a Dockerfile, as "Environment replacement" of its reference tells them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release.images.dockerfile_variables import GROWTH_LIMIT, Expanded, ExpansionError, expand

VALUES = {"A": "one", "EMPTY": "", "B_2": "two"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$A", "one"),
        ("${A}x$B_2", "onextwo"),
        ("$A_x", ""),
        ("${A:-no}", "one"),
        ("${EMPTY:-yes}", "yes"),
        ("${EMPTY-no}", ""),
        ("${NONE-yes}", "yes"),
        ("${NONE:-$A ${NONE:-${B_2}}}", "one two"),
        ("${A:+yes}", "yes"),
        ("${EMPTY:+no}", ""),
        ("${EMPTY+yes}", "yes"),
        ("${A:?must}", "one"),
        (r"\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        ('a"b\'c"d', "ab'cd"),
        ("$", "$"),
        ("$-", "$-"),
        ("a\\", "a"),
    ],
)
def test_replaces(text: str, expanded: str) -> None:
    assert expand(text, VALUES).text == expanded


def test_takes_a_long_text_that_does_not_grow() -> None:
    assert expand("x" * 2 * GROWTH_LIMIT, VALUES).text == "x" * 2 * GROWTH_LIMIT


def test_the_other_escape_character_leaves_backslashes() -> None:
    assert expand(r"c:\$A`$A", VALUES, "`").text == r"c:\one$A"


def test_names_what_has_no_value() -> None:
    assert expand("$A$NONE${OTHER:-x}", VALUES).unset == {"NONE"}
    assert expand("${NONE:+x}${A:+$OTHER}", VALUES).unset == {"OTHER"}


@pytest.mark.parametrize("text", ["${A:-W}", "${A?W}", "${NONE:+W}", "${NONE+W}", "${EMPTY:+W}"])
def test_a_word_that_does_not_count_tells_nothing(text: str) -> None:
    expanded = expand(text.replace("W", "$OTHER ${A%x}"), VALUES)

    assert expanded == Expanded(expand(text, VALUES).text)


@pytest.mark.parametrize("text", ["${A%.*}", "${A#a}", "${A/a/b}", "${!A}", "${A:0:1}"])
def test_says_what_it_does_not_work_out(text: str) -> None:
    assert not expand(text, VALUES).is_sure


@pytest.mark.parametrize("text", ["$A" * (GROWTH_LIMIT + 1), "${N:-" * 5000, '"${N:-' * 5000])
def test_ends_what_grows_or_nests_beyond_measure(text: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(text, VALUES)
    assert caught.value.message.startswith("variables make this too long")


@pytest.mark.parametrize(
    ("text", "missing"),
    [("'open", "'"), ('a"$A', '"'), ("${A", "}"), ("${A:-b", "}"), ('"${A"', '"')],
)
def test_refuses_what_is_not_closed(text: str, missing: str) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(text, VALUES)
    assert caught.value.message == f"a {missing} is missing"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="$ {}:-+?'\"\\A`%_1", max_size=60))
def test_any_text_ends(text: str) -> None:
    try:
        assert len(expand(text, VALUES).text) <= len(text) + GROWTH_LIMIT
    except ExpansionError:
        assert set(text) & set("{'\"")
