"""A backup that an rclone remote names: rclone finds what we put, and we what rclone copied."""

import os
from pathlib import Path

import pytest
from real_rclone import rclone_says
from sandbox import Sandbox
from servers_s3 import ACCESS_KEY, SECRET_KEY


@pytest.fixture
def remote(platform: Sandbox) -> Sandbox:
    """Back up to the same bucket by an alias of a remote."""
    file = Path(os.environ["HOME"], ".config/rclone/rclone.conf")
    file.parent.mkdir(parents=True)
    file.write_text(
        f"[store]\ntype = s3\nprovider = Minio\nendpoint = {platform.endpoint}\n"
        f"access_key_id = {ACCESS_KEY}\nsecret_access_key = {SECRET_KEY}\n"
        f"[platform_charts]\ntype = alias\nremote = store:{platform.bucket}/helm\n"
    )
    del platform.environ["KARGO_RELEASE_S3__ENDPOINT"], platform.environ["KARGO_RELEASE_S3__REGION"]
    platform.environ["KARGO_RELEASE_BACKUP"] = "rclone:platform_charts"
    return platform


def test_releases_to_an_rclone_remote(remote: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ended = remote.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.chart["destinations"]["backup"] == {
        "reference": f"s3://{remote.bucket}/helm/kano-1.0.0.tgz",
        "state": "published",
    }
    assert SECRET_KEY not in ended.out + ended.err
    listed = rclone_says("lsf", "platform_charts:", environ={"HOME": os.environ["HOME"]})
    assert {"index.yaml", "kano-1.0.0.tgz"} <= set(listed.decode().split())
    assert remote.run("release-chart", "kano", "--json").states["backup"] == "unchanged"


def test_recognises_what_rclone_copied(remote: Sandbox, tmp_path: Path) -> None:
    packed = remote.run("package-chart", "kano", "--destination", str(tmp_path), "--json")
    assert packed.exit_code == 0, packed.err
    archive = Path(packed.chart["path"])
    home = {"HOME": os.environ["HOME"]}
    rclone_says("copy", str(remote.path / archive), "platform_charts:", environ=home)
    before = remote.s3().head_object(Bucket=remote.bucket, Key="helm/kano-1.0.0.tgz")

    ended = remote.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    after = remote.s3().head_object(Bucket=remote.bucket, Key="helm/kano-1.0.0.tgz")
    assert after["LastModified"] == before["LastModified"]
    assert b"kano-1.0.0.tgz" in rclone_says("cat", "platform_charts:index.yaml", environ=home)


@pytest.mark.parametrize(
    ("backup", "message", "remedy"),
    [
        (
            "rclone:platform_chart",
            "no remote platform_chart in",
            "Perhaps you meant platform_charts",
        ),
        ("rclone:store", "names no bucket in it", "rclone:store/BUCKET"),
        ("rclone:", "names no rclone remote", "rclone listremotes"),
    ],
)
@pytest.mark.parametrize("command", ["release-chart", "list-charts"])
def test_refuses_a_remote_that_will_not_do(
    remote: Sandbox, command: str, backup: str, message: str, remedy: str
) -> None:
    remote.environ["KARGO_RELEASE_BACKUP"] = backup

    ended = remote.run(command, "kano", "--json")

    assert ended.exit_code == 2
    assert ended.tells(message, remedy), ended.err
    assert remote.remote_refs().keys() == {"refs/heads/main"}


def test_refuses_an_endpoint_beside_the_remote(remote: Sandbox) -> None:
    ended = remote.run(
        "list-charts", "--json", environ={"KARGO_RELEASE_S3__ENDPOINT": remote.endpoint}
    )

    assert ended.exit_code == 2
    told = "KARGO_RELEASE_S3__ENDPOINT stands beside backup rclone:platform_charts"
    assert ended.tells(told, "Remove it")
