"""The comment for a pull request: nothing in it gets out of its place, and GitHub takes it."""

import re

from kargo_release.charts.changes.change import ChartChange, Kind
from kargo_release.charts.changes.comment import LIMIT, markdown
from kargo_release.charts.changes.difference import ChartDifference
from kargo_release.charts.changes.resources import ResourceChanges, ResourceKey
from kargo_release.errors import InvalidError

HOSTILE = "x`](http://evil)</code></summary><img src=x>|@team\n\n# y\r::error::\u202e&lt;"


def difference(name: str = "kano", diff: str = "-a\n+b", key: str = "kano") -> ChartDifference:
    chart = ChartChange(name, Kind.CHANGED, "1.5.0")
    found = ResourceChanges(changed=(ResourceKey("ConfigMap", "", key, ""),))
    return ChartDifference(chart, resources=found, diff=diff)


def test_is_a_table_and_a_folded_diff_for_each_chart() -> None:
    failed = ChartDifference(ChartChange("bad", Kind.CHANGED, "1.0.0"), error=InvalidError("no"))

    assert markdown([failed, difference()]) == (
        "## What Helm renders\n\n"
        "| chart | version | change | added | removed | changed | |\n"
        "|---|---|---|--:|--:|--:|---|\n"
        "| <code>bad</code> | <code>1.0.0</code> | changed | 0 | 0 | 0 | <code>no</code> |\n"
        "| <code>kano</code> | <code>1.5.0</code> | changed | 0 | 0 | 1 |  |\n\n"
        "<details><summary><code>kano 1.5.0 &#40;changed&#41;</code>: <code>1 changed</code>"
        "</summary>\n\n```diff\n! ConfigMap kano\n\n-a\n+b\n```\n\n</details>"
    )
    assert markdown([]).endswith("No chart changed.")


def test_nothing_gets_out_of_its_place() -> None:
    text = markdown([
        difference(HOSTILE, f"+{HOSTILE}\n ```\n+`````\n ::set-output name=a::b", HOSTILE),
        ChartDifference(ChartChange("b", Kind.CHANGED), error=InvalidError(HOSTILE)),
    ])  # fmt: skip

    fence = re.search(r"\n(`{6})diff\n(.*?)\n\1\n\n</details>$", text, re.DOTALL)
    assert fence
    outside = text.replace(fence[0], "")
    assert set(re.findall(r"<[^>]*>?", outside)) == {
        "<code>", "</code>", "<details>", "<summary>", "</summary>"
    }  # fmt: skip
    assert not set(outside) & set("`[]@\r\u202e")
    # Nothing is a line of its own, nor a cell, nor a command to the runner.
    assert [line.count("|") for line in outside.split("\n") if line.startswith("|")] == [8] * 4
    assert not re.search(r"^\s*# y", outside, re.MULTILINE)
    assert not re.search(r"^\s*::", text, re.MULTILINE)


def test_stays_within_what_github_takes() -> None:
    lines = "\n".join(f"+{number}: some text é" for number in range(5_000))
    for charts in (
        [difference(diff=lines)],
        [difference(f"chart-{number}", lines) for number in range(3)],
        [difference(f"chart-{number}", lines) for number in range(1_000)],
        [difference("\U0001f600`<" * 80, "`" * 20_000 + lines, HOSTILE * 9)] * 300,
    ):
        text = markdown(charts)
        assert LIMIT // 5 < len(text.encode()) <= LIMIT


def test_says_what_is_left_out() -> None:
    lines = "\n".join(f"+{number}" for number in range(20_000))

    alone = markdown([difference(diff=lines)])
    shown = re.findall(r"^\+\d+$", alone, re.MULTILINE)
    assert f"{20_000 - len(shown)} more lines are left out." in alone

    many = markdown([difference(f"chart-{number}", lines) for number in range(100)])
    shown_charts = many.count("<details>")
    assert 5 < shown_charts < 100
    assert f"Left out, for a comment holds no more: <code>chart-{shown_charts}</code>" in many
    assert many.endswith(f" and {100 - shown_charts - 5} more.")
