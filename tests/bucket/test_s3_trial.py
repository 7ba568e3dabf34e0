"""A trial tells how a bucket takes writes, and leaves the bucket as it was."""

import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from forwarding import Answer, Between, Broken, End, Forward, Proxy, Request, forwarding
from servers_s3 import faulty, s3_error

from bucket.conftest import OpenStore, keys_in, s3_client
from kargo_release.bucket.moments import EPOCH
from kargo_release.bucket.store import Trial
from kargo_release.errors import RefusedError

PROBE = "helm/.kargo-release-probe"
IN_1994 = datetime(1994, 11, 15, 8, 12, 31, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
CONDITIONS = ("If-Match", "If-None-Match")


def name_of(bucket: str) -> str:
    return bucket.split("/")[2]


def versions(endpoint: str, bucket: str) -> list[Any]:
    """Return every version and every delete marker in the bucket."""
    listing = s3_client(endpoint).list_object_versions(Bucket=name_of(bucket))
    kinds = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
    return sorted((each["Key"], each["VersionId"], each["IsLatest"]) for each in kinds)


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[Proxy]:
    """A proxy before the server that honours conditions."""
    with forwarding(s3_endpoint.removeprefix("http://")) as running:
        yield running


def unconditional(request: Request, upstream: str) -> Answer:
    """Pass a request on without its conditions, to a server that then has to take it."""
    headers = {name: value for name, value in request.headers if name not in CONDITIONS}
    connection = http.client.HTTPConnection(upstream)
    connection.request(request.method, request.path, request.body, headers)
    answer = connection.getresponse()
    told = tuple(each for each in answer.getheaders() if each[0] not in ("Date", "Server"))
    return Answer(answer.status, told, answer.read())


def test_finds_one_condition_honoured_and_writes_nothing(
    open_store: OpenStore, proxy: Proxy, s3_endpoint: str, bucket: str
) -> None:
    seen: list[tuple[str, int]] = []

    def keep(request: Request, forward: Forward) -> Answer:
        answer = forward()
        seen.append((request.method, answer.status))
        return answer

    proxy.between = keep
    trial = open_store(f"http://{proxy.host}", bucket).trial()

    assert (trial.conditions, trial.left) == ("half", "")
    assert [method for method, _ in seen] == ["HEAD", "PUT"]
    assert seen[1][1] >= 400
    assert keys_in(s3_endpoint, bucket) == []


def test_tries_both_conditions_on_a_probe_that_is_there(
    open_store: OpenStore, proxy: Proxy, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(f"http://{proxy.host}", bucket)
    store.check_writable()
    before = s3_client(s3_endpoint).head_object(Bucket=name_of(bucket), Key=PROBE)
    tried: list[str] = []

    def keep(request: Request, forward: Forward) -> Answer:
        tried.extend(name for name, _ in request.headers if name in CONDITIONS)
        return forward()

    proxy.between = keep

    assert store.trial().conditions == "honoured"
    assert sorted(tried) == ["If-Match", "If-None-Match"]
    after = s3_client(s3_endpoint).head_object(Bucket=name_of(bucket), Key=PROBE)
    assert after["LastModified"] == before["LastModified"]


def test_finds_conditions_ignored_and_removes_what_that_wrote(
    open_store: OpenStore, rclone_endpoint: str
) -> None:
    trial = open_store(rclone_endpoint, "s3://backup/ignored").trial()

    assert (trial.conditions, trial.left) == ("ignored", "")
    assert keys_in(rclone_endpoint, "s3://backup/ignored") == []


def test_keeps_a_probe_that_was_there(open_store: OpenStore, rclone_endpoint: str) -> None:
    client = s3_client(rclone_endpoint)
    client.put_object(Bucket="backup", Key="kept/.kargo-release-probe", Body=b"x")

    assert open_store(rclone_endpoint, "s3://backup/kept").trial().conditions == "ignored"

    assert keys_in(rclone_endpoint, "s3://backup/kept") == ["kept/.kargo-release-probe"]
    client.delete_object(Bucket="backup", Key="kept/.kargo-release-probe")


@pytest.mark.parametrize("was_there", [False, True])
def test_leaves_no_version_where_versions_are_kept(
    open_store: OpenStore, proxy: Proxy, s3_endpoint: str, bucket: str, was_there: bool
) -> None:
    client = s3_client(s3_endpoint)
    client.put_bucket_versioning(
        Bucket=name_of(bucket), VersioningConfiguration={"Status": "Enabled"}
    )
    if was_there:
        client.put_object(Bucket=name_of(bucket), Key=PROBE, Body=b"x")
    before = versions(s3_endpoint, bucket)
    proxy.between = lambda request, _: unconditional(request, proxy.upstream)

    trial = open_store(f"http://{proxy.host}", bucket).trial()

    assert (trial.conditions, trial.left) == ("ignored", "")
    assert versions(s3_endpoint, bucket) == before


def test_says_what_stays_where_nothing_may_be_removed(
    open_store: OpenStore, s3_endpoint: str, proxy: Proxy, bucket: str
) -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"

    def between(request: Request, forward: Forward) -> Answer:
        if request.method == "DELETE":
            return Answer(403, (("Content-Length", str(len(denied))),), denied)
        return unconditional(request, proxy.upstream)

    proxy.between = between
    trial = open_store(f"http://{proxy.host}", bucket).trial()

    assert (trial.conditions, trial.left) == ("ignored", f"{bucket}/.kargo-release-probe")
    assert keys_in(s3_endpoint, bucket) == [PROBE]


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (501, "Unknown")])
def test_tells_a_store_that_knows_no_conditions(
    open_store: OpenStore, status: int, code: str
) -> None:
    with faulty(
        lambda request: (
            s3_error(404, "NoSuchKey") if request.method == "HEAD" else s3_error(status, code)
        )
    ) as server:
        assert open_store(server.endpoint).trial().conditions == "unknown"


def test_tells_that_nobody_lets_us_write(open_store: OpenStore, proxy: Proxy, bucket: str) -> None:
    denied = b"<Error><Code>AccessDenied</Code></Error>"
    proxy.between = lambda request, forward: (
        Answer(403, (("Content-Length", str(len(denied))),), denied)
        if request.method == "PUT"
        else forward()
    )

    with pytest.raises(RefusedError, match="access is denied") as told:
        open_store(f"http://{proxy.host}", bucket).trial()

    assert "s3:PutObject" in told.value.remedy


def test_agrees_with_a_release_about_a_store_that_ignores_one_condition(
    open_store: OpenStore, proxy: Proxy, bucket: str
) -> None:
    def between(request: Request, forward: Forward) -> Answer:
        is_ignored = any(name == "If-None-Match" for name, _ in request.headers)
        return unconditional(request, proxy.upstream) if is_ignored else forward()

    proxy.between = between
    store = open_store(f"http://{proxy.host}", bucket)

    assert store.trial().conditions == "half"  # nothing is there on which the other could show
    with pytest.raises(RefusedError, match="the store ignores conditional writes"):
        store.check_writable()
    assert store.trial().conditions == "ignored"


def refusing_writes(refusal: bytes) -> Between:
    """Return what answers each write with these bytes."""
    return lambda request, forward: (
        Broken(refusal, End.CLOSED) if request.method == "PUT" else forward()
    )


def test_reads_the_time_of_the_server(
    open_store: OpenStore, s3_endpoint: str, proxy: Proxy, bucket: str
) -> None:
    told = open_store(s3_endpoint, bucket).trial().server_time
    assert told is not None
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=5)

    for date, time in (
        (b"Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n", IN_1994),
        (b"Date: yesterday\r\n", None),
        (b"Date: Fri, 31 Dec 9999 23:59:59 -0900\r\n", LATEST),
        (b"Date: Sat, 1 Jan 0500 00:00:00 GMT\r\n", EPOCH),
        (b"Date: Tue, 15 Nov 1994 09:12:31 +0100\r\n", IN_1994),
        (b"", None),
    ):
        refusal = b"HTTP/1.1 412 No\r\n" + date + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        proxy.between = refusing_writes(refusal)
        trial = open_store(f"http://{proxy.host}", bucket).trial()
        assert trial == Trial("half", "", time)
