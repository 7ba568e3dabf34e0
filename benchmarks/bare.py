"""The floor: requests by http.client on prepared bytes, over connections that are kept."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from typing import TypeVar
from urllib.parse import urlsplit

from servers_s3 import ACCESS_KEY

from kargo_release.oci.artifact import Artifact, Content

JOBS = 8
_SCOPE = f"{ACCESS_KEY}/20260101/us-east-1/s3/aws4_request"
S3_LOGIN = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={_SCOPE}, SignedHeaders=host, Signature=0"
}
"""What moto takes for a login: it looks at no signature, so that none need be worked out."""

Item = TypeVar("Item")


def each(host: str, work: Callable[[HTTPConnection, Item], None], items: Sequence[Item]) -> None:
    """Do ``work`` for each item in eight threads, each with one connection to ``host``."""

    def share(first: int) -> None:
        connection = HTTPConnection(host, timeout=30)
        for item in items[first::JOBS]:
            work(connection, item)
        connection.close()

    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(share, range(JOBS)))


def request(
    connection: HTTPConnection,
    method: str,
    path: str,
    wanted: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTTPResponse:
    """Send a request and return its answer, read; any status but ``wanted`` is an error."""
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    answer.read()
    if answer.status != wanted:
        raise AssertionError(f"{method} {path}: {answer.status} instead of {wanted}")
    return answer


def push(connection: HTTPConnection, repository: str, tag: str, artifact: Artifact) -> None:
    """Send what `Registry.push` sends with ``replace`` for a small artifact that is not there."""
    for blob in (artifact.config, *artifact.layers):
        _upload(connection, repository, blob)
    headers = {"Content-Type": artifact.manifest.media_type}
    path = f"/v2/{repository}/manifests/{tag}"
    request(connection, "PUT", path, 201, artifact.manifest.data, headers)


def _upload(connection: HTTPConnection, repository: str, blob: Content) -> None:
    begun = request(connection, "POST", f"/v2/{repository}/blobs/uploads/", 202)
    location = urlsplit(begun.headers["Location"])
    path = f"{location.path}?{location.query}&digest={blob.digest}"
    request(
        connection,
        "PUT",
        path,
        201,
        b"".join(blob.pieces()),
        {"Content-Type": "application/octet-stream"},
    )
