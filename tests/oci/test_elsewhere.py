"""Blobs and uploads that a registry keeps on other hosts: read from there, without our login."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import DockerRegistry, certified, docker_registry
from servers_s3 import ACCESS_KEY, SECRET_KEY, moto

from kargo_release.errors import InvalidError, RefusedError
from kargo_release.oci.registry import Registry

from .conftest import QUICK, OpenRegistry, artifact
from .faulty import Fault, FaultyServer, faulty_server

LOGIN = {
    "KARGO_RELEASE_REGISTRY_USERNAME": "robot$team+releaser",
    "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret",
}


@pytest.fixture
def bucket() -> Iterator[FaultyServer]:
    """An S3 server, behind a proxy that sees all requests."""
    with moto() as endpoint, faulty_server(endpoint.partition("://")[2]) as server:
        yield server


@pytest.fixture
def on_s3(bucket: FaultyServer, tmp_path: Path) -> Iterator[DockerRegistry]:
    """Docker's registry with a password, that keeps its blobs on S3 and leads there."""
    import botocore.session

    endpoint = f"http://{bucket.host}"
    client: Any = botocore.session.get_session().create_client(
        "s3", region_name="us-east-1", endpoint_url=endpoint
    )
    client.create_bucket(Bucket="registry")
    storage = {
        "accesskey": ACCESS_KEY, "secretkey": SECRET_KEY, "region": "us-east-1",
        "regionendpoint": endpoint, "bucket": "registry", "secure": False,
    }  # fmt: skip
    users = {"robot$team+releaser": "s3cret"}
    with docker_registry(tmp_path / "on-s3", htpasswd=users, storage={"s3": storage}) as registry:
        yield registry


def test_reads_blobs_that_lie_on_s3(
    on_s3: DockerRegistry, bucket: FaultyServer, open_registry: OpenRegistry
) -> None:
    registry = open_registry(on_s3.url, LOGIN)
    registry.push("kano", "1.4.0", artifact(), replace=False)
    before = len(bucket.seen)
    digest = artifact().layers[0].digest
    assert registry.blob("kano", digest, 100) == b"content"
    redirected = [each for each in bucket.seen[before:] if "X-Amz-Signature=" in each.path]
    assert len(redirected) == 1
    assert redirected[0].authorization == ""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sends_no_authorization_to_another_port(
    faulty: FaultyServer, open_registry: OpenRegistry, method: str
) -> None:
    with faulty_server() as other:
        ask = {"WWW-Authenticate": "Basic realm=x"}
        leads = {"Location": f"http://{other.host}/elsewhere"}
        faulty.faults = [
            Fault(method, "/", 401, ask, times=1),
            Fault("GET", "/blobs/", 307, leads),
            Fault("POST", "/", 202, leads),
        ]
        other.faults = [Fault("GET", "/", body=b"content"), Fault("PUT", "/", 201)]
        registry = open_registry(faulty.url, LOGIN)
        if method == "GET":
            assert registry.blob("kano", artifact().layers[0].digest, 9) == b"content"
        else:
            with pytest.raises(RefusedError):
                registry.push("kano", "1.4.0", artifact(), replace=True)
    assert faulty.seen[-1].authorization.startswith("Basic ")
    assert [each.authorization for each in other.seen if each.authorization] == []
    assert other.seen


@pytest.mark.parametrize("host", ["same", "other"])
def test_is_not_led_from_https_to_http(faulty: FaultyServer, tmp_path: Path, host: str) -> None:
    certificates = certified(tmp_path, "localhost")
    environ = {**LOGIN, "REQUESTS_CA_BUNDLE": str(certificates[0])}
    with faulty_server(tls=certificates) as secure:
        to = secure.host if host == "same" else faulty.host
        leads = {"Location": f"http://{to}/elsewhere"}
        secure.faults = [Fault("GET", "/blobs/", 307, leads), Fault("POST", "/", 202, leads)]
        registry = Registry(secure.url, plain_http=False, environ=environ, limits=QUICK)
        for use in (
            lambda: registry.blob("kano", artifact().layers[0].digest, 9),
            lambda: registry.push("kano", "1.4.0", artifact(), replace=True),
        ):
            with pytest.raises(InvalidError, match=f"leads from https to http://{to}") as raised:
                use()
            assert raised.value.remedy == "Set the external address of the registry to https."
    assert faulty.seen == []
