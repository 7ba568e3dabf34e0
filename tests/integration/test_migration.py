"""A platform that scripts around helm, rclone and git tag have left moves in as it is."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import old_script
import pytest
import real_helm
import yaml
from old_script import KANO, NEEDS, TAG, URL, OldScript
from released import archives_in_bucket, archives_in_registry, claims, manifest_digest
from sandbox import Sandbox
from untouched import everything

OUT, ABSENT, DIFFERS = "unchanged", "planned", "refused"


@pytest.fixture
def script(platform: Sandbox, tmp_path: Path) -> OldScript:
    return OldScript(platform, tmp_path)


@pytest.fixture
def old(script: OldScript) -> OldScript:
    """The platform with every version of kano, HEAD one further."""
    old_script.release_kano(script)
    script.commit("kano", "3.0.0")
    script.sandbox.push()
    return script


def listed(sandbox: Sandbox, *names: str) -> dict[tuple[str, str], dict[str, Any]]:
    ended = sandbox.run("list-charts", *names, "--json")
    assert ended.exit_code == 0, ended.err
    assert ended.document["error"] is None
    return {(each["name"], each["version"]): each for each in ended.document["charts"]}


def states(chart: dict[str, Any]) -> tuple[str, ...]:
    return tuple(chart["destinations"][name]["state"] for name in ("registry", "backup", "tag"))


def sha256(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def indexed(sandbox: Sandbox, name: str = "kano") -> dict[str, dict[str, Any]]:
    """Return the entries of a chart in the index by their versions, as YAML parsers read them."""
    key = {"Bucket": sandbox.bucket, "Key": "helm/index.yaml"}
    document = yaml.safe_load(sandbox.s3().get_object(**key)["Body"].read())
    return {each["version"]: each for each in document["entries"].get(name, ())}


def test_tells_where_each_version_is(old: OldScript) -> None:
    found = listed(old.sandbox)

    assert {version: states(each) for (_, version), each in found.items()} == {
        "3.0.0": (ABSENT, ABSENT, ABSENT),
        "1.0.0": (OUT, OUT, OUT),
        "1.1.0": (OUT, OUT, OUT),
        "2.0.0": (OUT, ABSENT, ABSENT),
        "2.1.0": (OUT, OUT, ABSENT),
        "2.2.0": (OUT, ABSENT, OUT),
        "2.3.0": (ABSENT, ABSENT, OUT),
        "2.4.0": (OUT, ABSENT, OUT),
        "2.5.0": (OUT, ABSENT, OUT),
        "2.6.0": (ABSENT, OUT, ABSENT),
    }
    notes = {v: each["destinations"]["backup"]["note"] for (_, v), each in found.items()}
    told = {"2.4.0": "not yet in index.yaml", "2.5.0": "only in index.yaml"}
    assert notes == {**dict.fromkeys(notes), **told}
    assert {each["error"] for each in found.values()} == {None}
    assert [v for (_, v), each in found.items() if each["current"]] == ["3.0.0"]
    for version in KANO:
        chart = found["kano", version]
        assert chart["app_version"] == "1.2.3"
        assert chart["commit"] == old.commits["kano", version]
        if version != "2.3.0":  # which is out nowhere
            archive = old.archives["kano", version]
            assert chart["archive"]["sha256"] == sha256(archive)
            assert chart["archive"]["bytes"] == archive.stat().st_size
            assert chart["archive"]["content_digest"].startswith("sha256:")
    assert found["kano", "2.3.0"]["archive"] is None


def test_finishes_what_is_half_released_with_the_bytes_that_are_out(old: OldScript) -> None:
    sandbox = old.sandbox
    manifests = {
        v: manifest_digest(sandbox, "kano", v) for v in archives_in_registry(sandbox, "kano")
    }
    bucket, refs, entries = archives_in_bucket(sandbox), sandbox.remote_refs(), indexed(sandbox)
    check_tables(old)
    todo = {v: each["finish"] for (_, v), each in listed(sandbox).items() if each["finish"]}
    assert todo.keys() == {"2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0"}
    assert all(todo[v] == f"release-chart kano --ref kano-{v}" for v in todo if TAG in KANO[v])

    for command in todo.values():
        ended = sandbox.run(*command.split())
        assert ended.exit_code == 0, ended.err

    after = listed(sandbox)
    assert {states(after["kano", version]) for version in KANO} == {(OUT, OUT, OUT)}
    known = {v: sha256(old.archives["kano", v]) for v in KANO if v != "2.3.0"}
    assert archives_in_registry(sandbox, "kano").items() >= known.items()
    assert (
        archives_in_bucket(sandbox).items()
        >= {f"kano-{v}.tgz": s for v, s in known.items()}.items()
    )
    assert {v: manifest_digest(sandbox, "kano", v) for v in manifests} == manifests
    assert archives_in_bucket(sandbox).items() >= bucket.items()
    assert sandbox.remote_refs().items() >= refs.items()
    assert indexed(sandbox).items() >= {v: entries[v] for v in entries if v != "2.5.0"}.items()
    assert indexed(sandbox)["1.0.0"]["urls"] == [f"{URL}/kano-1.0.0.tgz"]
    assert claims(sandbox) == []


def check_tables(old: OldScript) -> None:
    """Fail unless complete versions are rows only where a chart is named."""
    overview, all_of_it = (
        old.sandbox.run("list-charts").out,
        old.sandbox.run("list-charts", "kano").out,
    )

    rows = [line.split()[1] for line in overview.splitlines()[1:-1]]
    assert rows == ["3.0.0", "2.6.0", "2.5.0", "2.4.0", "2.3.0", "2.2.0", "2.1.0", "2.0.0"]
    assert overview.splitlines()[-1] == "and 2 other versions, complete everywhere"
    assert [line.split()[1] for line in all_of_it.splitlines()[1:]] == [*rows, "1.1.0", "1.0.0"]
    line = next(line for line in overview.splitlines() if "2.5.0  " in line[:20])
    assert line.split("  ")[-1].strip() == "release-chart kano --ref kano-2.5.0"


def test_a_clone_without_tags_and_history_tells_the_same(old: OldScript, tmp_path: Path) -> None:
    expected = {key: states(each) for key, each in listed(old.sandbox).items()}
    clone = tmp_path / "shallow"
    address = f"file://{old.sandbox.remote}"
    old.sandbox.git("clone", "--quiet", "--no-tags", "--depth=1", address, str(clone))
    shallow = Sandbox(clone, old.sandbox.environ, old.sandbox.remote)

    found = listed(shallow)

    assert {key: states(each) for key, each in found.items()} == expected
    commit = old.commits["kano", "2.2.0"]
    assert found["kano", "2.2.0"]["finish"] == f"release-chart kano --ref {commit[:12]}"
    assert shallow.git("tag") == ""


@pytest.fixture
def torn(script: OldScript) -> OldScript:
    """A platform with one version whose copies differ: the bucket has the later one."""
    for greeting in ("first", "second"):
        script.package({("kano", "2.0.0"): script.commit("kano", "2.0.0", greeting=greeting)})
        if greeting == "first":
            script.push(("kano", "2.0.0"))
            script.sandbox.git("tag", "first")
    script.copy(("kano", "2.0.0"))
    script.index(("kano", "2.0.0"))
    script.commit("kano", "3.0.0")
    script.sandbox.push()
    return script


def test_tells_copies_that_differ(torn: OldScript) -> None:
    chart = listed(torn.sandbox)["kano", "2.0.0"]

    assert states(chart) == (OUT, DIFFERS, ABSENT)
    assert chart["finish"] is None
    assert "backup unlike the registry" in torn.sandbox.run("list-charts").out


def test_tells_copies_that_differ_from_the_tag(torn: OldScript) -> None:
    sandbox = torn.sandbox
    sandbox.git("tag", "kano-2.0.0", f"{torn.commits['kano', '2.0.0']}")
    torn.tag("kano-2.0.0")

    assert states(listed(sandbox)["kano", "2.0.0"]) == (DIFFERS, OUT, OUT)
    assert "registry unlike kano-2.0.0" in sandbox.run("list-charts").out


@pytest.mark.parametrize("ref", ["first", "HEAD~1"])
def test_refuses_to_finish_what_differs(torn: OldScript, ref: str) -> None:
    before = everything(torn.sandbox)

    ended = torn.sandbox.run("release-chart", "kano", "--ref", ref, "--json")

    assert ended.exit_code == 3
    assert ended.tells("kano 2.0.0 is out with other content", "new version")
    assert everything(torn.sandbox) == before


def test_tells_a_tag_that_stands_on_another_commit(script: OldScript) -> None:
    script.package({("kano", "2.0.0"): script.commit("kano", "2.0.0")})
    script.push(("kano", "2.0.0"))
    script.commit("kano", "3.0.0")
    script.sandbox.push()
    script.sandbox.git("tag", "kano-2.0.0")
    script.tag("kano-2.0.0")

    chart = listed(script.sandbox)["kano", "2.0.0"]

    assert states(chart) == (OUT, ABSENT, DIFFERS)
    head = script.sandbox.git("rev-parse", "HEAD")
    assert chart["destinations"]["tag"]["note"] == f"at commit {head[:12]}, which holds kano 3.0.0"
    assert chart["finish"] is None
    assert "the tag is at commit" in script.sandbox.run("list-charts").out


@pytest.mark.parametrize("has_lock", [True, False])
def test_finishes_what_helm_packed_with_dependencies(script: OldScript, has_lock: bool) -> None:
    sandbox = script.sandbox
    sandbox.write(".gitignore", "charts/*/charts/*.tgz\n" + ("" if has_lock else "Chart.lock\n"))
    sandbox.write_chart("common", library=True)
    sandbox.write_chart("kano", "2.0.0", more=NEEDS)
    real_helm.update_dependencies(sandbox.path / "charts/kano")
    script.package({("kano", "2.0.0"): script.commit("kano", "2.0.0", more=NEEDS)})
    assert ("charts/kano/Chart.lock" in sandbox.git("ls-files").splitlines()) is has_lock
    script.push(("kano", "2.0.0"))
    script.commit("kano", "3.0.0", more=NEEDS)
    sandbox.push()

    chart = listed(sandbox)["kano", "2.0.0"]

    assert states(chart) == (OUT, ABSENT, ABSENT)
    ended = sandbox.run(*chart["finish"].split(), "--json")
    assert ended.exit_code == 0, ended.err
    archive = script.archives["kano", "2.0.0"]
    assert archives_in_bucket(sandbox) == {"kano-2.0.0.tgz": sha256(archive)}


def test_lists_charts_that_are_gone_from_head(script: OldScript) -> None:
    sandbox = script.sandbox
    for name in ("ancient", "older"):
        script.package({(name, "1.0.0"): script.commit(name, "1.0.0")})
        script.push((name, "1.0.0"))
    sandbox.git("tag", "ancient-1.0.0")
    script.copy(("older", "1.0.0"))
    script.index(("older", "1.0.0"))
    shutil.rmtree(sandbox.path / "charts/ancient")
    shutil.rmtree(sandbox.path / "charts/older")
    sandbox.commit()
    sandbox.push()
    script.tag("ancient-1.0.0")
    sandbox.git("tag", "website-1.0.0")  # of something that never was a chart
    script.tag("website-1.0.0")

    found = listed(sandbox)

    assert found.keys() == {("ancient", "1.0.0"), ("older", "1.0.0"), ("kano", "1.0.0")}
    assert states(found["ancient", "1.0.0"]) == (OUT, ABSENT, OUT)
    assert states(found["older", "1.0.0"]) == (OUT, OUT, ABSENT)
    assert not found["ancient", "1.0.0"]["current"]
    assert "released, and not in HEAD: ancient, older" in sandbox.run("list-charts").out
    for key in found:
        if command := found[key]["finish"]:
            ended = sandbox.run(*command.split())
            assert ended.exit_code == 0, ended.err
    assert listed(sandbox, "older")["older", "1.0.0"]["finish"] is None


def test_reads_tags_of_another_form(script: OldScript) -> None:
    script.sandbox.environ["KARGO_RELEASE_GIT__TAG"] = "charts/{name}/v{version}"
    script.package({("kano", "2.0.0"): script.commit("kano", "2.0.0")})
    script.push(("kano", "2.0.0"))
    script.sandbox.git("tag", "charts/kano/v2.0.0")
    script.sandbox.git("tag", "kano-9.0.0")
    script.commit("kano", "3.0.0")
    script.sandbox.push()
    script.tag("charts/kano/v2.0.0", "kano-9.0.0")

    found = listed(script.sandbox)

    assert found.keys() == {("kano", "2.0.0"), ("kano", "3.0.0")}
    assert states(found["kano", "2.0.0"]) == (OUT, ABSENT, OUT)
    assert found["kano", "2.0.0"]["finish"] == "release-chart kano --ref charts/kano/v2.0.0"


def test_finishes_a_tagged_version_whose_branch_is_gone(script: OldScript) -> None:
    sandbox = script.sandbox
    sandbox.git("checkout", "--quiet", "-b", "hotfix")
    script.package({("kano", "2.0.1"): script.commit("kano", "2.0.1")})
    script.push(("kano", "2.0.1"))
    untagged = sandbox.run("release-chart", "kano", "--ref", "HEAD", "--json")
    assert untagged.exit_code == 3
    assert untagged.tells("is not on origin/main", "Push it first")
    sandbox.git("tag", "kano-2.0.1")
    script.tag("kano-2.0.1")
    sandbox.git("checkout", "--quiet", "main")
    sandbox.git("branch", "--quiet", "-D", "hotfix")

    finished = sandbox.run("release-chart", "kano", "--ref", "kano-2.0.1", "--json")

    assert finished.exit_code == 0, finished.err
    archive = script.archives["kano", "2.0.1"]
    assert archives_in_bucket(sandbox) == {"kano-2.0.1.tgz": sha256(archive)}
