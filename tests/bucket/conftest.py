from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast
from uuid import uuid4

import botocore.session
import pytest
from mypy_boto3_s3.client import S3Client
from servers_s3 import ACCESS_KEY, SECRET_KEY, moto, rclone

from kargo_release.bucket.s3 import S3Store


class OpenStore(Protocol):
    """Opens a store at an endpoint, with what the tests mostly want elsewhere."""

    def __call__(
        self, endpoint: str, url: str = "s3://backup/helm", *, single_writer: bool = False
    ) -> S3Store: ...


def _client(endpoint: str) -> S3Client:
    session = botocore.session.get_session()
    client = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)
    return cast("S3Client", client)


def keys_in(endpoint: str, url: str) -> list[str]:
    """Return the keys in the whole bucket of ``url``."""
    name = url.removeprefix("s3://").partition("/")[0]
    listing = _client(endpoint).list_objects_v2(Bucket=name)
    return [each["Key"] for each in listing.get("Contents", [])]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture
def open_store() -> OpenStore:
    def opened(
        endpoint: str, url: str = "s3://backup/helm", *, single_writer: bool = False
    ) -> S3Store:
        return S3Store(url, endpoint=endpoint, region=None, single_writer=single_writer, jobs=32)

    return opened


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    with moto() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(moto_endpoint: str) -> str:
    """Return the URL of a new bucket with a prefix."""
    name = f"backup-{uuid4().hex[:12]}"
    _client(moto_endpoint).create_bucket(Bucket=name)
    return f"s3://{name}/helm"


@pytest.fixture(scope="session")
def rclone_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a server with an empty bucket ``backup``."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "backup").mkdir()
    with rclone(folder) as endpoint:
        yield endpoint
