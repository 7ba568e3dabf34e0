"""Every released version of a chart in the list: what is out where, and what to do about it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from forwarding import Answer, Forward, Request, forwarding
from sandbox import Sandbox

OUT, ABSENT, DIFFERS, FAILED = "unchanged", "planned", "refused", "failed"
Chart = dict[str, Any]


def listed(sandbox: Sandbox, *words: str, code: int = 0) -> list[Chart]:
    ended = sandbox.run("list-charts", *words, "--json")
    assert ended.exit_code == code, ended.err
    charts: list[Chart] = ended.document["charts"]
    return charts


def states(chart: Chart) -> dict[str, tuple[str, ...]]:
    """Return the version with its states at the destinations."""
    found = chart["destinations"]
    return {chart["version"]: tuple(found[n]["state"] for n in ("registry", "backup", "tag"))}


def release(sandbox: Sandbox, *versions: str) -> None:
    """Commit and release versions of kano, one after the other."""
    for version in versions:
        sandbox.write_chart("kano", version)
        sandbox.write("README.md", version)
        sandbox.commit(version)
        if sandbox.remote:
            sandbox.push()
        assert sandbox.run("release-chart", "kano").exit_code == 0


def move_on(sandbox: Sandbox, version: str = "3.0.0") -> str:
    """Commit a version that is not released."""
    sandbox.write_chart("kano", version)
    commit = sandbox.commit(version)
    if sandbox.remote:
        sandbox.push()
    return commit


@pytest.fixture
def asked(platform: Sandbox) -> Iterator[list[str]]:
    """What registry and bucket are asked for, through recording proxies."""
    told: list[str] = []

    def keep(request: Request, forward: Forward) -> Answer | None:
        told.append(f"{request.method} {request.path}")
        return forward()

    host, _, path = platform.registry.partition("/")
    bucket = platform.endpoint.removeprefix("http://")
    with forwarding(host, keep) as registry, forwarding(bucket, keep) as s3:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{registry.host}/{path}"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{s3.host}"
        yield told


@pytest.mark.parametrize("place", ["local", "platform"])
def test_lists_every_version_that_was_released(place: str, request: pytest.FixtureRequest) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    release(sandbox, "1.0.0", "1.10.0", "1.9.0+one")
    move_on(sandbox)

    charts = listed(sandbox)

    assert [chart["version"] for chart in charts] == ["3.0.0", "1.10.0", "1.9.0+one", "1.0.0"]
    assert [chart["current"] for chart in charts] == [True, False, False, False]
    assert {version for chart in charts[1:] for version in states(chart).values()} == {(OUT,) * 3}
    assert {chart["last_release"]["version"] for chart in charts} == {"1.10.0"}
    assert {(chart["finish"], chart["abandon"], chart["error"]) for chart in charts} == {
        (None, None, None)
    }


def test_downloads_no_archive_of_ours(platform: Sandbox, asked: list[str]) -> None:
    release(platform, "1.0.0", "1.1.0")
    move_on(platform)
    asked.clear()

    assert len(listed(platform)) == 3

    assert not [
        each
        for each in asked
        if "/blobs/" in each or (each.startswith("GET /") and "kano-1." in each)
    ]


def test_asks_for_no_older_versions_where_only_heads_are_wanted(
    platform: Sandbox, asked: list[str]
) -> None:
    release(platform, "1.0.0")
    move_on(platform)
    asked.clear()

    [chart] = listed(platform, "--current")

    assert chart["version"] == "3.0.0"
    assert chart["last_release"]["version"] == "1.0.0"
    assert not [each for each in asked if "/tags/list" in each or "list-type" in each]


def test_lists_the_charts_that_are_named(local: Sandbox) -> None:
    local.write_chart("weacast")
    local.commit()

    assert [chart["name"] for chart in listed(local, "weacast")] == ["weacast"]


@pytest.mark.parametrize("options", [[], ["--current"]])
def test_refuses_an_unknown_name(platform: Sandbox, options: list[str]) -> None:
    ended = platform.run("list-charts", "kanoo", *options, "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no chart 'kanoo'", "Perhaps you meant kano.")


def test_refuses_a_name_that_no_chart_can_have(platform: Sandbox) -> None:
    ended = platform.run("list-charts", "../../Kano", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no chart '../../Kano'", "without a name shows all")


@pytest.mark.parametrize("template", ["0.0.0-dev", "{version}-dev.{count}.g{sha}"])
def test_leaves_development_versions_out(platform: Sandbox, template: str) -> None:
    platform.environ["KARGO_RELEASE_DEV_VERSION"] = template
    assert platform.run("release-dev-chart").exit_code == 0
    move_on(platform)

    assert [chart["version"] for chart in listed(platform)] == ["3.0.0"]


def test_takes_what_is_tagged_for_no_development_version(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_DEV_VERSION"] = "{version}-rc.{count}"
    release(platform, "1.0.0-rc.1")
    move_on(platform)

    assert [chart["version"] for chart in listed(platform)] == ["3.0.0", "1.0.0-rc.1"]


def test_leaves_out_an_image_in_the_charts_repository(platform: Sandbox) -> None:
    host, _, path = platform.registry.partition("/")
    base = f"http://{host}/v2/{path}/kano"
    start = requests.post(f"{base}/blobs/uploads/", timeout=30).headers["Location"]
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    requests.put(start, params={"digest": digest}, data=b"{}", timeout=30).raise_for_status()
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2}
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [config]}
    for tag in ("2.6.0", "latest"):
        url = f"{base}/manifests/{tag}"
        requests.put(
            url, json=document, headers={"Content-Type": kind}, timeout=30
        ).raise_for_status()

    assert [chart["version"] for chart in listed(platform)] == ["1.0.0"]


def test_tells_how_to_finish_and_how_to_drop_what_was_begun(platform: Sandbox) -> None:
    begun = platform.git("rev-parse", "HEAD")
    platform.git("push", "--quiet", "origin", "HEAD:refs/kargo-release/kano-1.0.0")
    move_on(platform)

    old = listed(platform)[1]

    assert states(old) == {"1.0.0": (ABSENT,) * 3}
    assert old["finish"] == f"release-chart kano --ref {begun[:12]}"
    assert old["abandon"] == f"{old['finish']} --abandon"
    assert f"{old['finish']}, or the same with --abandon" in platform.run("list-charts").out
    assert platform.run(*old["abandon"].split()).exit_code == 0
    assert [chart["version"] for chart in listed(platform)] == ["3.0.0"]


def test_offers_to_drop_nothing_that_is_out(platform: Sandbox) -> None:
    release(platform, "1.0.0")
    platform.remote_git("update-ref", "-d", "refs/tags/kano-1.0.0")
    platform.git("push", "--quiet", "origin", "HEAD:refs/kargo-release/kano-1.0.0")
    move_on(platform)

    old = listed(platform)[1]

    assert states(old) == {"1.0.0": (OUT, OUT, ABSENT)}
    assert old["abandon"] is None
    assert platform.run(*old["finish"].split()).exit_code == 0
    assert states(listed(platform)[1]) == {"1.0.0": (OUT, OUT, OUT)}


def test_lists_what_was_begun_beside_head_with_other_content(platform: Sandbox) -> None:
    begun = platform.git("rev-parse", "HEAD")
    platform.git("push", "--quiet", "origin", "HEAD:refs/kargo-release/kano-1.0.0")
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()

    head, other = listed(platform)

    assert (head["current"], head["finish"], head["abandon"]) == (True, None, None)
    assert (other["current"], other["version"], other["commit"]) == (False, "1.0.0", begun)
    assert other["finish"] == f"release-chart kano --ref {begun[:12]}"


def test_lists_the_release_beside_head_with_other_content(platform: Sandbox) -> None:
    release(platform, "1.0.0")
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()

    head, released = listed(platform)

    assert states(head) == {"1.0.0": (DIFFERS,) * 3}
    assert states(released) == {"1.0.0": (OUT,) * 3}
    assert "HEAD holds other content: raise the version" in platform.run("list-charts").out


def test_an_unreadable_archive_is_the_error_of_its_own_row(platform: Sandbox) -> None:
    release(platform, "1.0.0", "1.1.0")
    move_on(platform)
    key = {"Bucket": platform.bucket, "Key": "helm/kano-1.0.0.tgz"}
    platform.s3().put_object(**key, Body=b"no archive")

    head, good, bad = listed(platform)

    assert (head["error"], good["error"]) == (None, None)
    assert states(bad) == {"1.0.0": (OUT, FAILED, OUT)}
    assert "kano-1.0.0.tgz" in bad["error"]["message"]
    assert "is not gzip" in bad["error"]["message"]
    ended = platform.run("list-charts")
    assert "unreadable" in ended.out
    assert "error: " in ended.err


def test_a_commit_that_cant_be_packed_is_the_error_of_its_own_row(platform: Sandbox) -> None:
    release(platform, "1.0.0")
    platform.write_chart("kano", "2.0.0")
    platform.write("charts/kano/requirements.yaml", "dependencies: []\n")
    platform.commit()
    platform.git("tag", "kano-2.0.0")
    platform.git("rm", "--quiet", "charts/kano/requirements.yaml")
    move_on(platform)
    platform.git("push", "--quiet", "origin", "kano-2.0.0")

    head, bad, good = listed(platform)

    assert states(bad) == {"2.0.0": (ABSENT, ABSENT, FAILED)}
    assert "requirements.yaml is of Helm 2" in bad["error"]["message"]
    assert (head["error"], good["error"]) == (None, None)
    assert states(good) == {"1.0.0": (OUT,) * 3}


def test_tells_a_commit_that_the_remote_does_not_give(platform: Sandbox, tmp_path: Path) -> None:
    release(platform, "1.0.0")
    platform.git("checkout", "--quiet", "-b", "lost")
    platform.write_chart("kano", "2.0.0")
    lost = platform.commit()
    platform.git("push", "--quiet", "origin", f"{lost}:refs/tags/kano-2.0.0")
    clone = platform.clone(tmp_path / "clone-without-tags")
    clone.git("tag", "-d", "kano-2.0.0")
    clone.git("reflog", "expire", "--expire=now", "--all")
    clone.git("gc", "--quiet", "--prune=now")
    assert platform.remote is not None
    (platform.remote / "objects" / lost[:2] / lost[2:]).unlink()

    head, bad = listed(clone, code=1)

    assert head["error"] is None
    assert states(bad)["2.0.0"][2] == FAILED
    assert bad["error"]["kind"] == "failed"
    assert "can't read the Git remote origin" in bad["error"]["message"]


def test_tells_a_registry_that_lists_no_tags(platform: Sandbox) -> None:
    def refuse(request: Request, forward: Forward) -> Answer | None:
        return (
            Answer(403, (("Content-Length", "0"),)) if "/tags/list" in request.path else forward()
        )

    host, _, path = platform.registry.partition("/")
    with forwarding(host, refuse) as registry:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{registry.host}/{path}"
        ended = platform.run("list-charts", "--json")

    assert ended.exit_code == 3
    assert ended.tells("answered 403", "right")
