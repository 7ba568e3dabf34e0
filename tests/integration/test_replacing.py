"""A development version gives way to new content, in the registry and in the backup."""

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox

_ARCHIVE = "kano-0.0.0-dev.tgz"


@pytest.mark.parametrize("place", ["local", "platform"])
def test_replaces_a_development_version_whose_content_changed(
    place: str, request: pytest.FixtureRequest
) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    before = sandbox.run("release-dev-chart", "kano", "--json").document["charts"][0]
    sandbox.write("charts/kano/values.yaml", "greeting: changed\n")

    ended = sandbox.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    [chart] = ended.document["charts"]
    states = {name: each["state"] for name, each in chart["destinations"].items()}
    assert states == {"registry": "replaced", "backup": "replaced"}
    assert chart["archive"]["content_digest"] != before["archive"]["content_digest"]
    [again] = sandbox.run("release-dev-chart", "kano", "--json").document["charts"]
    states = {name: each["state"] for name, each in again["destinations"].items()}
    assert states == {"registry": "unchanged", "backup": "unchanged"}


@pytest.mark.parametrize("place", ["local", "platform"])
def test_replaces_an_archive_that_is_in_no_index(
    place: str, request: pytest.FixtureRequest
) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    sandbox.run("release-dev-chart", "kano", "--json")
    before = _backed_up(sandbox, _ARCHIVE)
    _remove_from_backup(sandbox, "index.yaml")
    sandbox.write("charts/kano/values.yaml", "greeting: changed\n")

    ended = sandbox.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    [entry] = json.loads(_backed_up(sandbox, "index.yaml"))["entries"]["kano"]
    after = _backed_up(sandbox, _ARCHIVE)
    assert after != before
    assert sha256(after).hexdigest() == entry["digest"] == ended.chart["archive"]["sha256"]


@pytest.mark.parametrize("place", ["local", "platform"])
def test_indexes_an_archive_that_is_in_no_index(place: str, request: pytest.FixtureRequest) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    sandbox.run("release-dev-chart", "kano", "--json")
    _remove_from_backup(sandbox, "index.yaml")

    ended = sandbox.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    [entry] = json.loads(_backed_up(sandbox, "index.yaml"))["entries"]["kano"]
    assert sha256(_backed_up(sandbox, _ARCHIVE)).hexdigest() == entry["digest"]


def _backed_up(sandbox: "Sandbox", key: str) -> bytes:
    if not sandbox.bucket:
        return (sandbox.path / ".kargo/backup" / key).read_bytes()
    stored: bytes = sandbox.s3().get_object(Bucket=sandbox.bucket, Key=f"helm/{key}")["Body"].read()
    return stored


def _remove_from_backup(sandbox: "Sandbox", key: str) -> None:
    if not sandbox.bucket:
        (sandbox.path / ".kargo/backup" / key).unlink()
    else:
        sandbox.s3().delete_object(Bucket=sandbox.bucket, Key=f"helm/{key}")
