"""A release that was begun, or lost a part, is completed with the very bytes that are out."""

import gzip
import hashlib
from typing import Any

import pytest
import requests
from released import archives_in_bucket, check_released, claims, index, manifest_digest
from sandbox import Ended, Sandbox
from untouched import everything

from kargo_release.charts.desired import ARCHIVE_MEDIA_TYPE, CONFIG_MEDIA_TYPE, CONTENT_DIGEST
from kargo_release.oci.artifact import Artifact, Blob
from kargo_release.oci.registry import Registry

CLAIM = "refs/kargo-release/kano-1.0.0"
# Refuses to remove claims: the third argument of the hook is the new object.
KEEP = 'case "$1 $3" in refs/kargo-release/*" 0000"*) echo kept; exit 1;; esac'


def released(sandbox: Sandbox, *words: str) -> Ended:
    ended = sandbox.run("release-chart", "kano", *words, "--json")
    assert ended.exit_code == 0, ended.err
    return ended


def lose_tag(sandbox: Sandbox) -> None:
    sandbox.remote_git("update-ref", "-d", "refs/tags/kano-1.0.0")


def lose_archive(sandbox: Sandbox) -> None:
    sandbox.s3().delete_object(Bucket=sandbox.bucket, Key="helm/kano-1.0.0.tgz")


def lose_index(sandbox: Sandbox) -> None:
    sandbox.s3().delete_object(Bucket=sandbox.bucket, Key="helm/index.yaml")


def lose_entry(sandbox: Sandbox) -> None:
    text = "apiVersion: v1\nentries: {}\n"
    sandbox.s3().put_object(Bucket=sandbox.bucket, Key="helm/index.yaml", Body=text)


def lose_manifest(sandbox: Sandbox) -> None:
    host, _, path = sandbox.registry.partition("/")
    digest = manifest_digest(sandbox, "kano", "1.0.0")
    url = f"http://{host}/v2/{path}/kano/manifests/sha256:{digest}"
    assert requests.delete(url, timeout=30).status_code == 202


LOSSES = {
    "tag": lose_tag,
    "archive": lose_archive,
    "index": lose_index,
    "entry": lose_entry,
    "manifest": lose_manifest,
}
PLACES = {"tag": "tag", "manifest": "registry"}


@pytest.mark.parametrize("loss", LOSSES)
def test_puts_back_what_was_lost(platform: Sandbox, loss: str) -> None:
    first = released(platform).chart
    LOSSES[loss](platform)

    again = released(platform)

    lost = PLACES.get(loss, "backup")
    expected = {
        name: "published" if name == lost else "unchanged" for name in first["destinations"]
    }
    assert again.states == expected
    assert again.chart["archive"] == first["archive"]
    check_released(platform, first["commit"], {"kano": first["archive"]["sha256"]})


def test_puts_back_everything_but_one(platform: Sandbox) -> None:
    first = released(platform).chart
    for lose in (lose_archive, lose_index, lose_tag):
        lose(platform)

    again = released(platform).chart

    assert again["archive"] == first["archive"]
    assert again["destinations"]["registry"] == {
        **first["destinations"]["registry"],
        "state": "unchanged",
    }
    check_released(platform, first["commit"], {"kano": first["archive"]["sha256"]})


def test_takes_the_bytes_that_are_out_though_it_would_make_others(platform: Sandbox) -> None:
    first = released(platform).chart["archive"]
    lose_archive(platform)
    lose_index(platform)

    ended = platform.run("release-chart", "kano", "--json", environ={"SOURCE_DATE_EPOCH": "86400"})

    assert ended.exit_code == 0, ended.err
    assert ended.chart["archive"]["sha256"] == first["sha256"]
    [entry] = index(platform)["kano"]
    assert entry["digest"] == first["sha256"]


def test_indexes_the_archive_that_lies_there_deflated_otherwise(platform: Sandbox) -> None:
    first = released(platform).chart["archive"]
    key = "helm/kano-1.0.0.tgz"
    body = platform.s3().get_object(Bucket=platform.bucket, Key=key)["Body"].read()
    other = gzip.compress(gzip.decompress(body), compresslevel=1, mtime=1)
    platform.s3().put_object(Bucket=platform.bucket, Key=key, Body=other)
    lose_entry(platform)
    digest = hashlib.sha256(other).hexdigest()

    again = released(platform)

    assert digest != first["sha256"]
    assert again.states == {"registry": "unchanged", "backup": "published", "tag": "unchanged"}
    assert archives_in_bucket(platform) == {"kano-1.0.0.tgz": digest}
    assert [each["digest"] for each in index(platform)["kano"]] == [digest]
    assert set(released(platform).states.values()) == {"unchanged"}


def test_refuses_a_backup_that_holds_other_content(platform: Sandbox) -> None:
    released(platform)
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/kano-1.0.0.tgz", Body=b"other")
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    remedy = "a new version in its Chart.yaml. The tag kano-1.0.0 has this content"
    assert ended.tells("kano 1.0.0 is out with other content", remedy)
    assert "backup unlike kano-1.0.0" in platform.run("list-charts").out
    assert ended.states == {"registry": "unchanged", "backup": "refused", "tag": "unchanged"}
    assert everything(platform) == before


def claim(sandbox: Sandbox, commit: str = "HEAD") -> None:
    """Claim kano 1.0.0 as a releaser that died right after."""
    sandbox.git("push", "--quiet", "origin", f"{commit}:{CLAIM}")


def test_finishes_what_a_dead_releaser_began_at_the_same_commit(platform: Sandbox) -> None:
    claim(platform)

    ended = released(platform)

    assert set(ended.states.values()) == {"published"}
    assert claims(platform) == []


def test_finishes_at_the_claimed_commit_when_the_content_is_the_same(platform: Sandbox) -> None:
    begun = platform.git("rev-parse", "HEAD")
    claim(platform)
    platform.write("README.md", "1")
    platform.commit()
    platform.push()

    chart = released(platform).chart

    assert chart["commit"] == begun
    check_released(platform, begun, {"kano": chart["archive"]["sha256"]})


def test_finishes_a_claim_at_a_commit_that_this_clone_lacks(
    platform: Sandbox, tmp_path: Any
) -> None:
    other = platform.clone(tmp_path / "other")
    other.write("README.md", "1")
    begun = other.commit()
    other.push()
    claim(other)

    chart = released(platform).chart

    assert chart["commit"] == begun
    check_released(platform, begun, {"kano": chart["archive"]["sha256"]})


def begin_other_content(platform: Sandbox) -> str:
    """Claim a commit, then change the chart without a new version."""
    begun = platform.git("rev-parse", "HEAD")
    claim(platform)
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()
    return begun


def test_refuses_other_content_than_was_begun(platform: Sandbox) -> None:
    begun = begin_other_content(platform)
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3, ended.err
    assert begun[:12] in ended.document["error"]["message"]
    assert everything(platform) == before


def test_finishes_what_was_begun_from_its_commit(platform: Sandbox) -> None:
    begun = begin_other_content(platform)

    chart = released(platform, "--ref", begun).chart

    check_released(platform, begun, {"kano": chart["archive"]["sha256"]})


def test_abandons_what_was_begun_while_nothing_is_out(platform: Sandbox) -> None:
    begun = begin_other_content(platform)

    planned = platform.run("release-chart", "kano", "--abandon", "--dry-run")
    assert f"kano 1.0.0 would be abandoned (commit {begun[:12]})" in planned.out
    assert claims(platform) == [CLAIM]
    ended = platform.run("release-chart", "kano", "--abandon", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.document == {
        "command": "release-chart",
        "ok": True,
        "error": None,
        "charts": [{"name": "kano", "version": "1.0.0", "commit": begun}],
    }
    assert claims(platform) == []
    assert set(released(platform).states.values()) == {"published"}


def test_abandons_nothing_where_nothing_was_begun(platform: Sandbox) -> None:
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--abandon")

    assert (ended.exit_code, ended.out) == (0, "nothing was begun\n")
    assert everything(platform) == before


@pytest.mark.parametrize("loss", [["tag"], ["tag", "manifest"], ["tag", "archive", "entry"]])
def test_refuses_to_abandon_what_is_out(platform: Sandbox, loss: list[str]) -> None:
    released(platform)
    for each in loss:
        LOSSES[each](platform)
    claim(platform)
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--abandon", "--json")

    assert ended.exit_code == 3
    assert ended.tells("kano 1.0.0 can't be abandoned, for it is out: ", "release-chart kano")
    assert everything(platform) == before


def test_tells_a_remote_that_keeps_the_claim(platform: Sandbox) -> None:
    claim(platform)
    platform.hook("update", KEEP)

    ended = platform.run("release-chart", "kano", "--abandon", "--json")

    assert ended.exit_code == 1
    assert ended.tells(f"the Git remote keeps {CLAIM}: ", "Allow its removal")
    assert claims(platform) == [CLAIM]


def test_a_claim_that_can_not_be_removed_blocks_nothing(platform: Sandbox) -> None:
    platform.hook("update", KEEP)

    assert set(released(platform).states.values()) == {"published"}
    assert set(released(platform).states.values()) == {"unchanged"}
    assert claims(platform) == [CLAIM]
    platform.hook("update", "exit 0")
    released(platform)
    assert claims(platform) == []


def test_abandons_a_claim_though_the_settings_want_none(platform: Sandbox) -> None:
    begun = platform.git("rev-parse", "HEAD")
    claim(platform)
    platform.environ["KARGO_RELEASE_GIT__CLAIMS"] = "false"

    ended = platform.run("release-chart", "kano", "--abandon")

    assert (ended.exit_code, ended.out) == (0, f"kano 1.0.0 abandoned (commit {begun[:12]})\n")
    assert claims(platform) == []


def test_releases_without_claims_where_the_settings_say_so(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_GIT__CLAIMS"] = "false"
    platform.hook("update", 'case "$1" in refs/kargo-release/*) exit 1;; esac')

    assert set(released(platform).states.values()) == {"published"}


def test_the_archive_in_the_bucket_is_the_one_in_the_document(platform: Sandbox) -> None:
    chart = released(platform).chart

    body = platform.s3().get_object(Bucket=platform.bucket, Key="helm/kano-1.0.0.tgz")
    data = body["Body"].read()
    assert hashlib.sha256(data).hexdigest() == chart["archive"]["sha256"]
    assert len(data) == chart["archive"]["bytes"]
    assert body["Metadata"] == {"content-digest": chart["archive"]["content_digest"]}


def test_refuses_a_registry_that_holds_another_archive_than_it_says(platform: Sandbox) -> None:
    content = released(platform).chart["archive"]["content_digest"]
    for lose in (lose_tag, lose_archive, lose_index, lose_manifest):
        lose(platform)
    layer = Blob(ARCHIVE_MEDIA_TYPE, b"no archive of a chart")
    lie = Artifact(Blob(CONFIG_MEDIA_TYPE, b"{}"), (layer,), {CONTENT_DIGEST: content})
    registry = Registry(f"oci://{platform.registry}", plain_http=None, environ={})
    registry.push("kano", "1.0.0", lie, replace=True)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    assert ended.chart["error"]["message"].endswith("holds another archive than it says")
    assert ended.states == {"registry": "unchanged", "backup": "refused", "tag": "refused"}
    assert claims(platform) == []
