"""What a message asks for, as a table in tests/data/images/messages.json; then any message."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release.images.trigger import Found, Request, requests_in

ROOT = Path(__file__).parent.parent.parent
TABLE = json.loads((ROOT / "tests" / "data" / "images" / "messages.json").read_text())
APPS: list[str] = TABLE["apps"]

# Pieces that markers are made of, so that random messages come near to them.
PIECES = st.sampled_from(
    [
        *(
            "[build",
            "[Build ",
            "]",
            "[",
            " ",
            "\n",
            "\t",
            "\u2003",
            "`",
            ">",
            '"',
            "* ",
            "[skip ci]",
        ),
        *(
            'Revert "',
            "Reapply ",
            "This reverts commit 1234567",
            "revert: ",
            "$(reboot)",
            "..",
            "/",
        ),
        *APPS,
    ]
)
MESSAGES = st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join) | st.text()


@pytest.mark.parametrize("row", TABLE["messages"], ids=lambda row: row["why"])
def test_finds_what_a_message_asks_for(row: dict[str, Any]) -> None:
    found = requests_in(row["message"], APPS)

    assert [[each.app, each.append] for each in found.requests] == row["builds"]
    told = " ".join(map(str, found.errors))
    assert (row.get("error", "") in told) if row.get("error") else not told
    warned = " ".join(found.warnings)
    assert (row.get("warns", "") in warned) if row.get("warns") else not warned


def test_the_table_is_of_many_different_messages() -> None:
    assert len({row["message"] for row in TABLE["messages"]}) >= 60


def check_any(message: str) -> None:
    found = requests_in(message, APPS)

    assert {each.app for each in found.requests} <= set(APPS)
    assert all(
        re.fullmatch(r"\w[\w.-]{0,127}", each.append or "x", re.ASCII) for each in found.requests
    )
    assert len(set(found.requests)) == len(found.requests)
    # Where there is something to say, the workflow's own condition lets it run.
    assert "[build" in message.lower() or found == Found()
    assert all(text.isprintable() for text in found.warnings)


@given(MESSAGES)
@settings(max_examples=1_000, deadline=None)
def test_takes_any_message(message: str) -> None:
    check_any(message)


@pytest.mark.long
@given(st.lists(MESSAGES, min_size=10, max_size=10))
@settings(max_examples=10_000, deadline=None)
def test_takes_a_hundred_thousand_messages(messages: list[str]) -> None:
    for message in messages:
        check_any(message)


@given(st.lists(st.sampled_from(APPS), min_size=1, max_size=5), st.text("abc.-_ \n", max_size=9))
@settings(deadline=None)
def test_finds_every_marker_between_anything(apps: list[str], between: str) -> None:
    message = between.join(f"[build {app}]" for app in apps)

    wanted = tuple(Request(app, None) for app in dict.fromkeys(apps))
    assert requests_in(message, APPS).requests == wanted


def test_builds_once_what_a_thousand_markers_ask_for() -> None:
    assert requests_in("[build kano] " * 1_000, APPS).requests == (Request("kano", None),)


def test_takes_a_thousand_different_builds() -> None:
    message = " ".join(f"[build kano t{number}]" for number in range(1_000))

    assert len(requests_in(message, APPS).requests) == 1_000


def test_tells_ten_of_a_thousand_errors() -> None:
    wrong = "".join(f"[build kan{number}]" for number in range(1_000))

    assert len(requests_in(wrong, APPS).errors) == 10


def test_tells_ten_of_a_thousand_warnings() -> None:
    prose = "".join(f"[build the docs {number}]" for number in range(1_000))

    assert len(requests_in(prose, APPS).warnings) == 10


@pytest.mark.parametrize("name", ["x" * 10_000, "kano" * 2_500, "kano " + "x" * 10_000])
def test_tells_a_name_of_ten_kilobytes_in_short(name: str) -> None:
    [error] = requests_in(f"[build {name}]", APPS).errors

    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "part",
    [
        *("[build ", "[", "]", "[build kano", "`", "[build kano]", "\n>", "Revert ", "revert("),
        *("\n\t ", "` ``", "\n```x"),
    ],
)
def test_a_large_message_takes_no_more_steps_than_it_has_letters(part: str) -> None:
    message = part * (2_000_000 // len(part))

    found = requests_in(message, APPS)  # if it went by the square, this would take hours

    assert {each.app for each in found.requests} <= {"kano"}


@pytest.mark.parametrize(
    ("message", "apps"),
    [
        ("Say how\n\n```\n[build kano]\n```\n", []),
        ("Say how\n\n```sh\n[build kano]\n```\n[build mapcache]", ["mapcache"]),
        ("Say how\n\n~~~\n```\n[build kano]\n~~~\n[build mapcache]", ["mapcache"]),
        ("Say how\n\n```\n[build kano]", []),
        ("Say how\r\n\r\n```\r\n[build kano]\r\n```\r\n[build mapcache]", ["mapcache"]),
        ("Say how\n\n````\n[build kano]\n```\n[build mapcache]\n````\n", []),
        ("Say how\n\n```\n[build kano]\n````\n[build mapcache]", ["mapcache"]),
        ("Say how\n\n```\n[build kano]\n```~~~\n[build mapcache]", []),
        ("no fence ``` here [build kano]", ["kano"]),
    ],
)
def test_builds_nothing_of_a_fenced_block(message: str, apps: list[str]) -> None:
    found = requests_in(message, ["kano", "mapcache"])

    assert [each.app for each in found.requests] == apps
