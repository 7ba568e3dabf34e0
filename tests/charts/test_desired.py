"""What we push of a chart, held against what the real Helm pushes of the same archive."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import real_helm
import requests
from servers import DockerRegistry

from kargo_release.charts import archive
from kargo_release.charts.archive import ChartArchive, PackedFile
from kargo_release.charts.desired import CONTENT_DIGEST, ChartRelease
from kargo_release.errors import InvalidError
from kargo_release.git.repository import Commit
from kargo_release.oci.artifact import CREATED, MANIFEST_MEDIA_TYPE, descriptor

COMMIT = Commit("a" * 40, 1_700_000_000)

PLAIN = """\
apiVersion: v2
name: kano
version: 1.4.0
"""
FULL = """\
# The order of the keys is not Helm's.
dependencies:
- alias: db
  name: base
  version: ^1.0.0
  repository: file://../base
  tags: [one, two]
  condition: db.enabled
  import-values: [data, {parent: b, child: a}, {zeta: 1, alpha: {k: true, d: null}}]
  unknown: dropped
- name: other
  repository: file://../other
  enabled: true
  version: ">=1 <2"
type: application
kubeVersion: ">=1.28.0-0"
deprecated: true
appVersion: "1.10"
annotations: {zoo: last, org.opencontainers.image.url: https://other.example, a: "", é: ü}
tags: some
condition: kano.enabled
icon: https://example.com/icon.png?a=1&b=<2>
apiVersion: v2
maintainers:
- {name: Ada, email: ada@example.com, url: https://ada.example, phone: dropped}
- {name: "Grace\u00a0 Hopper"}
- {email: nobody@example.com}
keywords: [maps, "l\u2028s", <&>]
description: "Tabs\\tand\\nlines, \\x1c and \\e, soft\u00adhyphen, 日本 \\U0001F600 & <html>"
sources: [https://example.com/source, https://example.com/second]
home: https://example.com/é
version: 1.4.0-rc.1
name: kano
unknown: dropped
"""
BLANK = """\
apiVersion: v1
name: kano
version: 1.4.0
description: ""
home: " "
sources: [" ", https://example.com]
keywords: []
maintainers: [{name: "", email: ""}, {url: https://x.example}]
annotations:
  org.opencontainers.image.title: not this
  org.opencontainers.image.version: nor this
  org.opencontainers.image.created: "2001-01-01"
appVersion: 2026-01-31
deprecated: false
dependencies: []
"""


def release(chart_yaml: str) -> ChartRelease:
    files = [
        PackedFile("Chart.yaml", chart_yaml.encode()),
        PackedFile("values.yaml", b"a: 1\n"),
        PackedFile("charts/base/Chart.yaml", b"apiVersion: v2\nname: base\nversion: 1.0.0\n"),
        PackedFile("charts/other/Chart.yaml", b"apiVersion: v2\nname: other\nversion: 1.0.0\n"),
    ]
    version = "1.4.0-rc.1" if "rc.1" in chart_yaml else "1.4.0"
    packed = archive.pack("kano", version, files, archive.EPOCH)
    return ChartRelease(packed, COMMIT, is_dev=False)


def pushed_by_helm(
    ours: ChartRelease, folder: Path, registry: DockerRegistry
) -> tuple[dict[str, Any], bytes]:
    """Return the manifest and the configuration that Helm makes of our archive."""
    path = f"{uuid4().hex[:12]}/helm"
    (folder / ours.archive.file_name).write_bytes(ours.archive.tgz)
    real_helm.push(folder / ours.archive.file_name, f"oci://{registry.host}/{path}")
    base = f"http://{registry.host}/v2/{path}/kano"
    manifest = requests.get(
        f"{base}/manifests/{ours.oci_tag}", headers={"Accept": MANIFEST_MEDIA_TYPE}, timeout=10
    ).json()
    config = requests.get(f"{base}/blobs/{manifest['config']['digest']}", timeout=10).content
    return manifest, config


@pytest.mark.parametrize("chart_yaml", [PLAIN, FULL, BLANK], ids=["plain", "full", "blank"])
def test_pushes_what_helm_pushes(
    chart_yaml: str, tmp_path: Path, docker_host: DockerRegistry
) -> None:
    ours = release(chart_yaml)

    manifest, config = pushed_by_helm(ours, tmp_path, docker_host)

    assert ours.artifact.config.data.decode() == config.decode()
    document = json.loads(ours.artifact.manifest.data)
    annotations = document["annotations"]
    assert annotations.pop(CONTENT_DIGEST) == ours.archive.content_digest
    theirs = manifest["annotations"]
    if "2001-01-01" not in chart_yaml:
        assert (annotations.pop(CREATED), bool(theirs.pop(CREATED))) == (ours.created, True)
    assert document == manifest
    assert list(document) == list(manifest)


def test_makes_one_manifest_of_one_commit_wherever_it_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digest = release(FULL).artifact.manifest.digest
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    again = release(FULL)

    assert again.created == "2023-11-14T22:13:20Z"
    assert again.artifact.manifest.digest == digest


@pytest.mark.parametrize("time", [253_402_300_800, 2**62])
def test_tells_a_commit_of_a_time_that_nobody_can_write(time: int) -> None:
    ours = replace(release(PLAIN), commit=replace(COMMIT, time=time))

    with pytest.raises(InvalidError, match="commit aaaaaaaaaaaa was made after the year") as told:
        assert ours.artifact

    assert "whose clock is right" in told.value.remedy


def test_writes_a_plus_in_a_tag_as_helm_does(tmp_path: Path, docker_host: DockerRegistry) -> None:
    text = PLAIN.replace("1.4.0", "1.4.0+build.7")
    packed = archive.pack(
        "kano", "1.4.0+build.7", [PackedFile("Chart.yaml", text.encode())], archive.EPOCH
    )
    ours = ChartRelease(packed, COMMIT, is_dev=False)

    manifest, _ = pushed_by_helm(ours, tmp_path, docker_host)

    assert ours.oci_tag == "1.4.0_build.7"
    assert manifest["layers"] == [descriptor(ours.artifact.layers[0])]


def test_sends_the_bytes_that_are_out_but_says_the_same_of_them() -> None:
    ours = release(PLAIN)
    other = archive.pack("kano", "1.4.0", ours.archive.files, 0)
    out = ChartArchive(other.name, other.version, ours.archive.files, other.tgz)

    again = ours.with_archive(out)

    assert b"".join(again.artifact.layers[0].pieces()) == other.tgz
    assert again.artifact.annotations == ours.artifact.annotations
    assert again.artifact.config == ours.artifact.config
