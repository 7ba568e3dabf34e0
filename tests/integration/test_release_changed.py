"""release-changed: what changed is released, or developed where its version is released already."""

from pathlib import Path
from typing import Any

import pytest
from changing import set_version, write_chart, write_library, write_platform
from sandbox import Ended, Sandbox

from kargo_release.charts import release
from kargo_release.charts.release import release_charts


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    """Return a repository whose four charts are released into the embedded registry."""
    sandbox = Sandbox.make(tmp_path / "clone")
    write_platform(sandbox)
    sandbox.commit("Add charts")
    assert sorted(steps(released(sandbox))) == ["alone", "kano", "kargo", "web"]
    return sandbox


def released(sandbox: Sandbox, *words: str) -> Ended:
    ended = sandbox.run("release-changed", *words, "--json")
    assert ended.exit_code == 0, ended.err
    return ended


def steps(ended: Ended) -> dict[str, str]:
    """Return the versions that were released, by the charts' names."""
    return {each["name"]: each["version"] for each in ended.document["charts"]}


def changes(ended: Ended) -> dict[str, Any]:
    return {each["name"]: each for each in ended.document["changes"]}


def test_releases_what_is_new_and_then_nothing(charts: Sandbox) -> None:
    assert charts.git("tag").split() == ["alone-1.0.0", "kano-1.0.0", "kargo-1.0.0", "web-1.0.0"]

    ended = charts.run("release-changed")
    assert (ended.exit_code, ended.out, ended.err) == (0, "nothing to release\n", "")


def test_develops_what_is_released_already_and_says_that_a_bump_is_due(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()

    assert steps(ended := released(charts)) == {"alone": "0.0.0-dev"}
    assert changes(ended)["alone"]["needs_bump"] is True
    again = charts.run("release-changed")
    assert "A bump is due: kargo-release bump-chart alone" in again.out
    assert "alone  1.0.0    changed  dev release, bump  values.yaml" in again.err
    assert len(charts.git("tag").split()) == 4


def test_leaves_dependents_alone_that_render_the_same(charts: Sandbox) -> None:
    write_library(charts, version="1.1.0", says="x-")
    charts.commit()

    assert steps(ended := released(charts)) == {"kano": "0.0.0-dev", "kargo": "1.1.0"}
    assert {name: each["step"] for name, each in changes(ended).items()} == {
        "kano": "develop", "kargo": "release", "web": "none"
    }  # fmt: skip


def test_releases_bumped_libraries_and_dependents_in_one_run(charts: Sandbox) -> None:
    write_library(charts, version="1.1.0", says="x-")
    set_version(charts, "kano", "1.0.0", "1.0.1")
    charts.commit()

    ended = released(charts)
    assert steps(ended) == {"kano": "1.0.1", "kargo": "1.1.0"}
    table = released_lines(charts.run("release-changed", "--dry-run"))
    assert table == []


def released_lines(ended: Ended) -> list[str]:
    return [line for line in ended.out.splitlines() if line.startswith(("kano", "kargo"))]


def test_refuses_a_bumped_dependent_of_a_library_that_was_not_bumped(charts: Sandbox) -> None:
    write_library(charts, says="x-")
    set_version(charts, "kano", "1.0.0", "1.0.1")
    charts.commit()
    before = charts.git("for-each-ref"), sorted((charts.path / ".kargo").rglob("*"))

    ended = charts.run("release-changed", "--json")
    assert ended.exit_code == 3
    assert ended.tells(
        "kano packs kargo, which changed since 1.0.0 was released", "bump-chart kargo"
    )
    assert (charts.git("for-each-ref"), sorted((charts.path / ".kargo").rglob("*"))) == before


def test_develops_all_on_a_branch_that_asks_for_it(charts: Sandbox) -> None:
    set_version(charts, "alone", "1.0.0", "1.1.0")
    charts.commit()

    assert steps(released(charts, "--dev")) == {"alone": "0.0.0-dev"}
    assert "alone-1.1.0" not in charts.git("tag")


def test_releases_only_what_changed_since_a_commit(charts: Sandbox) -> None:
    set_version(charts, "alone", "1.0.0", "1.1.0")
    charts.commit()
    set_version(charts, "web", "1.0.0", "1.0.1")
    charts.commit()

    assert steps(released(charts, "--since", "HEAD~1")) == {"web": "1.0.1"}
    assert steps(released(charts)) == {"alone": "1.1.0"}


def test_releases_with_a_chart_the_library_that_it_packs(charts: Sandbox) -> None:
    write_library(charts, version="1.1.0", says="x-")
    charts.commit()
    set_version(charts, "kano", "1.0.0", "1.0.1")
    charts.commit()

    assert steps(released(charts, "--since", "HEAD~1")) == {"kano": "1.0.1", "kargo": "1.1.0"}


def test_requires_a_bump_of_what_changed_itself(charts: Sandbox) -> None:
    write_library(charts, version="1.1.0", says="x-")
    charts.commit()

    assert steps(released(charts, "--require-bump", "--dry-run")) == {
        "kano": "0.0.0-dev", "kargo": "1.1.0"
    }  # fmt: skip
    ended = charts.run("release-changed", "--require-bump", "--cascade", "--dry-run", "--json")
    assert ended.exit_code == 3
    assert ended.tells("changed since released as the same version: kano 1.0.0", "bump-chart kano")
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    ended = charts.run("release-changed", "--require-bump", "--json")
    assert ended.exit_code == 3
    assert ended.tells("alone 1.0.0", "bump-chart alone")
    assert "kargo-1.1.0" not in charts.git("tag")


def test_requires_no_bump_of_what_did_not_change_since_the_base(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    charts.write("README.md", "x\n")
    charts.commit()

    released(charts, "--require-bump", "--since", "HEAD~1", "--dry-run")
    ended = charts.run("release-changed", "--require-bump", "--since", "HEAD~2", "--dry-run")
    assert ended.exit_code == 3


def test_refuses_all_where_a_chart_can_not_be_packed(charts: Sandbox) -> None:
    set_version(charts, "alone", "1.0.0", "1.1.0")
    write_chart(charts, "web", needs="nowhere")
    charts.commit()

    ended = charts.run("release-changed", "--json")
    assert ended.exit_code == 2
    assert ended.tells("the dependency nowhere can't be used", "")
    assert "alone-1.1.0" not in charts.git("tag")


def test_names_all_charts_that_can_not_be_packed(charts: Sandbox) -> None:
    write_chart(charts, "web", needs="nowhere")
    write_chart(charts, "new", "1.10")
    charts.commit()

    ended = charts.run("release-changed", "--json")
    assert ended.tells("charts/new/Chart.yaml: ", "")
    assert ended.tells("(and these charts can't be packed either: web)", "")


def test_refuses_what_is_not_committed(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    charts.write("charts/alone/values.yaml", "greeting: newer\n")

    ended = charts.run("release-changed", "--json")
    assert ended.exit_code == 3
    assert ended.tells("not committed: charts/alone/values.yaml", "Commit or remove that")


def test_judges_dependents_by_the_base(charts: Sandbox) -> None:
    write_library(charts, version="1.1.0", says="x-")
    charts.commit()
    released(charts)
    text = (charts.path / "charts/kargo/templates/_names.tpl").read_text()
    charts.write("charts/kargo/templates/_names.tpl", f"{{{{/* more */}}}}\n{text}")
    set_version(charts, "kargo", "1.1.0", "1.1.1")
    charts.commit()

    asked = ("--require-bump", "--cascade", "--dry-run")
    assert charts.run("release-changed", *asked).exit_code == 3  # kano rendered otherwise before
    assert steps(released(charts, *asked, "--since", "HEAD~1")) == {"kargo": "1.1.1"}


def test_refuses_what_packs_a_chart_that_lacks_its_bump(charts: Sandbox) -> None:
    write_chart(charts, "top", needs="kano")
    charts.commit()
    released(charts)
    write_library(charts, version="1.1.0", says="x-")
    set_version(charts, "top", "1.0.0", "1.0.1")
    charts.commit()

    ended = charts.run("release-changed", "--json")
    assert ended.exit_code == 3
    assert ended.tells("top packs kano, which changed since 1.0.0", "bump-chart kano")


def test_tells_only_what_went_since(charts: Sandbox) -> None:
    charts.git("rm", "-rq", "charts/web")
    charts.commit()
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()

    assert sorted(changes(released(charts, "--since", "HEAD~1"))) == ["alone"]


def test_refuses_a_folder_that_is_not_there(charts: Sandbox) -> None:
    charts.environ["KARGO_RELEASE_CHARTS"] = "nope"
    ended = charts.run("release-changed", "--json")
    assert ended.exit_code == 2
    assert ended.tells("there is no folder nope/ at", "set `charts`")


def test_hands_on_only_what_is_new(charts: Sandbox, tmp_path: Path) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    released(charts)
    outputs = tmp_path / "outputs"
    charts.environ |= {"GITHUB_OUTPUT": str(outputs)}
    released(charts)

    assert outputs.read_text().splitlines() == ["charts=[]", "has_charts=false"]


def test_develops_nothing_that_it_did_not_look_at(
    charts: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(charts, "web", "1.0.0", "1.0.1")
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    looked_at = charts.commit()

    def released_while_somebody_commits(*given: Any, **more: Any) -> Any:
        rows = release_charts(*given, **more)
        charts.write("charts/alone/values.yaml", "greeting: newer\n")
        charts.commit()
        return rows

    monkeypatch.setattr(release, "release_charts", released_while_somebody_commits)
    ended = charts.run("release-changed", "--json")

    assert ended.exit_code == 1
    assert ended.tells(f"HEAD was {looked_at[:12]}, and is ", "Run the same command again")
    assert charts.git("rev-parse", "web-1.0.1^{commit}") == looked_at
    assert not (charts.path / ".kargo/backup/alone-0.0.0-dev.tgz").exists()


def test_cascade_is_of_no_use_alone(charts: Sandbox) -> None:
    ended = charts.run("release-changed", "--cascade", "--json")
    assert ended.exit_code == 2
    assert ended.tells("--cascade says which", "--require-bump --cascade")


def test_tells_what_was_released_though_github_can_not_be_told(
    charts: Sandbox, tmp_path: Path
) -> None:
    set_version(charts, "alone", "1.0.0", "1.1.0")
    charts.commit()
    charts.environ |= {"GITHUB_OUTPUT": str(tmp_path)}
    ended = charts.run("release-changed", "--json")

    assert ended.exit_code == 1
    assert ended.tells("named in GITHUB_OUTPUT, can't be written", "Unset GITHUB_OUTPUT")
    assert steps(ended) == {"alone": "1.1.0"}


def test_shows_why_nothing_was_released(charts: Sandbox, tmp_path: Path) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    page = tmp_path / "summary"
    charts.environ |= {"GITHUB_STEP_SUMMARY": str(page)}

    assert charts.run("release-changed", "--require-bump").exit_code == 3
    text = page.read_text()
    assert "| alone | 1.0.0 | changed | dev release, bump | values.yaml |" in text
    assert "Not released: changed since released as the same version\\: alone 1.0.0" in text


def test_tells_why_it_was_refused_though_github_can_not_be_told(
    charts: Sandbox, tmp_path: Path
) -> None:
    charts.write("charts/alone/values.yaml", "greeting: new\n")
    charts.commit()
    charts.environ |= {"GITHUB_STEP_SUMMARY": str(tmp_path)}

    ended = charts.run("release-changed", "--require-bump", "--json")
    assert ended.exit_code == 3
    assert ended.tells("alone 1.0.0", "bump-chart alone")
    assert "named in GITHUB_STEP_SUMMARY, can't be written" in ended.err


def test_hands_what_was_released_to_github(charts: Sandbox, tmp_path: Path) -> None:
    set_version(charts, "alone", "1.0.0", "1.1.0")
    charts.git("rm", "-rq", "charts/web")
    charts.commit()
    outputs, page = tmp_path / "outputs", tmp_path / "summary"
    charts.environ |= {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(page)}
    released(charts)

    assert outputs.read_text().splitlines() == [
        'charts=[{"name": "alone", "version": "1.1.0"}]',
        "has_charts=true",
    ]
    text = page.read_text()
    assert "| alone | 1.1.0 | changed | release | Chart.yaml |" in text
    assert "| web | - | deleted | - | last released as 1.0.0 |" in text
