"""diff-chart: what the real Helm renders of charts, beside their last release."""

from pathlib import Path
from typing import Any

import pytest
from sandbox import Sandbox

NEEDS = "dependencies:\n- {name: kargo, version: ^1.0.0, repository: 'file://../kargo'}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: kano}\nstringData: {password: %s}\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


@pytest.fixture
def charts(tmp_path: Path) -> Sandbox:
    """Return a repository with a library, a chart on it and one alone, all of them released."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write_chart("kargo", library=True)
    sandbox.write_chart("kano", more=NEEDS)
    sandbox.write_chart("alone")
    sandbox.commit("Add charts")
    release(sandbox, "kargo", "kano", "alone")
    return sandbox


def release(sandbox: Sandbox, *names: str, version: str = "1.0.0") -> None:
    for name in names:
        sandbox.git("tag", f"{name}-{version}")


def differences(sandbox: Sandbox, *words: str, exit_code: int = 0) -> dict[str, Any]:
    """Return the charts of the document, by name."""
    ended = sandbox.run("diff-chart", *words, "--json")
    assert ended.exit_code == exit_code, ended.err
    return {each["name"]: each for each in ended.document["charts"]}


def keys(chart: dict[str, Any], how: str) -> list[str]:
    return [f"{each['kind']} {each['name']}" for each in chart[how]]


def test_shows_what_differs_since_the_last_release(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: welcome\n")
    charts.write("charts/alone/templates/more.yaml", MAP % "more")
    charts.commit()

    assert charts.run("diff-chart").out == (
        "alone 1.0.0 (changed, since 1.0.0): 1 added, 1 changed\n"
        "+ ConfigMap more\n"
        "! ConfigMap alone\n"
        "--- alone/templates/configmap.yaml (1.0.0)\n"
        "+++ alone/templates/configmap.yaml (HEAD)\n"
        "@@ -3,4 +3,4 @@\n"
        " metadata:\n"
        "   name: alone\n"
        " data:\n"
        '-  greeting: "hello from alone"\n'
        '+  greeting: "welcome"\n'
        "--- /dev/null\n"
        "+++ alone/templates/more.yaml (HEAD)\n"
        "@@ -0,0 +1,3 @@\n"
        "+apiVersion: v1\n"
        "+kind: ConfigMap\n"
        "+metadata: {name: more}\n"
    )
    [alone] = differences(charts).values()
    assert alone["added"] == [{"group": "", "kind": "ConfigMap", "namespace": "", "name": "more"}]
    assert (keys(alone, "changed"), keys(alone, "removed")) == (["ConfigMap alone"], [])
    assert alone["last_release"]["version"] == "1.0.0"


def test_writes_a_comment_for_a_pull_request(charts: Sandbox) -> None:
    charts.write("charts/alone/values.yaml", "greeting: |-\n  ```\n  ::error::x\n")
    charts.commit()

    comment = charts.run("diff-chart", "--markdown").out
    assert "| <code>alone</code> | <code>1.0.0</code> | changed | 0 | 0 | 1 |  |\n" in comment
    assert "\n````diff\n! ConfigMap alone\n" in comment
    assert comment.endswith("\n````\n\n</details>\n")


def test_tells_what_a_library_is_to_those_that_pack_it(charts: Sandbox) -> None:
    charts.write("charts/kargo/templates/_names.tpl", '{{- define "names" }}y{{ end }}\n')
    charts.commit()

    assert charts.run("diff-chart").out == (
        "kano 1.0.0 (dependent, since 1.0.0): same render\n"
        "kargo 1.0.0 (changed, since 1.0.0): a library: see the charts that pack it\n"
    )
    assert differences(charts, "kargo")["kargo"]["library"] is True


def test_names_the_resources_of_a_new_chart(charts: Sandbox) -> None:
    charts.write_chart("new")
    charts.write("charts/new/templates/configmap.yaml", MAP % "new")
    charts.git("mv", "charts/alone", "charts/together")
    about = (charts.path / "charts/together/Chart.yaml").read_text()
    charts.write("charts/together/Chart.yaml", about.replace("name: alone", "name: together"))
    charts.git("rm", "-rq", "charts/kano")
    charts.commit()

    assert charts.run("diff-chart").out == (
        "new 1.0.0 (new): 1 resource\n+ ConfigMap new\n"
        "together 1.0.0 (renamed, was alone): 1 resource\n+ ConfigMap together\n"
        "kano (deleted, last released as 1.0.0): gone\n"
    )


def test_compares_the_charts_that_are_named_alone(charts: Sandbox) -> None:
    for name in ("kano", "alone"):
        charts.write(f"charts/{name}/values.yaml", "greeting: welcome\n")
    commit = charts.commit()

    assert [*differences(charts, "kano")] == ["kano"]
    unchanged = f"alone 1.0.0 (unchanged, since {commit[:12]}): same content\n"
    assert charts.run("diff-chart", "alone", "--since", "HEAD").out == unchanged
    assert charts.run("diff-chart", "--since", "HEAD").out == "no chart changed\n"
    ended = charts.run("diff-chart", "kanp", "--json")
    assert ended.exit_code == 2
    assert ended.tells("there is no chart 'kanp' in charts/", "Perhaps you meant kano.")


def test_hides_what_secrets_hold(charts: Sandbox) -> None:
    charts.write("charts/kano/templates/secret.yaml", SECRET % "hunter1")
    charts.commit()
    release(charts, "kano", version="0.9.0")
    charts.git("tag", "-d", "kano-1.0.0")
    charts.write("charts/kano/templates/secret.yaml", SECRET % "hunter2")
    charts.commit()

    kano = differences(charts, "kano")["kano"]
    assert keys(kano, "changed") == ["Secret kano"]
    assert "-  password: (hidden 1)\n+  password: (hidden 2)" in kano["diff"]
    for words in ((), ("--json",), ("--markdown",)):
        assert "hunter" not in charts.run("diff-chart", *words).out


def test_tells_what_differs_at_every_rendering(charts: Sandbox) -> None:
    charts.write("charts/kano/templates/secret.yaml", SECRET % "{{ randAlphaNum 20 }}")
    charts.commit()
    release(charts, "kano", version="1.0.1")
    charts.git("tag", "-d", "kano-1.0.0")
    charts.write("charts/kano/values.yaml", "greeting: welcome\n")
    charts.commit()

    kano = differences(charts, "kano")["kano"]
    assert keys(kano, "changed") == ["ConfigMap kano", "Secret kano"]
    assert keys(kano, "random") == ["Secret kano"]
    assert "# differs at every rendering: Secret kano\n" in charts.run("diff-chart").out


def test_a_chart_that_can_not_be_rendered_hides_no_other(charts: Sandbox) -> None:
    charts.write("charts/kano/templates/more.yaml", '{{ fail "not today" }}\n')
    charts.write("charts/alone/values.yaml", "greeting: welcome\n")
    charts.write_chart("broken")
    charts.write("charts/broken/templates/more.yaml", "kind: [\n")
    charts.write("charts/unreadable/Chart.yaml", "name: other\n")
    charts.commit()

    found = differences(charts, exit_code=2)
    assert keys(found["alone"], "changed") == ["ConfigMap alone"]
    assert "Helm can't render kano 1.0.0" in found["kano"]["error"]["message"]
    assert "not today" in found["kano"]["error"]["message"]
    assert "is not YAML" in found["broken"]["error"]["message"]
    assert found["unreadable"]["error"]["kind"] == "invalid"
    ended = charts.run("diff-chart")
    assert ended.exit_code == 2
    assert "not today" in ended.out
    assert found["kano"]["diff"] == ""


def test_says_that_what_a_chart_was_can_not_be_packed(charts: Sandbox) -> None:
    about = (charts.path / "charts/alone/Chart.yaml").read_text()
    charts.write("charts/alone/Chart.yaml", "name: alone\nversion: 01\n")
    commit = charts.commit()
    charts.write("charts/alone/Chart.yaml", about)
    charts.commit()

    alone = differences(charts, "alone", "--since", "HEAD~1", exit_code=2)["alone"]
    assert f"can't be packed as it was at {commit[:12]}" in alone["error"]["message"]
    assert (alone["added"], alone["diff"]) == ([], "")
