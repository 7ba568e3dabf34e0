"""Development versions: from the working tree, all or some, replaced as their content changes."""

import hashlib
import io
import tarfile
from typing import Any

import pytest
import yaml
from released import archives_in_bucket, archives_in_registry, index
from sandbox import Ended, Sandbox
from untouched import everything, files

DESTINATION = {"reference", "state"}


def archive(sandbox: Sandbox, name: str, version: str) -> dict[str, bytes]:
    """Return the files of the archive in the bucket."""
    key = f"helm/{name}-{version}.tgz"
    body = sandbox.s3().get_object(Bucket=sandbox.bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as opened:
        return {
            each.name.partition("/")[2]: held.read()
            for each in opened
            if (held := opened.extractfile(each))
        }


def released(sandbox: Sandbox, *names: str, code: int = 0) -> dict[str, Any]:
    """Release development versions and return the documents of the charts by name."""
    ended = sandbox.run("release-dev-chart", *names, "--json")
    assert ended.exit_code == code, ended.err
    assert ended.document["ok"] is (code == 0)
    return {chart["name"]: chart for chart in ended.document["charts"]}


def states(chart: Any) -> set[str]:
    return {each["state"] for each in chart["destinations"].values()}


@pytest.fixture
def three(platform: Sandbox) -> Sandbox:
    """A platform with the charts kano, kube and the library common, which kano needs."""
    platform.write_chart("common", "1.2.3", library=True)
    platform.write_chart("kube")
    needs = "dependencies:\n- name: common\n  version: ^1.2\n  repository: file://../common\n"
    platform.write_chart("kano", more=needs)
    platform.commit()
    platform.push()
    return platform


def test_releases_all_charts_when_none_is_named(three: Sandbox) -> None:
    charts = released(three)

    assert set(charts) == {"common", "kano", "kube"}
    assert all(states(chart) == {"published"} for chart in charts.values())
    assert {name: [each["version"] for each in every] for name, every in index(three).items()} == {
        name: ["0.0.0-dev"] for name in charts
    }


def test_releases_the_charts_that_are_named_once(three: Sandbox) -> None:
    assert set(released(three, "kube", "kano", "kube")) == {"kano", "kube"}
    assert set(archives_in_bucket(three)) == {"kano-0.0.0-dev.tgz", "kube-0.0.0-dev.tgz"}


def test_the_document_is_that_of_the_contract(three: Sandbox) -> None:
    chart = released(three, "kano")["kano"]

    assert set(chart) == {
        *("name", "version", "app_version", "commit", "archive", "destinations", "error"),
    }
    assert (chart["name"], chart["version"], chart["app_version"]) == ("kano", "0.0.0-dev", "1.2.3")
    assert chart["commit"] == three.git("rev-parse", "HEAD")
    assert chart["error"] is None
    [sha256] = archives_in_registry(three, "kano").values()
    assert chart["archive"].keys() == {"sha256", "content_digest", "bytes"}
    assert chart["archive"]["sha256"] == sha256
    assert chart["destinations"].keys() == {"registry", "backup"}
    assert chart["destinations"]["registry"].keys() == {*DESTINATION, "digest"}
    assert chart["destinations"]["backup"].keys() == DESTINATION


def test_makes_no_tag_and_no_claim(three: Sandbox) -> None:
    before = (three.remote_refs(), three.git("for-each-ref"))

    released(three)

    assert (three.remote_refs(), three.git("for-each-ref")) == before


def test_packed_dependencies_keep_their_versions(three: Sandbox) -> None:
    released(three)

    kano = archive(three, "kano", "0.0.0-dev")
    assert yaml.safe_load(kano["Chart.yaml"])["version"] == "0.0.0-dev"
    assert yaml.safe_load(kano["charts/common/Chart.yaml"])["version"] == "1.2.3"


def test_changes_one_scalar_of_the_chart_file(three: Sandbox) -> None:
    text = '# A chart.\nversion: "1.0.0"   # ours\nname: kube\napiVersion: v2\n'
    three.write("charts/kube/Chart.yaml", text)

    released(three, "kube")

    packed = archive(three, "kube", "0.0.0-dev")["Chart.yaml"].decode()
    assert packed.replace("0.0.0-dev", "1.0.0").replace('"', "") == text.replace('"', "")
    assert (three.path / "charts/kube/Chart.yaml").read_text() == text


def test_an_unknown_chart_fails_alone(three: Sandbox) -> None:
    charts = released(three, "kano", "kub", code=2)

    assert states(charts["kano"]) == {"published"}
    assert charts["kub"] == {
        **dict.fromkeys(("version", "app_version", "commit", "archive")),
        "name": "kub",
        "destinations": {},
        "error": {
            "kind": "invalid",
            "message": "there is no chart 'kub' in charts/",
            "remedy": "Perhaps you meant kube.",
        },
    }


def test_an_unknown_chart_alone_is_bad_input(three: Sandbox) -> None:
    before = everything(three)

    ended = three.run("release-dev-chart", "kub", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no chart 'kub'", "Perhaps you meant kube.")
    assert everything(three) == before


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("Chart.yaml", "- a", "Chart.yaml"),
        ("templates/configmap.yaml", "{{ nonsense", "Helm refuses kube 0.0.0-dev"),
    ],
)
def test_a_bad_chart_fails_alone(three: Sandbox, path: str, text: str, message: str) -> None:
    three.write(f"charts/kube/{path}", text)

    charts = released(three, code=2 if path == "Chart.yaml" else 1)

    assert states(charts["kano"]) == states(charts["common"]) == {"published"}
    assert message in charts["kube"]["error"]["message"]
    assert charts["kube"]["error"]["remedy"]
    assert "kube-0.0.0-dev.tgz" not in archives_in_bucket(three)


def test_ends_alike_whenever_a_chart_can_not_be_read(three: Sandbox) -> None:
    three.write("charts/kube/Chart.yaml", "- a")

    first, second = released(three, code=2), released(three, code=2)

    assert states(first["kano"]) == states(first["common"]) == {"published"}
    assert states(second["kano"]) == states(second["common"]) == {"unchanged"}
    assert first["kube"] == second["kube"]


def test_replaces_what_changed_and_leaves_the_rest(three: Sandbox) -> None:
    first = released(three)
    three.write("charts/kube/values.yaml", "greeting: changed\n")

    again = released(three)

    assert states(again["kube"]) == {"replaced"}
    assert states(again["kano"]) == states(again["common"]) == {"unchanged"}
    assert again["kano"]["archive"] == first["kano"]["archive"]
    sha256 = again["kube"]["archive"]["sha256"]
    assert archives_in_registry(three, "kube") == {"0.0.0-dev": sha256}
    assert archives_in_bucket(three)["kube-0.0.0-dev.tgz"] == sha256
    assert [each["digest"] for each in index(three)["kube"]] == [sha256]


def test_replaces_a_chart_whose_dependency_changed(three: Sandbox) -> None:
    released(three)
    three.write("charts/common/templates/_names.tpl", '{{- define "names" }}y{{ end }}\n')

    again = released(three)

    assert states(again["kano"]) == states(again["common"]) == {"replaced"}
    assert states(again["kube"]) == {"unchanged"}


def test_leaves_what_another_commit_did_not_change(three: Sandbox) -> None:
    released(three)
    three.write("README.md", "1")
    three.commit()

    assert all(states(chart) == {"unchanged"} for chart in released(three).values())


def test_makes_the_version_that_the_settings_say(three: Sandbox) -> None:
    three.environ["KARGO_RELEASE_DEV_VERSION"] = "{version}-dev.{count}.g{sha}"
    sha = three.git("rev-parse", "HEAD")

    charts = released(three)

    assert charts["common"]["version"] == f"1.2.3-dev.2.g{sha[:7]}"
    assert charts["kube"]["version"] == f"1.0.0-dev.2.g{sha[:7]}"
    assert archives_in_registry(three, "kube").keys() == {f"1.0.0-dev.2.g{sha[:7]}"}


@pytest.mark.parametrize("template", ["dev", "{version}-{nope}", "{version}-dev_1", "{count}"])
def test_tells_a_setting_that_makes_no_version(three: Sandbox, template: str) -> None:
    three.environ["KARGO_RELEASE_DEV_VERSION"] = template
    before = everything(three)

    ended = three.run("release-dev-chart", "--json")

    assert ended.exit_code == 2, ended.err
    assert ended.tells("dev_version", "{version}-dev.{count}.g{sha}")
    assert everything(three) == before


@pytest.mark.parametrize(
    ("version", "template", "fault"),
    [
        ("1.0.0", "{version}", "'1.0.0', which is no pre-release"),
        ("1.0.0", "{version}+{sha}", "which is no pre-release"),
        ("1.0.0-rc.1", "{version}", "'1.0.0-rc.1', which is the chart's own version"),
        ("1.0.0-rc.1+x", "{version}", "'1.0.0-rc.1', which is the chart's own version"),
    ],
)
def test_refuses_a_version_that_a_release_could_bear(
    platform: Sandbox, version: str, template: str, fault: str
) -> None:
    platform.write_chart("kano", version, more="description: Maps.\n")
    platform.commit()
    platform.push()
    assert platform.run("release-chart", "kano").exit_code == 0
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.environ["KARGO_RELEASE_DEV_VERSION"] = template
    before = everything(platform)

    ended = platform.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 2, ended.err
    assert ended.tells(fault, "{version}-dev.{count}.g{sha}")
    assert everything(platform) == before


def test_counts_no_commits_in_a_shallow_clone(local: Sandbox) -> None:
    head = local.git("rev-parse", "HEAD")
    local.write(".git/shallow", f"{head}\n")
    local.environ["KARGO_RELEASE_DEV_VERSION"] = "{version}-dev.{count}"

    ended = local.run("release-dev-chart", "--json")

    assert ended.exit_code == 3
    assert ended.tells("this shallow clone can't tell", "`git fetch --unshallow`")
    local.environ["KARGO_RELEASE_DEV_VERSION"] = "{version}-dev.g{sha}"
    assert local.run("release-dev-chart").exit_code == 0


def test_takes_the_working_tree_as_it_is(three: Sandbox) -> None:
    three.write(".gitignore", "*.log\n")
    three.write("charts/kube/values.yaml", "greeting: changed\n")
    three.write("charts/kube/templates/_new.tpl", "new\n")
    three.write("charts/kube/debug.log", "noise\n")
    three.git("mv", "charts/kube/templates/configmap.yaml", "charts/kube/templates/moved.yaml")
    before = files(three.path)

    released(three, "kube")

    packed = archive(three, "kube", "0.0.0-dev")
    assert packed.keys() == {
        *("Chart.yaml", "values.yaml", "templates/_new.tpl", "templates/moved.yaml"),
    }
    assert packed["values.yaml"] == b"greeting: changed\n"
    assert files(three.path) == before


def test_takes_a_chart_that_git_does_not_know_yet(three: Sandbox) -> None:
    three.write_chart("young")

    assert states(released(three, "young")["young"]) == {"published"}


def test_leaves_away_a_chart_that_was_removed(three: Sandbox) -> None:
    three.git("rm", "--quiet", "-r", "charts/kube")

    assert set(released(three)) == {"common", "kano"}


def test_tells_a_folder_without_charts(local: Sandbox) -> None:
    local.git("rm", "--quiet", "-r", "charts")

    ended = local.run("release-dev-chart", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no chart in charts/", "Charts are folders below it.")


def test_needs_no_push_and_no_clean_tree(three: Sandbox) -> None:
    three.write("charts/kube/values.yaml", "greeting: local\n")
    three.commit()

    assert states(released(three, "kube")["kube"]) == {"published"}


def test_never_replaces_a_release(three: Sandbox) -> None:
    three.run("release-chart", "kube")
    released(three, "kube")

    assert archives_in_registry(three, "kube").keys() == {"1.0.0", "0.0.0-dev"}
    assert [each["version"] for each in index(three)["kube"]] == ["1.0.0", "0.0.0-dev"]


def test_has_no_option_to_name_a_commit(three: Sandbox) -> None:
    ended: Ended = three.run("release-dev-chart", "--ref", "HEAD")

    assert ended.exit_code == 2
    assert "unknown option --ref" in ended.err


def test_the_archive_is_what_the_document_says(three: Sandbox) -> None:
    chart = released(three, "kube")["kube"]

    key = "helm/kube-0.0.0-dev.tgz"
    data = three.s3().get_object(Bucket=three.bucket, Key=key)["Body"].read()
    assert hashlib.sha256(data).hexdigest() == chart["archive"]["sha256"]
    assert len(data) == chart["archive"]["bytes"]


def test_a_chart_that_helm_crashes_on_fails_alone(three: Sandbox) -> None:
    endless = '{{ repeat 400000000 "aaaaaaaaaa" }}\n'
    three.write("charts/kube/templates/endless.yaml", endless)

    charts = released(three, code=1)

    assert states(charts["kano"]) == states(charts["common"]) == {"published"}
    assert "Helm crashed" in charts["kube"]["error"]["message"]
    assert states(charts["kube"]) == {"failed"}
