from collections.abc import Iterator
from typing import Protocol, cast
from uuid import uuid4

import botocore.session
import pytest
from mypy_boto3_s3.client import S3Client
from servers_s3 import rclone

from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_access import Access


class OpenStore(Protocol):
    """Opens a store at an endpoint, with what the tests mostly want elsewhere."""

    def __call__(
        self, endpoint: str, url: str = "s3://backup/helm", *, single_writer: bool = False
    ) -> S3Store: ...


def s3_client(endpoint: str) -> S3Client:
    session = botocore.session.get_session()
    client = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)
    return cast("S3Client", client)


def keys_in(endpoint: str, url: str) -> list[str]:
    """Return the keys in the bucket of ``url`` that begin with its path."""
    name, _, prefix = url.removeprefix("s3://").partition("/")
    listing = s3_client(endpoint).list_objects_v2(Bucket=name, Prefix=prefix)
    return [each["Key"] for each in listing.get("Contents", [])]


@pytest.fixture
def open_store() -> OpenStore:
    def opened(
        endpoint: str, url: str = "s3://backup/helm", *, single_writer: bool = False
    ) -> S3Store:
        return S3Store(url, Access(endpoint=endpoint), single_writer=single_writer, jobs=32)

    return opened


@pytest.fixture
def bucket(s3_endpoint: str) -> str:
    """Return the URL of a new bucket with a prefix."""
    name = f"backup-{uuid4().hex[:12]}"
    s3_client(s3_endpoint).create_bucket(Bucket=name)
    return f"s3://{name}/helm"


@pytest.fixture
def locked_bucket(s3_endpoint: str) -> str:
    """Return the URL of a new bucket that locks every object for 30 days."""
    name = f"locked-{uuid4().hex[:12]}"
    client = s3_client(s3_endpoint)
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
        },
    )
    return f"s3://{name}/helm"


@pytest.fixture(scope="session")
def rclone_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a server with an empty bucket ``backup``."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "backup").mkdir()
    with rclone(folder) as endpoint:
        yield endpoint
