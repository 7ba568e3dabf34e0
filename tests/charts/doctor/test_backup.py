"""What doctor finds out of the backup, which holds the same objects before and after."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from diagnosis import Told, ask
from forwarding import Answer, Broken, End, Forward, Proxy, Request, forwarding
from sandbox import Sandbox
from servers_s3 import rclone
from untouched import everything

from kargo_release.charts.doctor import backup
from kargo_release.errors import FailedError, RefusedError, UsageError

BACKUP, LIST, INDEX, WRITE, HISTORY, CLOCK = backup.NAMES
DENIED = b"<Error><Code>AccessDenied</Code></Error>"


def look(sandbox: Sandbox) -> dict[str, Told]:
    """Return what is told, everything being what it was."""
    before = everything(sandbox)
    found = ask(backup.look, sandbox)
    assert everything(sandbox) == before
    return found


def answer(status: int, body: bytes = b"") -> Answer:
    return Answer(status, (("Content-Length", str(len(body))),), body)


@pytest.fixture
def proxy(platform: Sandbox) -> Iterator[Proxy]:
    """A proxy before the bucket."""
    with forwarding(platform.endpoint.removeprefix("http://")) as running:
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{running.host}"
        yield running


@pytest.fixture
def careless(platform: Sandbox, tmp_path: Path) -> Iterator[Sandbox]:
    """A platform with a bucket whose server ignores conditions."""
    (tmp_path / "s3/team").mkdir(parents=True)
    with rclone(tmp_path / "s3") as endpoint:
        platform.environ["KARGO_RELEASE_BACKUP"] = "s3://team/helm"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = endpoint
        yield platform


def test_finds_nothing_wrong(platform: Sandbox) -> None:
    found = look(platform)

    assert list(found) == list(backup.NAMES)
    assert {each.state for each in found.values()} == {"ok"}
    assert found[BACKUP].message == f"s3://{platform.bucket}/helm/ answers; keys from env"
    assert found[LIST].message == "it can be listed, and is empty"
    assert found[INDEX].message == "there is no index.yaml yet: the first release makes it"
    assert found[WRITE].message.endswith(
        "does not hold; the first release tries the other condition"
    )
    assert found[HISTORY].message.startswith("versioning is off")


def test_finds_nothing_wrong_after_a_release(platform: Sandbox) -> None:
    assert platform.run("release-chart", "kano").exit_code == 0
    assert platform.run("release-dev-chart", "kano").exit_code == 0

    found = look(platform)

    assert {each.state for each in found.values()} == {"ok"}
    assert found[LIST].message == "it can be listed"
    assert found[INDEX].message == "index.yaml can be read: 2 versions of 1 chart"
    assert found[WRITE].message == "it takes writes, and refuses one whose condition does not hold"


def test_warns_where_there_is_no_backup(platform: Sandbox) -> None:
    del platform.environ["KARGO_RELEASE_BACKUP"]

    found = look(platform)

    assert found[BACKUP].state == "warning"
    assert "no backup is set" in found[BACKUP].message
    assert "s3://BUCKET/PREFIX" in found[BACKUP].remedy
    assert {found[name].state for name in backup.NAMES[1:]} == {"not needed"}


def test_tells_of_the_local_backup(local: Sandbox) -> None:
    found = look(local)

    assert [each.state for each in found.values()] == ["ok"] * 4 + ["not needed"] * 2
    assert found[BACKUP].message == ".kargo/backup answers"
    assert "a lock keeps two releases apart" in found[WRITE].message


def test_tells_of_a_folder(local: Sandbox, tmp_path: Path) -> None:
    local.environ["KARGO_RELEASE_BACKUP"] = str(tmp_path / "a" / "b")
    local.environ["KARGO_RELEASE_REGISTRY"] = "oci://127.0.0.1:1/helm"

    assert look(local)[WRITE].state == "ok"
    assert not (tmp_path / "a").exists()


def test_tells_a_folder_that_is_none(local: Sandbox) -> None:
    local.write("file", "")
    local.environ["KARGO_RELEASE_BACKUP"] = "file/backup"

    with pytest.raises(FailedError, match="Not a directory") as told:
        _raise_first(look(local))

    assert told.value.remedy


def _raise_first(found: dict[str, Told]) -> None:
    for each in found.values():
        if each.state == "error":
            raise FailedError(each.message, each.remedy)


def test_says_what_a_remote_of_rclone_stands_for(
    platform: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "rclone.conf"
    config.write_text(
        "[team]\ntype = s3\nprovider = Other\naccess_key_id = releaser\n"
        f"secret_access_key = s3cret-key\nendpoint = {platform.endpoint}\n"
    )
    monkeypatch.setenv("RCLONE_CONFIG", str(config))
    del platform.environ["KARGO_RELEASE_S3__ENDPOINT"], platform.environ["KARGO_RELEASE_S3__REGION"]
    platform.environ["KARGO_RELEASE_BACKUP"] = f"rclone:team/{platform.bucket}/helm"

    found = look(platform)

    assert {each.state for each in found.values()} == {"ok"}
    assert found[BACKUP].message == (
        f"rclone:team/{platform.bucket}/helm, which is s3://{platform.bucket}/helm/, answers; "
        "keys from rclone"
    )
    assert "s3cret" not in str(found)


def test_says_that_the_keys_come_from_a_file(
    platform: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = "aws_access_key_id = releaser\naws_secret_access_key = s3cret-key\n"
    (tmp_path / "credentials").write_text(f"[default]\n{keys}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    told = ask(backup.look, platform)[BACKUP].message

    assert told.endswith("; keys from shared-credentials-file")
    monkeypatch.setenv("AWS_PROFILE", "team")
    with pytest.raises(UsageError, match="team"):
        ask(backup.look, platform)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE")
    with pytest.raises(RefusedError, match="no credentials for S3"):
        ask(backup.look, platform)


def test_raises_that_there_is_no_such_bucket(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://nobody-has-this/helm"

    with pytest.raises(RefusedError, match="there is no such bucket") as told:
        look(platform)

    assert "create the bucket" in told.value.remedy


def test_raises_that_the_server_is_away(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = "http://127.0.0.1:1"

    with pytest.raises(FailedError, match=r"cannot connect to 127\.0\.0\.1:1"):
        look(platform)


def test_raises_that_the_address_is_wrong(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://x"

    with pytest.raises(UsageError, match="not the address of a bucket"):
        look(platform)


def test_raises_that_the_secret_key_is_wrong(
    careless: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wr0ng-s3cret")

    with pytest.raises(RefusedError, match="signature is wrong") as told:
        look(careless)

    assert "AWS_SECRET_ACCESS_KEY" in told.value.remedy
    assert "wr0ng-s3cret" not in str(told.value)


def test_tells_an_index_that_cannot_be_read_and_goes_on(platform: Sandbox) -> None:
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/index.yaml", Body=b"<html>")

    found = look(platform)

    assert found[INDEX].state == "error"
    assert "index.yaml" in found[INDEX].message
    assert found[INDEX].remedy
    assert found[WRITE].state == "ok"


@pytest.mark.parametrize(
    ("method", "path", "name"), [("GET", "list-type=2", LIST), ("GET", "index.yaml", INDEX)]
)
def test_tells_the_right_that_is_lacking_and_goes_on(
    platform: Sandbox, proxy: Proxy, method: str, path: str, name: str
) -> None:
    proxy.between = lambda request, forward: (
        answer(403, DENIED) if request.method == method and path in request.path else forward()
    )

    found = look(platform)

    assert [each for each, told in found.items() if told.state != "ok"] == [name]
    assert found[name].state == "error"
    assert "access is denied" in found[name].message
    assert "s3:ListBucket" in found[name].remedy


def test_tells_that_nobody_lets_us_write(platform: Sandbox, proxy: Proxy) -> None:
    proxy.between = lambda request, forward: (
        answer(403, DENIED) if request.method == "PUT" else forward()
    )

    found = look(platform)

    assert found[WRITE].state == "error"
    assert "s3:PutObject" in found[WRITE].remedy
    assert found[CLOCK].state == "unknown"
    assert {found[name].state for name in (LIST, INDEX, HISTORY)} == {"ok"}


def test_refuses_a_store_that_ignores_conditions(careless: Sandbox, tmp_path: Path) -> None:
    told = look(careless)[WRITE]

    assert told.state == "error"
    assert "s3://team/helm/: the store ignores conditional writes" in told.message
    assert "`s3.single_writer: true`" in told.remedy
    assert not any(path.is_file() for path in (tmp_path / "s3").rglob("*"))


def test_warns_where_one_writer_is_promised(careless: Sandbox) -> None:
    careless.environ["KARGO_RELEASE_S3__SINGLE_WRITER"] = "true"

    told = look(careless)[WRITE]

    assert told.state == "warning"
    assert "s3.single_writer promises" in told.message
    assert "one release at a time" in told.remedy


def test_warns_of_a_promise_that_nobody_needs(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_S3__SINGLE_WRITER"] = "true"

    told = look(platform)[WRITE]

    assert told.state == "warning"
    assert "honours conditional writes, which s3.single_writer does without" in told.message
    assert "Take out" in told.remedy


@pytest.mark.parametrize("single_writer", ["true", "false"])
def test_tells_a_store_that_knows_no_conditions(
    platform: Sandbox, proxy: Proxy, single_writer: str
) -> None:
    platform.environ["KARGO_RELEASE_S3__SINGLE_WRITER"] = single_writer
    proxy.between = lambda request, forward: answer(501) if request.method == "PUT" else forward()

    told = look(platform)[WRITE]

    assert told.state == ("warning" if single_writer == "true" else "error")
    assert "the store does not know conditional writes" in told.message


def test_says_what_stays_where_nothing_may_be_removed(careless: Sandbox, tmp_path: Path) -> None:
    upstream = careless.environ["KARGO_RELEASE_S3__ENDPOINT"].removeprefix("http://")

    def between(request: Request, forward: Forward) -> Answer:
        return answer(403, DENIED) if request.method == "DELETE" else forward()

    with forwarding(upstream, between) as proxy:
        careless.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{proxy.host}"
        told = look(careless)[WRITE]

    probe = "s3://team/helm/.kargo-release-probe"
    assert told.message.endswith(f"{probe} stays, for it could not be removed")
    assert told.remedy.endswith(f" Remove {probe}.")
    assert (tmp_path / "s3/team/helm/.kargo-release-probe").exists()


def test_tells_that_versions_are_kept(platform: Sandbox) -> None:
    platform.s3().put_bucket_versioning(
        Bucket=platform.bucket, VersioningConfiguration={"Status": "Enabled"}
    )

    assert look(platform)[HISTORY] == Told(
        "ok", "versioning is enabled: former states of index.yaml are kept", ""
    )


def test_tells_what_is_locked(platform: Sandbox) -> None:
    platform.bucket += "-locked"
    platform.environ["KARGO_RELEASE_BACKUP"] = f"s3://{platform.bucket}/helm"
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}}
    platform.s3().create_bucket(Bucket=platform.bucket, ObjectLockEnabledForBucket=True)
    platform.s3().put_object_lock_configuration(
        Bucket=platform.bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )

    found = look(platform)

    assert {each.state for each in found.values()} == {"ok"}
    assert "object lock holds new objects: COMPLIANCE 1 year" in found[HISTORY].message


def test_says_that_a_store_does_not_tell(platform: Sandbox, proxy: Proxy) -> None:
    proxy.between = lambda request, forward: (
        answer(403, DENIED) if "versioning" in request.path else forward()
    )

    assert look(platform)[HISTORY].state == "unknown"


@pytest.mark.parametrize(
    ("date", "state", "message"),
    [
        (b"Tue, 15 Nov 1994 08:12:31 GMT", "warning", "s ahead of the store's"),
        (b"Fri, 15 Nov 2999 08:12:31 GMT", "warning", "s behind the store's"),
        (b"Fri, 31 Dec 9999 23:59:59 -0900", "warning", "s behind the store's"),
        (b"soon", "unknown", "does not tell its time"),
    ],
)
def test_compares_the_clocks(
    platform: Sandbox, proxy: Proxy, date: bytes, state: str, message: str
) -> None:
    refusal = b"HTTP/1.1 412 No\r\nDate: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    proxy.between = lambda request, forward: (
        Broken(refusal % date, End.CLOSED) if request.method == "PUT" else forward()
    )

    told = look(platform)[CLOCK]

    assert told.state == state
    assert message in told.message
    assert bool(told.remedy) == (state == "warning")
