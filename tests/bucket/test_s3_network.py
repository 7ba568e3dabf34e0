"""Where requests go, and by what way: endpoints, authorities of certificates, proxies."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from servers import self_signed, serving
from servers_s3 import Answer, Request, faulty, free_port, s3_error
from talking import drip, talking

from bucket.conftest import OpenStore
from kargo_release.bucket import s3_session
from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_access import Access
from kargo_release.errors import FailedError, RefusedError, UsageError

MISSING = Answer(404)
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://some-bucket.s3.eu-west-3.amazonaws.com",
        "https://Some-Bucket.s3-eu-west-3.amazonaws.com",
        "https://s3.example.com/some-bucket",
        "https://s3.example.com/storage/some-bucket/",
    ],
)
def test_refuses_an_endpoint_with_the_bucket_in_it(open_store: OpenStore, endpoint: str) -> None:
    with pytest.raises(UsageError, match=r"`s3\.endpoint` has the bucket some-bucket") as caught:
        open_store(endpoint, "s3://some-bucket/helm").head("k")
    assert "Write only the server's own address" in caught.value.remedy


def test_takes_a_server_that_bears_the_buckets_name(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(lambda _: MISSING) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
        open_store("http://some-bucket.example.com/api", "s3://some-bucket/helm").head("k")
    assert [each.path for each in proxy.requests] == [
        "http://some-bucket.example.com/api/some-bucket/helm/k"
    ]


def test_asks_aws_by_the_buckets_own_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3Store("s3://some-bucket", Access(region="eu-west-3"), single_writer=False, jobs=1)
    with faulty(lambda _: Answer(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint)
        with pytest.raises(FailedError, match="the proxy"):
            store.head("k")
    assert {(each.method, each.path) for each in proxy.requests} == {
        ("CONNECT", "some-bucket.s3.eu-west-3.amazonaws.com:443")
    }


def test_goes_by_the_proxy_but_not_to_hosts_without_one(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(lambda _: MISSING) as proxy, faulty(lambda _: MISSING) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
        open_store(server.endpoint).head("by-proxy")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        open_store(server.endpoint).head("direct")
    assert [each.path for each in proxy.requests] == [f"{server.endpoint}/backup/helm/by-proxy"]
    assert [each.path for each in server.requests] == ["/backup/helm/direct"]


def test_tells_a_proxy_that_does_not_answer_without_its_password(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://me:s3cret@127.0.0.1:{port}")
    with pytest.raises(FailedError, match=rf"the proxy 127\.0\.0\.1:{port} does not") as caught:
        open_store("http://s3.example.com").head("k")
    assert "NO_PROXY" in caught.value.remedy
    assert "s3cret" not in str(caught.value)


class _Missing(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def secure_endpoint(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield an endpoint, and the certificate of the authority that nobody knows."""
    from cryptography.hazmat.primitives import serialization

    certificate, key = self_signed(tmp_path)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with serving(_Missing, tls=(certificate, tmp_path / "key.pem")) as host:
        yield f"https://{host}", certificate


@pytest.mark.parametrize("variable", BUNDLES)
def test_trusts_the_authority_that_is_named(
    variable: str,
    secure_endpoint: tuple[str, Path],
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint, certificate = secure_endpoint
    monkeypatch.setenv(variable, str(certificate))
    assert open_store(endpoint).head("k") is None


def test_tells_an_authority_that_nobody_knows(
    secure_endpoint: tuple[str, Path], open_store: OpenStore
) -> None:
    endpoint, _ = secure_endpoint
    with pytest.raises(FailedError, match=r"certificate of localhost:\d+ is not tru") as caught:
        open_store(endpoint).head("k")
    assert "AWS_CA_BUNDLE" in caught.value.remedy


@pytest.mark.parametrize("variable", BUNDLES)
def test_tells_a_file_of_authorities_that_is_none(
    variable: str,
    secure_endpoint: tuple[str, Path],
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").touch()
    for path in ("absent", "empty"):
        monkeypatch.setenv(variable, str(tmp_path / path))
        with pytest.raises(UsageError, match=rf"authorities that {variable} names") as caught:
            open_store(secure_endpoint[0]).head("k")
        assert caught.value.remedy == "Correct the path."


@pytest.mark.parametrize("variable", BUNDLES)
def test_tells_a_folder_of_authorities(
    variable: str,
    secure_endpoint: tuple[str, Path],
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(UsageError, match=f"{variable} names a folder, and S3 needs a") as caught:
        open_store(secure_endpoint[0]).head("k")
    assert caught.value.remedy == "Name a file with all the authorities in AWS_CA_BUNDLE."


@pytest.mark.parametrize("variable", BUNDLES)
def test_reads_no_authorities_for_plain_http(
    variable: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/absent")
    with faulty(lambda _: MISSING) as server:
        assert open_store(server.endpoint).head("k") is None


@pytest.mark.parametrize(
    "once",
    [
        s3_error(500, "InternalError"),
        s3_error(400, "RequestTimeout"),
        s3_error(429, "TooManyRequests"),
        Answer(502, b"<html>bad gateway</html>"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_tries_again_what_fails_once(open_store: OpenStore, once: Answer) -> None:
    answers = iter([once, Answer(200, headers={"ETag": '"e"'})])
    with faulty(lambda _: next(answers)) as server:
        open_store(server.endpoint).put("k", b"1", if_match=None, content_type="text/plain")
    assert [each.headers["If-None-Match"] for each in server.requests] == ["*", "*"]


ACTS: dict[str, Callable[[S3Store], object]] = {
    "head": lambda store: store.head("k"),
    "get": lambda store: store.get("k", 1000),
    "put": lambda store: store.put("k", b"", if_match=None, content_type="text/plain"),
    "list": lambda store: list(store.list()),
}
ELSEWHERE = [
    s3_error(301, "PermanentRedirect"),
    s3_error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-3</Region>"),
]


@pytest.mark.parametrize("answer", ELSEWHERE, ids=["301", "400"])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_follows_a_bucket_to_its_region(
    open_store: OpenStore, act: Callable[[S3Store], object], answer: Answer
) -> None:
    answer.headers["x-amz-bucket-region"] = "eu-west-3"

    def told(request: Request) -> Answer:
        return THERE if "/eu-west-3/s3/" in request.headers["Authorization"] else answer

    with faulty(told) as server:
        act(open_store(server.endpoint))
    assert [each.path for each in server.requests] == [server.requests[0].path] * 2


THERE = Answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
THERE.headers["ETag"] = '"e"'


@pytest.mark.parametrize("answer", ELSEWHERE, ids=["301", "400"])
def test_tells_the_region_that_it_could_not_follow(open_store: OpenStore, answer: Answer) -> None:
    answer.headers["x-amz-bucket-region"] = "eu-west-3"
    with faulty(lambda _: answer) as server, pytest.raises(RefusedError) as caught:
        open_store(server.endpoint).get("k", 1)
    assert "the bucket is in another region" in caught.value.message
    assert caught.value.remedy == "Set `s3.region` to eu-west-3."


def test_tells_a_clock_that_is_wrong(open_store: OpenStore) -> None:
    skewed = s3_error(403, "RequestTimeTooSkewed", "The difference is too large.")
    with faulty(lambda _: skewed) as server, pytest.raises(RefusedError) as caught:
        open_store(server.endpoint).get("k", 1)
    assert re.search(
        r"clock differs from the server's by too much, where it is \w{3}, \d\d \w{3} \d{4} \d\d:",
        caught.value.message,
    )
    assert caught.value.remedy == "Set the clock, then run it again."


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("act", [ACTS["put"], ACTS["list"]], ids=["put", "list"])
def test_ends_an_answer_that_is_larger_than_any(
    open_store: OpenStore,
    act: Callable[[S3Store], object],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_session, "LARGEST_ANSWER", 1 << 20)
    large = Answer(status, b" " * ((1 << 20) + 1), {"ETag": '"e"'})
    with faulty(lambda _: large) as server, pytest.raises(FailedError) as caught:
        act(open_store(server.endpoint))
    assert len(server.requests) == 1
    assert caught.value.message.endswith("the answer has more than 1 MiB")
    assert "is an S3 server" in caught.value.remedy


BODY = b'HTTP/1.1 200 OK\r\nETag: "e"\r\n'


@pytest.mark.parametrize("act", [ACTS["get"], ACTS["put"], ACTS["list"]])  # HEAD has no body
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (BODY + b"Content-Length: 999\r\n\r\n", b" "),
        (BODY + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (BODY.replace(b"200", b"500") + b"Content-Length: 999\r\n\r\n", b" "),
    ],
    ids=["length", "chunks", "error"],
)
def test_ends_an_answer_that_comes_byte_by_byte_for_ever(
    open_store: OpenStore,
    monkeypatch: pytest.MonkeyPatch,
    start: bytes,
    piece: bytes,
    act: Callable[[S3Store], object],
) -> None:
    monkeypatch.setattr(s3_session, "LONGEST_ANSWER", 0.3)
    with talking(drip(start, piece)) as host, pytest.raises(FailedError) as caught:
        act(open_store(f"http://{host}"))
    assert caught.value.message == f"{host} took over 0.3 s for an answer"
    assert caught.value.remedy == "Check the network, then run it again."


def test_asks_once_more_for_an_object_that_breaks_off(open_store: OpenStore) -> None:
    short = Answer(200, b"123", {**THERE.headers, "Content-Length": "9", "Connection": "close"})
    answers = iter([short, Answer(200, b"123456789", THERE.headers)])
    with faulty(lambda _: next(answers)) as server:
        found = open_store(server.endpoint).get("k", 100)
    assert found is not None
    assert found[0] == b"123456789"
    assert len(server.requests) == 2


def test_reads_an_object_that_is_larger_than_any_other_answer(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_session, "LARGEST_ANSWER", 10)
    with faulty(lambda _: Answer(200, b"9" * 100, {"ETag": '"e"'})) as server:
        found = open_store(server.endpoint).get("k", 100)
    assert found is not None
    assert found[0] == b"9" * 100
