"""What the real Helm or an old script released counts as released, with its own bytes."""

import hashlib
from pathlib import Path

import pytest
import real_helm
import requests
from released import archives_in_bucket, archives_in_registry, index
from sandbox import Sandbox


@pytest.fixture
def helms(platform: Sandbox, tmp_path: Path) -> Path:
    """The archive of kano as Helm packs it, which has other bytes than ours."""
    archive = real_helm.package(platform.path / "charts/kano", tmp_path)
    ours = platform.run("package-chart", "kano", "--dry-run", "--json").document["charts"][0]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() != ours["sha256"]
    return archive


def sha256(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def test_completes_what_helm_pushed(platform: Sandbox, helms: Path) -> None:
    real_helm.push(helms, f"oci://{platform.registry}")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.states == {"registry": "unchanged", "backup": "published", "tag": "published"}
    assert ended.chart["archive"]["sha256"] == sha256(helms)
    assert archives_in_bucket(platform) == {"kano-1.0.0.tgz": sha256(helms)}
    assert index(platform)["kano"][0]["digest"] == sha256(helms)
    again = platform.run("release-chart", "kano", "--json")
    assert set(again.states.values()) == {"unchanged"}


def test_completes_what_a_script_copied_to_the_bucket(platform: Sandbox, helms: Path) -> None:
    key = "helm/kano-1.0.0.tgz"
    platform.s3().put_object(Bucket=platform.bucket, Key=key, Body=helms.read_bytes())

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}
    assert archives_in_registry(platform, "kano") == {"1.0.0": sha256(helms)}
    assert index(platform)["kano"][0]["digest"] == sha256(helms)


def test_completes_what_helm_packed_with_its_dependencies(
    platform: Sandbox, tmp_path: Path
) -> None:
    platform.write_chart("common", library=True)
    needs = "dependencies:\n- name: common\n  version: ^1\n  repository: file://../common\n"
    platform.write_chart("kano", more=needs)
    platform.commit()
    platform.push()
    work = platform.clone(tmp_path / "work")
    real_helm.update_dependencies(work.path / "charts/kano")
    archive = real_helm.package(work.path / "charts/kano", tmp_path)
    real_helm.push(archive, f"oci://{platform.registry}")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.states["registry"] == "unchanged"
    assert archives_in_bucket(platform) == {"kano-1.0.0.tgz": sha256(archive)}


@pytest.mark.parametrize("kind", [[], ["--annotate", "--message", "by hand"]])
def test_completes_what_was_tagged_by_hand(platform: Sandbox, helms: Path, kind: list[str]) -> None:
    real_helm.push(helms, f"oci://{platform.registry}")
    platform.git("tag", *kind, "kano-1.0.0")
    platform.git("push", "--quiet", "origin", "kano-1.0.0")
    before = platform.remote_refs()

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.states == {"registry": "unchanged", "backup": "published", "tag": "unchanged"}
    assert platform.remote_refs() == before


def test_a_tag_on_another_commit_with_the_same_content_is_no_other_release(
    platform: Sandbox,
) -> None:
    platform.git("tag", "kano-1.0.0")
    platform.git("push", "--quiet", "origin", "kano-1.0.0")
    platform.write("README.md", "1")
    platform.commit()
    platform.push()

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.states == {"registry": "published", "backup": "published", "tag": "unchanged"}
    assert platform.remote_git("rev-parse", "kano-1.0.0") == platform.git("rev-parse", "HEAD~1")


def test_refuses_what_helm_pushed_of_other_content(platform: Sandbox, tmp_path: Path) -> None:
    work = platform.clone(tmp_path / "work")
    work.write("charts/kano/values.yaml", "greeting: changed\n")
    archive = real_helm.package(work.path / "charts/kano", tmp_path)
    real_helm.push(archive, f"oci://{platform.registry}")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    told = f"is out with other content: {platform.registry}/kano:1.0.0; it differs in values.yaml"
    assert ended.tells(
        told, "new version in its Chart.yaml. If that is no release of yours, remove it there"
    )
    assert archives_in_registry(platform, "kano") == {"1.0.0": sha256(archive)}
    assert archives_in_bucket(platform) == {}


@pytest.mark.parametrize(
    ("config_type", "held"),
    [
        ("application/vnd.oci.empty.v1+json", "something else than a Helm chart"),
        ("application/vnd.oci.image.config.v1+json", "a container image and no Helm chart"),
        ("application/vnd.docker.container.image.v1+json", "a container image and no Helm chart"),
    ],
)
@pytest.mark.parametrize("command", ["release-chart", "release-dev-chart"])
def test_tells_what_is_no_chart(
    platform: Sandbox, command: str, config_type: str, held: str
) -> None:
    host, _, path = platform.registry.partition("/")
    base = f"http://{host}/v2/{path}/kano"
    start = requests.post(f"{base}/blobs/uploads/", timeout=30).headers["Location"]
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    requests.put(start, params={"digest": digest}, data=b"{}", timeout=30).raise_for_status()
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {"mediaType": config_type, "digest": digest, "size": 2}
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [config]}
    headers = {"Content-Type": kind}
    tag = "1.0.0" if command == "release-chart" else "0.0.0-dev"
    url = f"{base}/manifests/{tag}"
    requests.put(url, json=document, headers=headers, timeout=30).raise_for_status()

    ended = platform.run(command, "kano", "--json")

    error = ended.document["error"] or ended.chart["error"]
    assert (ended.exit_code, error["kind"]) == (3, "refused")
    assert f"kano:{tag} holds {held}" in error["message"]
    assert "a path of their own" in error["remedy"]
    assert requests.get(url, headers={"Accept": kind}, timeout=30).json() == document
    assert platform.remote_refs().keys() == {"refs/heads/main"}
