from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

import pytest
from servers_s3 import Answer, Request, faulty, rclone, s3_error

from bucket.conftest import OpenStore, s3_client
from kargo_release.bucket import s3_listing
from kargo_release.bucket.moments import EPOCH
from kargo_release.bucket.store import Listed
from kargo_release.errors import FailedError, RefusedError

XML = {"Content-Type": "application/xml"}


def listing(keys: str, *, truncated: str = "false", more: str = "") -> Answer:
    """Return a page of a list as S3 sends it."""
    objects = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys.split()
    )
    body = f"<ListBucketResult>{objects}<IsTruncated>{truncated}</IsTruncated>{more}"
    return Answer(200, f"{body}</ListBucketResult>".encode(), XML)


def etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


@pytest.fixture(params=["moto", "rclone"])
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return the endpoint and the bucket's URL, with a prefix, of each kind of server."""
    if request.param == "rclone":
        return request.getfixturevalue("rclone_endpoint"), "s3://backup/listed"
    return request.getfixturevalue("s3_endpoint"), request.getfixturevalue("bucket")


def test_lists_what_lies_directly_under_the_prefix(
    open_store: OpenStore, place: tuple[str, str]
) -> None:
    endpoint, url = place
    store = open_store(endpoint, url, single_writer=True)
    for key in ("kano-1.0.0+b c.tgz", "index.yaml", "é"):
        stored = store.put(key, key.encode(), if_match=None, content_type="text/plain")
        assert stored.etag == etag(key.encode())
    bucket, prefix = url.removeprefix("s3://").split("/")
    for key in (".kargo-release-probe", "sub/k", "sub2/index.yaml"):
        s3_client(endpoint).put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=b"1")
    s3_client(endpoint).put_object(Bucket=bucket, Key=f"{prefix}-other", Body=b"1")
    assert list(store.list()) == [
        Listed("index.yaml", 10, etag(b"index.yaml")),
        Listed("kano-1.0.0+b c.tgz", 18, etag(b"kano-1.0.0+b c.tgz")),
        Listed("é", 2, etag("é".encode())),
    ]


def test_lists_nothing_of_an_empty_bucket(open_store: OpenStore, place: tuple[str, str]) -> None:
    endpoint, url = place
    assert list(open_store(endpoint, f"{url}-unused").list()) == []


def test_lists_page_by_page(
    open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:04}.tgz" for number in range(1005)]
    (tmp_path / "many").mkdir()
    for name in names:
        (tmp_path / "many" / name).touch()
    monkeypatch.setattr(s3_listing, "_MOST_PAGES", 2)
    with rclone(tmp_path) as endpoint:
        assert [each.key for each in open_store(endpoint, "s3://many").list()] == names


def test_leaves_out_what_a_careless_server_adds(open_store: OpenStore) -> None:
    keys = "helm/ helm/a.tgz helm/sub/b.tgz other/c.tgz helm/.hidden helm/%0A helm/%FF"
    answer = listing(keys, more="<EncodingType>url</EncodingType>")
    with faulty(lambda _: answer) as server:
        found = [each.key for each in open_store(server.endpoint).list()]
    assert found == ["a.tgz", "\ufffd"]


@pytest.mark.parametrize(
    ("told", "modified"),
    [
        ("2026-11-21T09:00:00.000+01:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("2026-11-21T08:00:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("9999-12-31T23:59:59-09:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0500-01-01T00:00:00Z", EPOCH),
        ("0001-01-01T00:00:00+09:00", EPOCH),
        ("", EPOCH),
    ],
)
def test_tells_when_an_object_was_stored_in_years_that_every_program_reads(
    open_store: OpenStore, told: str, modified: datetime
) -> None:
    time = f"<LastModified>{told}</LastModified>" if told else ""
    object_ = f"<Contents><Key>helm/a</Key><Size>1</Size>{time}</Contents>"
    with faulty(lambda _: listing("", more=object_)) as server:
        (found,) = open_store(server.endpoint).list()
    assert found.modified == modified
    assert found.modified.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "told", ["yesterday", "1e300", "nan", "-1e99", "99999999999999999999", " "]
)
def test_tells_a_time_that_is_none(open_store: OpenStore, told: str) -> None:
    object_ = f"<Contents><Key>helm/a</Key><LastModified>{told}</LastModified></Contents>"
    with (
        faulty(lambda _: listing("", more=object_)) as server,
        pytest.raises(FailedError, match="none of S3's"),
    ):
        list(open_store(server.endpoint).list())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (listing("helm/a", truncated="true"), "breaks off"),
        (Answer(200, b"<html>hello</html>", XML), "no list of objects"),
        (Answer(200, b"", XML), "no list of objects"),
        (listing("helm/a", more="<Contents><Size>many</Size></Contents>"), "none of S3's"),
    ],
)
def test_tells_what_is_no_complete_list(
    open_store: OpenStore, answer: Answer, message: str
) -> None:
    with faulty(lambda _: answer) as server, pytest.raises(FailedError, match=message) as caught:
        list(open_store(server.endpoint).list())
    assert caught.value.message.startswith("s3://backup/helm/: ")
    assert "is an S3 server" in caught.value.remedy


def test_gives_up_a_list_that_never_ends(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "_MOST_PAGES", 3)

    def answer(request: Request) -> Answer:
        token = f"<NextContinuationToken>{len(request.path)}</NextContinuationToken>"
        return listing("helm/a", truncated="true", more=token)

    with faulty(answer) as server, pytest.raises(FailedError, match="no end after 3 pages"):
        list(open_store(server.endpoint).list())
    assert len(server.requests) == 3


def test_tells_a_list_that_is_denied(open_store: OpenStore) -> None:
    denied = s3_error(403, "AccessDenied")
    with faulty(lambda _: denied) as server, pytest.raises(RefusedError, match="denied") as caught:
        list(open_store(server.endpoint).list())
    assert caught.value.message.startswith("s3://backup/helm/: ")
    assert "s3:ListBucket" in caught.value.remedy
