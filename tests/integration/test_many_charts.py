"""A whole platform at once: claims in one push, tags three at a time, one index."""

from pathlib import Path

import pytest
from released import claims, index, tagged_commits
from sandbox import Sandbox

NAMES = [f"chart{number:02}" for number in range(67)]


@pytest.fixture
def pushes(platform: Sandbox, tmp_path: Path) -> Path:
    """A platform of 67 charts; the file in which the remote writes a line for each push."""
    log = tmp_path / "pushes"
    for name in NAMES:
        platform.write_chart(name)
    platform.commit()
    platform.push()
    platform.hook(
        "pre-receive",
        f"while read -r _ new ref; do printf '%s ' $new:$ref; done >> {log}; echo >> {log}",
    )
    return log


def test_claims_in_one_push_and_tags_three_at_a_time(platform: Sandbox, pushes: Path) -> None:
    ended = platform.run("release-chart", *NAMES, "--json")

    assert ended.exit_code == 0, ended.err
    assert tagged_commits(platform).keys() == {f"{name}-1.0.0" for name in NAMES}
    assert claims(platform) == []
    assert index(platform).keys() == set(NAMES)
    begin, *tags, end = [line.split() for line in pushes.read_text().splitlines()]
    assert len(begin) == len(end) == 67
    assert all("refs/kargo-release/" in each for each in [*begin, *end])
    assert all(each.startswith("0" * 40) for each in end)
    assert [len(push) for push in tags] == [3] * 22 + [1]
    assert all("refs/tags/" in each for push in tags for each in push)


def test_pushes_nothing_the_second_time(platform: Sandbox, pushes: Path) -> None:
    platform.run("release-chart", *NAMES)
    before = pushes.read_text()

    ended = platform.run("release-chart", *NAMES, "--json")

    assert ended.exit_code == 0, ended.err
    assert pushes.read_text() == before


def test_one_tag_that_is_not_taken_leaves_the_others_out(platform: Sandbox, pushes: Path) -> None:
    platform.hook("update", 'case "$1" in refs/tags/chart05*) exit 1;; esac')

    ended = platform.run("release-chart", *NAMES, "--json")

    assert ended.exit_code == 1
    failed = [chart["name"] for chart in ended.document["charts"] if chart["error"]]
    assert failed == ["chart05"]
    assert len(tagged_commits(platform)) == 66
    assert claims(platform) == ["refs/kargo-release/chart05-1.0.0"]


def test_one_chart_that_is_refused_leaves_all_as_they_are(platform: Sandbox, pushes: Path) -> None:
    platform.run("release-chart", "chart05")
    platform.write("charts/chart05/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()
    before = (platform.remote_refs(), index(platform))

    ended = platform.run("release-chart", *NAMES, "--json")

    assert ended.exit_code == 3
    assert (platform.remote_refs(), index(platform)) == before
