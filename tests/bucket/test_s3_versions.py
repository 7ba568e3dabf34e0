"""Buckets that keep former states of their objects."""

from base64 import b64encode
from hashlib import md5
from typing import Any

import pytest
from servers_s3 import Answer, Request, faulty, s3_error

from bucket.conftest import OpenStore, s3_client
from kargo_release.bucket.store import LostRaceError

TEXT = "text/plain"


@pytest.fixture
def versioned(s3_endpoint: str, bucket: str) -> str:
    s3_client(s3_endpoint).put_bucket_versioning(
        Bucket=bucket.split("/")[2], VersioningConfiguration={"Status": "Enabled"}
    )
    return bucket


def versions(endpoint: str, url: str, key: str) -> list[Any]:
    """Return the versions of an object, the newest first, and among them delete markers."""
    name = url.split("/")[2]
    told = s3_client(endpoint).list_object_versions(Bucket=name, Prefix=f"helm/{key}")
    return [*told.get("DeleteMarkers", []), *told.get("Versions", [])]


def test_keeps_conditions_where_versions_are_kept(
    open_store: OpenStore, s3_endpoint: str, versioned: str
) -> None:
    store = open_store(s3_endpoint, versioned)
    store.check_writable()
    first = store.put("k", b"1", if_match=None, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"2", if_match=None, content_type=TEXT)
    store.put("k", b"2", if_match=first.etag, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"3", if_match=first.etag, content_type=TEXT)
    assert len(versions(s3_endpoint, versioned, "k")) == 2
    assert [each.key for each in store.list()] == ["k"]


def test_puts_anew_what_was_removed(
    open_store: OpenStore, s3_endpoint: str, versioned: str
) -> None:
    store = open_store(s3_endpoint, versioned)
    store.put("k", b"1", if_match=None, content_type=TEXT)
    s3_client(s3_endpoint).delete_object(Bucket=versioned.split("/")[2], Key="helm/k")
    assert store.head("k") is None
    assert store.get("k", 1) is None
    assert list(store.list()) == []
    store.put("k", b"2", if_match=None, content_type=TEXT)
    assert store.get("k", 1) == (b"2", store.head("k"))


def test_loses_against_a_removal(open_store: OpenStore, s3_endpoint: str, versioned: str) -> None:
    store = open_store(s3_endpoint, versioned)
    first = store.put("k", b"1", if_match=None, content_type=TEXT)
    s3_client(s3_endpoint).delete_object(Bucket=versioned.split("/")[2], Key="helm/k")
    with pytest.raises(LostRaceError):
        store.put("k", b"2", if_match=first.etag, content_type=TEXT)


def test_writes_and_replaces_where_objects_are_locked(
    open_store: OpenStore, s3_endpoint: str, locked_bucket: str
) -> None:
    store = open_store(s3_endpoint, locked_bucket)
    store.check_writable()
    first = store.put("index.yaml", b"1", if_match=None, content_type=TEXT)
    store.put("index.yaml", b"2", if_match=first.etag, content_type=TEXT)
    assert store.get("index.yaml", 1) == (b"2", store.head("index.yaml"))
    client = s3_client(s3_endpoint)
    for each in versions(s3_endpoint, locked_bucket, "index.yaml"):
        version = client.head_object(
            Bucket=locked_bucket.split("/")[2], Key=each["Key"], VersionId=each["VersionId"]
        )
        assert version["ObjectLockMode"] == "GOVERNANCE"


def test_sends_the_digest_that_object_lock_demands(open_store: OpenStore) -> None:
    def answer(request: Request) -> Answer:
        if "Content-MD5" not in request.headers:
            return s3_error(400, "InvalidRequest", "Content-MD5 is required")
        return Answer(200, headers={"ETag": '"e"'})

    with faulty(answer) as server:
        open_store(server.endpoint).put("k", b"data", if_match=None, content_type=TEXT)
    [request] = server.requests
    digest = md5(b"data", usedforsecurity=False).digest()
    assert request.headers["Content-MD5"] == b64encode(digest).decode()
