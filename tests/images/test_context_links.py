"""Where links lead: each case has one of its own beside those that all of them have."""

import pytest

from kargo_release.errors import InvalidError
from kargo_release.images.context_links import Link, check_links

LINKS = {
    "a/b/up": "../..",
    "usr": "/usr",
    "round": "back/x",
    "back": "round",
    **{f"chain{at}": f"chain{at + 1}" for at in range(39)},
    "chain39": "file",
}


def check(target: str, links: dict[str, str]) -> None:
    all_of = {"a/b/x": target, **links}
    check_links({path: Link(f"images/kano/{path}", text) for path, text in all_of.items()})


@pytest.mark.parametrize(
    "target",
    [
        *("up", "up/a/b/..", "nothing/..", "../..//./a", "a/../../b", "../../chain1"),
        *("/etc/passwd", "/../..", "../../usr/../../..", "../../usr/x"),
    ],
)
def test_keeps_what_stays_inside_or_is_meant_for_the_image(target: str) -> None:
    check(target, {each: LINKS[each] for each in LINKS if each not in {"round", "back"}})


@pytest.mark.parametrize(
    "target", ["../../..", "up/..", "up/../..", "../b/up/a/../..", "../../a/b/up/.././a"]
)
def test_refuses_what_leaves_the_context(target: str) -> None:
    with pytest.raises(InvalidError, match=r"images/kano/a/b/x .*leaves the context") as caught:
        check(target, {"a/b/up": LINKS["a/b/up"]})
    assert "`context`" in caught.value.remedy


@pytest.mark.parametrize("target", ["x", "../b/x/y", "../../round", "../../chain0"])
def test_refuses_what_leads_in_a_circle(target: str) -> None:
    with pytest.raises(InvalidError, match="leads in a circle") as caught:
        check(target, LINKS)
    assert caught.value.remedy


@pytest.mark.parametrize("target", ["", "../..\0/a", "/etc\0"])
def test_refuses_what_no_link_of_a_folder_can_hold(target: str) -> None:
    with pytest.raises(InvalidError, match=r"images/kano/a/b/x .*is empty or has a NUL"):
        check(target, {})


def test_follows_each_link_once() -> None:
    links = {f"n{at}": f"n{at + 1}/../n{at + 1}" for at in range(30)}

    check("y", links)  # one by one and without memory, 2 ** 30 would be followed
