"""The main job, with a real Git remote, registry, S3 server and Helm."""

import json

import requests
from sandbox import Sandbox


def test_releases_one_chart_to_the_registry_the_backup_and_the_tag(platform: Sandbox) -> None:
    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    [chart] = ended.document["charts"]
    states = {name: each["state"] for name, each in chart["destinations"].items()}
    assert states == {"registry": "published", "backup": "published", "tag": "published"}
    refs = platform.remote_refs()
    assert set(refs) == {"refs/heads/main", "refs/tags/kano-1.0.0"}
    assert platform.remote_git("rev-parse", "kano-1.0.0^{commit}") == chart["commit"]
    tag = platform.remote_git("cat-file", "tag", "kano-1.0.0")
    assert f"Reference: {platform.registry}/kano:1.0.0" in tag
    assert f"Content-Digest: {chart['archive']['content_digest']}" in tag


def test_stores_the_same_archive_in_the_registry_and_in_the_indexed_backup(
    platform: Sandbox,
) -> None:
    [chart] = platform.run("release-chart", "kano", "--json").document["charts"]

    sha256 = chart["archive"]["sha256"]
    host, _, path = platform.registry.partition("/")
    manifest = requests.get(
        f"http://{host}/v2/{path}/kano/manifests/1.0.0",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        timeout=10,
    ).json()
    index = platform.s3().get_object(Bucket=platform.bucket, Key="helm/index.yaml")["Body"].read()
    [entry] = json.loads(index)["entries"]["kano"]
    assert manifest["layers"][0]["digest"] == f"sha256:{sha256}"
    assert (entry["digest"], entry["urls"]) == (sha256, ["kano-1.0.0.tgz"])


def test_finds_nothing_to_do_the_second_time(platform: Sandbox) -> None:
    first = platform.run("release-chart", "kano", "--json").document["charts"][0]
    before = platform.remote_refs()

    ended = platform.run("release-chart", "kano", "--json")

    [chart] = ended.document["charts"]
    assert ended.exit_code == 0
    assert {each["state"] for each in chart["destinations"].values()} == {"unchanged"}
    assert chart["archive"] == first["archive"]
    assert platform.remote_refs() == before


def test_refuses_a_version_that_is_out_with_other_content(platform: Sandbox) -> None:
    platform.run("release-chart", "kano")
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()
    before = platform.remote_refs()

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    assert "kano 1.0.0 is out with other content" in ended.document["error"]["message"]
    assert platform.remote_refs() == before
