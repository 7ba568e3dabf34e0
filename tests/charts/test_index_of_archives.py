"""What an index says that is made anew of archives, and what it keeps of the one before."""

from typing import Any

import pytest
from indexes import LATER, NOW, entry

from kargo_release.charts.archived import Archived
from kargo_release.charts.index import EMPTY, Entry, Index, merge, read, render
from kargo_release.charts.index_of_archives import Change, Difference, index_of
from kargo_release.errors import InvalidError

STORED = "2026-03-03T03:03:03Z"
DIGEST, OTHER = "1" * 64, "2" * 64


def archived(version: str, name: str = "kano", digest: str = DIGEST, key: str = "") -> Archived:
    metadata = entry(version, name).metadata
    key = key or f"{name}-{version}.tgz"
    return Archived(key, f"backup/{key}", digest, STORED, metadata)


def listed(version: str, name: str = "kano", digest: str = DIGEST, **more: Any) -> Index:
    """Return an index with one version, as somebody's index may have it."""
    document = Entry(entry(version, name).metadata, digest, NOW).document()
    return Index.of({"apiVersion": "v1", "entries": {name: [{**document, **more}]}})


def changes(before: Index, *archives: Archived) -> list[tuple[str, str, str]]:
    found = index_of(archives, before, LATER).changes
    return [(each.name, each.version, str(each.difference)) for each in found]


def test_lists_every_archive_the_newest_first() -> None:
    versions = ["1.0.0", "1.10.0", "1.9.0", "1.0.0+b", "1.0.0-rc.1"]
    archives = [archived(each, digest=each) for each in versions]

    made = index_of([archived("0.1.0", "k2"), *archives], EMPTY, LATER)

    assert made.index.versions("kano") == ["1.10.0", "1.9.0", "1.0.0+b", "1.0.0", "1.0.0-rc.1"]
    assert made.index.head["generated"] == LATER
    assert made.changes[:2] == [
        Change("k2", "0.1.0", Difference.ADDED),
        Change("kano", "1.10.0", Difference.ADDED),
    ]
    assert made.oddities == []
    assert made.index.entry("k2", "0.1.0") == {
        **entry("0.1.0", "k2").metadata,
        "created": STORED,
        "digest": DIGEST,
        "urls": ["k2-0.1.0.tgz"],
    }


def test_changes_nothing_when_the_index_says_what_the_archives_say() -> None:
    before = read(render(merge(EMPTY, [Entry(entry("1.0.0").metadata, DIGEST, NOW)], NOW)))
    made = index_of([archived("1.0.0")], before, LATER)
    assert made.index is before
    assert made.changes == []


def test_changes_nothing_when_only_the_order_of_versions_differs() -> None:
    both = [*listed("1.0.0").entries["kano"], *listed("2.0.0", digest=OTHER).entries["kano"]]
    before = Index.of({"apiVersion": "v1", "entries": {"kano": both}})
    assert changes(before, archived("1.0.0"), archived("2.0.0", digest=OTHER)) == []


def test_keeps_what_the_index_says_beyond_the_archive() -> None:
    said: dict[str, Any] = {
        "urls": ["https://charts.example.com/helm/kano-1.0.0.tgz"],
        "deprecated": True,
        "by": "hand",
    }
    before = listed("1.0.0", **said)
    assert changes(before, archived("1.0.0")) == []
    damaged = listed("1.0.0", **said, apiVersion="v9")
    made = index_of([archived("1.0.0")], damaged, LATER)
    assert made.index.entries == before.entries
    assert made.changes == [Change("kano", "1.0.0", Difference.CHANGED)]


@pytest.mark.parametrize("urls", [[], None, "kano-1.0.0.tgz", [1], ["gone.tgz"], ["a/b/gone.tgz"]])
def test_mends_urls_that_lead_nowhere(urls: Any) -> None:
    made = index_of([archived("1.0.0")], listed("1.0.0", urls=urls), LATER)
    assert made.index.entries == listed("1.0.0").entries


def test_forgets_what_was_said_of_another_content() -> None:
    before = listed("1.0.0", digest=OTHER, deprecated=True)
    made = index_of([archived("1.0.0")], before, LATER)
    held = made.index.entry("kano", "1.0.0") or {}
    assert (held["digest"], held["created"], held.get("deprecated")) == (DIGEST, STORED, None)
    assert made.changes == [Change("kano", "1.0.0", Difference.CHANGED)]


def test_drops_versions_whose_archive_is_gone() -> None:
    before = merge(listed("1.0.0"), [entry("2.0.0"), entry("1.0.0", "k2")], NOW)
    made = index_of([archived("1.0.0")], before, LATER)
    assert dict(made.index.entries) == listed("1.0.0").entries
    assert made.changes == [
        Change("k2", "1.0.0", Difference.DROPPED),
        Change("kano", "2.0.0", Difference.DROPPED),
    ]


def test_leaves_one_entry_of_a_version_that_is_listed_twice() -> None:
    both = [*listed("1.0.0").entries["kano"], *listed("1.0.0", digest=OTHER).entries["kano"]]
    before = Index.of({"apiVersion": "v1", "entries": {"kano": both}})
    made = index_of([archived("1.0.0", digest=OTHER)], before, LATER)
    assert [each["digest"] for each in made.index.entries["kano"]] == [OTHER]
    assert made.changes == [Change("kano", "1.0.0", Difference.CHANGED)]


@pytest.mark.parametrize("url", ["https://cdn.example.com/k2-1.0.0.tgz", "old/k2-1.0.0.tgz"])
def test_keeps_versions_that_lie_elsewhere(url: str) -> None:
    before = listed("1.0.0", "k2", urls=[url], by="hand")
    assert index_of([], before, LATER).index is before
    assert changes(before) == [("k2", "1.0.0", "elsewhere")]
    made = index_of([archived("1.0.0"), archived("2.0.0", "k2")], before, LATER)
    assert made.index.versions("k2") == ["2.0.0", "1.0.0"]
    assert made.index.entry("k2", "1.0.0") == before.entry("k2", "1.0.0")


def test_keeps_all_else_that_the_index_says() -> None:
    about = {"apiVersion": "v1", "annotations": {"owner": "007"}, "serverInfo": {}, "entries": {}}
    made = index_of([archived("1.0.0")], Index.of(about), LATER).index
    assert read(render(made)).head == {
        "apiVersion": "v1",
        "annotations": {"owner": "007"},
        "serverInfo": {},
        "generated": LATER,
    }


def test_tells_an_archive_that_is_no_chart_and_leaves_it_out() -> None:
    error = InvalidError("junk.tgz: the archive is not gzip", "fetch it again")
    junk = Archived("junk.tgz", "backup/junk.tgz", OTHER, STORED, None, error)
    made = index_of([junk, archived("1.0.0")], listed("1.0.0"), LATER)
    assert made.changes == []
    [oddity] = made.oddities
    assert (oddity.place, oddity.is_listed, oddity.error) == ("backup/junk.tgz", False, error)


def test_keeps_the_entry_of_an_archive_that_only_others_can_read() -> None:
    error = InvalidError("kano-1.0.0.tgz: it has a link", "make it again")
    odd = Archived("kano-1.0.0.tgz", "backup/kano-1.0.0.tgz", DIGEST, STORED, None, error)
    before = listed("1.0.0")
    made = index_of([odd], before, LATER)
    assert made.index is before
    assert [each.is_listed for each in made.oddities] == [True]


def test_lists_an_archive_with_a_wrong_name_by_the_name_that_it_has() -> None:
    made = index_of([archived("1.0.0+b", key="kano 1.tgz")], EMPTY, LATER)
    held = made.index.entry("kano", "1.0.0+b") or {}
    assert held["urls"] == ["kano%201.tgz"]
    [oddity] = made.oddities
    assert oddity.is_listed
    assert oddity.error.message == "backup/kano 1.tgz holds what should be called kano-1.0.0+b.tgz"
    assert "Rename it" in oddity.error.remedy


def test_prefers_the_archive_with_the_right_name_of_two() -> None:
    wrong = archived("1.0.0", digest=OTHER, key="a.tgz")
    made = index_of([wrong, archived("1.0.0")], EMPTY, LATER)
    assert [each["digest"] for each in made.index.entries["kano"]] == [DIGEST]
    [oddity] = made.oddities
    assert not oddity.is_listed
    assert oddity.error.message == "backup/a.tgz holds the same version as kano-1.0.0.tgz"
    assert "Remove one" in oddity.error.remedy


BASE = "https://charts.example.com/helm"


def test_drops_gone_archives_of_the_address_that_others_here_have() -> None:
    at_base = {each: [f"{BASE}/kano-{each}.tgz"] for each in ("1.0.0", "2.0.0")}
    held = [
        *listed("1.0.0", urls=at_base["1.0.0"]).entries["kano"],
        *listed("2.0.0", digest=OTHER, urls=at_base["2.0.0"]).entries["kano"],
        *listed("3.0.0", digest="3", urls=[f"{BASE}/old/kano-3.0.0.tgz"]).entries["kano"],
    ]
    before = Index.of({"apiVersion": "v1", "entries": {"kano": held}})
    assert changes(before, archived("1.0.0")) == [
        ("kano", "3.0.0", "elsewhere"),
        ("kano", "2.0.0", "dropped"),
    ]


@pytest.mark.parametrize(
    "urls",
    [["kano-1.0.0.tgz", f"{BASE}/kano-1.0.0.tgz"], [f"{BASE}/other-1.0.0.tgz"]],
    ids=["a mirror", "another file"],
)
def test_keeps_versions_at_an_address_that_may_be_another(urls: list[str]) -> None:
    away = listed("2.0.0", digest=OTHER, urls=[f"{BASE}/kano-2.0.0.tgz"]).entries["kano"]
    held = [*listed("1.0.0", urls=urls).entries["kano"], *away]
    before = Index.of({"apiVersion": "v1", "entries": {"kano": held}})
    assert ("kano", "2.0.0", "elsewhere") in changes(before, archived("1.0.0"))


def test_mends_the_head_of_an_index_whose_versions_are_right() -> None:
    document = {"entries": dict(listed("1.0.0").entries), "apiVersion": "v1", "by": "hand"}
    made = index_of([archived("1.0.0")], Index.of({**document, "generated": "now"}), LATER)
    assert made.index.head == {"apiVersion": "v1", "by": "hand", "generated": LATER}
    assert made.changes == []
