import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from forwarding import Answer as ForwardedAnswer
from forwarding import Forward, forwarding
from forwarding import Request as ForwardedRequest
from servers_s3 import Answer, Request, faulty, free_port, s3_error

from bucket.conftest import OpenStore, keys_in
from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_access import Access
from kargo_release.bucket.store import LostRaceError
from kargo_release.errors import FailedError, InvalidError, KargoError, RefusedError, UsageError

TEXT = "text/plain"
ETAG = {"ETag": '"an-etag"'}


def test_keeps_bytes_type_and_metadata(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(s3_endpoint, bucket)
    digest = "sha256:" + "0" * 64
    put = store.put(
        "kano-1.0.0+build.tgz",
        b"\0bytes\xff",
        if_match=None,
        content_type="application/gzip",
        metadata={"content-digest": digest},
    )
    found = store.get("kano-1.0.0+build.tgz", 100)
    assert found is not None
    data, stored = found
    assert data == b"\0bytes\xff"
    assert stored == store.head("kano-1.0.0+build.tgz")
    assert (stored.etag, dict(stored.metadata)) == (put.etag, {"content-digest": digest})


def test_finds_nothing_under_an_unused_key(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(s3_endpoint, bucket)
    assert store.head("kano-1.0.0.tgz") is None
    assert store.get("kano-1.0.0.tgz", 10) is None


def test_names_an_object_by_bucket_prefix_and_key(open_store: OpenStore) -> None:
    assert open_store("http://127.0.0.1:1", "s3://b-1/a/b/").location("k") == "s3://b-1/a/b/k"
    assert open_store("http://127.0.0.1:1", "s3://b-1").location("k") == "s3://b-1/k"


def test_creates_an_object_only_once(open_store: OpenStore, s3_endpoint: str, bucket: str) -> None:
    store = open_store(s3_endpoint, bucket)
    store.put("k", b"first", if_match=None, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"second", if_match=None, content_type=TEXT)
    assert store.get("k", 10) == (b"first", store.head("k"))


def test_replaces_only_what_was_looked_at(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(s3_endpoint, bucket)
    first = store.put("k", b"first", if_match=None, content_type=TEXT)
    store.put("k", b"second", if_match=first.etag, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("k", b"third", if_match=first.etag, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("gone", b"third", if_match=first.etag, content_type=TEXT)
    assert store.get("k", 10) == (b"second", store.head("k"))


def test_lets_one_of_many_threads_create(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(s3_endpoint, bucket)
    start = threading.Barrier(16)

    def create(number: int) -> bool:
        start.wait()
        try:
            store.put("k", str(number).encode(), if_match=None, content_type=TEXT)
        except LostRaceError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(create, range(16))) == 1


def test_refuses_an_object_over_the_limit(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    store = open_store(s3_endpoint, bucket)
    store.put("k", b"12345", if_match=None, content_type=TEXT)
    assert store.get("k", 5) is not None
    with pytest.raises(InvalidError, match="larger than 4 bytes"):
        store.get("k", 4)


def test_proves_conditions_and_leaves_the_probe(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    open_store(s3_endpoint, bucket).check_writable()
    open_store(s3_endpoint, bucket).check_writable()
    assert keys_in(s3_endpoint, bucket) == ["helm/.kargo-release-probe"]


def test_asks_three_times_when_the_probe_is_not_there(
    open_store: OpenStore, s3_endpoint: str, bucket: str
) -> None:
    methods: list[str] = []

    def keep(request: ForwardedRequest, forward: Forward) -> ForwardedAnswer:
        methods.append(request.method)
        return forward()

    with forwarding(s3_endpoint.removeprefix("http://"), keep) as proxy:
        open_store(f"http://{proxy.host}", bucket).check_writable()
    assert methods == ["PUT"] * 3


def test_asks_no_more_than_twice_when_the_probe_is_there(open_store: OpenStore) -> None:
    with faulty(lambda _: s3_error(412, "PreconditionFailed")) as server:
        store = open_store(server.endpoint)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.check_writable(), range(8)))
    assert [(each.method, each.path) for each in server.requests] == [
        ("PUT", "/backup/helm/.kargo-release-probe")
    ] * 2


def test_refuses_a_store_that_ignores_conditions(
    open_store: OpenStore, rclone_endpoint: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        open_store(rclone_endpoint).check_writable()
    assert "s3://backup/helm/: the store ignores conditional writes" in caught.value.message
    assert "s3.single_writer: true" in caught.value.remedy


def test_refuses_a_store_that_ignores_only_the_etag(open_store: OpenStore) -> None:
    def answer(request: Request) -> Answer:
        return s3_error(412, "PreconditionFailed") if "If-None-Match" in request.headers else OK

    with faulty(answer) as server, pytest.raises(RefusedError, match="ignores conditional writes"):
        open_store(server.endpoint).check_writable()


OK = Answer(200, headers=ETAG)


def test_sends_no_conditions_for_a_single_writer_but_looks_first(open_store: OpenStore) -> None:
    def answer(request: Request) -> Answer:
        return Answer(404) if request.method == "HEAD" else OK

    with faulty(answer) as server:
        store = open_store(server.endpoint, single_writer=True)
        store.check_writable()
        store.put("k", b"1", if_match=None, content_type=TEXT)
        store.put("k", b"2", if_match="etag", content_type=TEXT)
    assert [each.method for each in server.requests] == ["HEAD", "PUT", "PUT"]
    assert not any({"If-Match", "If-None-Match"} & set(each.headers) for each in server.requests)


def test_keeps_what_is_there_from_a_single_writer(
    open_store: OpenStore, rclone_endpoint: str
) -> None:
    store = open_store(rclone_endpoint, single_writer=True)
    first = store.put("once", b"first", if_match=None, content_type=TEXT)
    with pytest.raises(LostRaceError):
        store.put("once", b"second", if_match=None, content_type=TEXT)
    store.put("once", b"third", if_match=first.etag, content_type=TEXT)
    assert store.get("once", 10) == (b"third", store.head("once"))


def test_sends_no_checksum_that_a_foreign_store_may_refuse(open_store: OpenStore) -> None:
    with faulty(lambda _: OK) as server:
        open_store(server.endpoint).put("k", b"1", if_match=None, content_type=TEXT)
    (request,) = server.requests
    assert not [name for name in request.headers if "checksum" in name.lower()]
    assert request.path == "/backup/helm/k"


def test_takes_no_page_for_people_for_a_store_that_ignores_conditions(
    open_store: OpenStore,
) -> None:
    with (
        faulty(lambda _: Answer(200, b"<html>Log in</html>")) as server,
        pytest.raises(FailedError, match="the answer has no ETag"),
    ):
        open_store(server.endpoint).check_writable()


def test_names_the_place_and_not_the_probe_when_it_cannot_try(open_store: OpenStore) -> None:
    with pytest.raises(FailedError, match=r"^s3://backup/helm/: cannot connect to"):
        open_store(f"http://127.0.0.1:{free_port()}").check_writable()


def test_refuses_a_store_without_conditions(open_store: OpenStore) -> None:
    with faulty(lambda _: s3_error(501, "NotImplemented")) as server:
        with pytest.raises(RefusedError, match="s3://backup/helm/: the store does not know condi"):
            open_store(server.endpoint).check_writable()
        assert len(server.requests) == 1
        server.requests.clear()
        store = open_store(server.endpoint)
        with pytest.raises(RefusedError, match="does not know conditional writes") as caught:
            store.put("k", b"1", if_match="etag", content_type=TEXT)
    assert "s3.single_writer: true" in caught.value.remedy
    assert len(server.requests) == 1


def test_tries_again_when_another_write_is_under_way(open_store: OpenStore) -> None:
    answers = iter([s3_error(409, "ConditionalRequestConflict"), OK])
    with faulty(lambda _: next(answers)) as server:
        stored = open_store(server.endpoint).put("k", b"1", if_match=None, content_type=TEXT)
    assert stored.etag == '"an-etag"'


def test_loses_the_race_when_other_writes_never_end(open_store: OpenStore) -> None:
    with faulty(lambda _: s3_error(409, "ConditionalRequestConflict")) as server:
        store = open_store(server.endpoint)
        with pytest.raises(LostRaceError):
            store.put("k", b"1", if_match=None, content_type=TEXT)
    assert len(server.requests) == 4


def test_tries_again_when_the_store_asks_to_slow_down(open_store: OpenStore) -> None:
    answers = iter([s3_error(503, "SlowDown"), Answer(200, b"data", ETAG)])
    with faulty(lambda _: next(answers)) as server:
        found = open_store(server.endpoint).get("k", 10)
    assert found is not None
    assert found[0] == b"data"


def test_fails_when_the_store_stays_broken(open_store: OpenStore) -> None:
    with faulty(lambda _: s3_error(500, "InternalError", "Oh\n\x1b[31mno" + "!" * 999)) as server:
        store = open_store(server.endpoint)
        with pytest.raises(FailedError, match="backup/helm/k: S3 answered 500") as caught:
            store.get("k", 10)
    assert len(server.requests) == 3
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("answer", "message", "remedy"),
    [
        (s3_error(404, "NoSuchBucket"), "there is no such bucket", "create the bucket"),
        (s3_error(403, "AccessDenied", "Not you"), "denied (it says: Not you)", "s3:GetObject"),
        (s3_error(403, "InvalidAccessKeyId"), "access key is not known", "AWS_ACCESS_KEY_ID"),
        (s3_error(403, "SignatureDoesNotMatch"), "secret key", "AWS_SECRET_ACCESS_KEY"),
        (s3_error(403, "RequestTimeTooSkewed"), "clock", "Set the clock"),
        (s3_error(400, "ExpiredToken"), "credentials have expired", "new ones"),
        (s3_error(400, "InvalidToken"), "session token is wrong", "AWS_SESSION_TOKEN"),
        (s3_error(403, "InvalidObjectState"), "is archived", "Restore it"),
        (
            s3_error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-3</Region>"),
            "in another region",
            "Set `s3.region` to eu-west-3.",
        ),
        (s3_error(301, "PermanentRedirect"), "in another region", "Set `s3.region`"),
        (Answer(308, headers={"Location": "https://h/"}), "to go elsewhere", "`s3.endpoint`"),
        (Answer(301, headers={"x-amz-bucket-region": "eu-west-3"}), "elsewhere", "to eu-west-3."),
        (s3_error(418, "Teapot", "Short"), "S3 answered 418 Teapot (it says: Short)", "again"),
        (
            Answer(404, b"<html>no page</html>"),
            "the server answered 404, and not as S3 does",
            "Correct `s3.endpoint` if",
        ),
    ],
)
def test_tells_what_to_do(open_store: OpenStore, answer: Answer, message: str, remedy: str) -> None:
    with faulty(lambda _: answer) as server:
        store = open_store(server.endpoint)
        with pytest.raises(KargoError) as caught:
            store.get("index.yaml", 10)
    assert caught.value.message.startswith("s3://backup/helm/index.yaml: ")
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert isinstance(caught.value, FailedError if "answered" in message else RefusedError)


def test_tells_that_a_denied_look_may_mean_an_absent_object(open_store: OpenStore) -> None:
    with faulty(lambda _: Answer(403)) as server, pytest.raises(RefusedError) as caught:
        open_store(server.endpoint).head("k")
    assert "access is denied" in caught.value.message
    assert "s3:ListBucket" in caught.value.remedy


def test_tells_a_missing_bucket(open_store: OpenStore, s3_endpoint: str) -> None:
    store = open_store(s3_endpoint, "s3://no-such-bucket/helm")
    with pytest.raises(RefusedError, match=r"s3://no-such-bucket/.*: there is no such bucket"):
        store.get("index.yaml", 10)
    with pytest.raises(RefusedError, match="there is no such bucket"):
        store.check_writable()
    with pytest.raises(RefusedError, match="there is no such bucket"):
        store.put("k", b"", if_match='"e"', content_type=TEXT)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_tells_a_wrong_key(
    open_store: OpenStore, rclone_endpoint: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "some-wrong-value")
    with pytest.raises(RefusedError, match="backup/helm/k: ") as caught:
        open_store(rclone_endpoint).get("k", 10)
    assert name in caught.value.remedy
    assert "some-wrong-value" not in str(caught.value)


def test_tells_a_refused_connection(open_store: OpenStore) -> None:
    port = free_port()
    store = open_store(f"http://127.0.0.1:{port}")
    with pytest.raises(FailedError, match=rf"cannot connect to 127\.0\.0\.1:{port}") as caught:
        store.head("k")
    assert "s3.endpoint" in caught.value.remedy


def test_tells_an_answer_that_breaks_off(open_store: OpenStore) -> None:
    short = Answer(200, b"half", {**ETAG, "Content-Length": "8", "Connection": "close"})
    with faulty(lambda _: short) as server, pytest.raises(FailedError, match="broke off"):
        open_store(server.endpoint).get("k", 10)


def test_stops_reading_a_body_that_is_longer_than_promised(open_store: OpenStore) -> None:
    endless = Answer(200, b"9" * 100_000, ETAG)
    with faulty(lambda _: endless) as server, pytest.raises(InvalidError, match="larger than 10"):
        open_store(server.endpoint).get("k", 10)


def test_tells_a_server_without_etags(open_store: OpenStore) -> None:
    with faulty(lambda _: Answer(200, b"hello")) as server:
        store = open_store(server.endpoint)
        for act in (lambda: store.head("k"), lambda: store.get("k", 10)):
            with pytest.raises(FailedError, match="no ETag"):
                act()


def test_tells_missing_credentials_though_the_metadata_service_is_silent(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with faulty(lambda _: Answer(404)) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint)
        with pytest.raises(RefusedError, match="no credentials for S3") as caught:
            open_store("http://127.0.0.1:1").head("k")
    assert "AWS_PROFILE" in caught.value.remedy


def test_asks_no_metadata_service_when_the_environment_has_credentials(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty(lambda _: Answer(404)) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint)
        store = open_store(f"http://127.0.0.1:{free_port()}")
        with pytest.raises(FailedError):
            store.head("k")
    assert server.requests == []


def test_tells_an_unknown_profile(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(UsageError, match="nobody"):
        open_store("http://127.0.0.1:1").head("k")


def test_tells_half_of_the_credentials(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(RefusedError, match="AWS_SECRET_ACCESS_KEY"):
        open_store("http://127.0.0.1:1").head("k")


@pytest.mark.parametrize(
    "endpoint", ["minio:9000", "ftp://h", "https://", "http://h:0", "http://h:x", "http://h?a=b"]
)
def test_refuses_an_endpoint_that_is_none(open_store: OpenStore, endpoint: str) -> None:
    with pytest.raises(UsageError, match="endpoint` is not the address"):
        open_store(endpoint).head("k")


def test_keeps_a_password_in_the_endpoint_to_itself(open_store: OpenStore) -> None:
    with pytest.raises(UsageError) as caught:
        open_store("https://me:s3cret@minio").head("k")
    assert "s3cret" not in str(caught.value)


def test_refuses_a_region_that_is_none() -> None:
    access = Access(endpoint="http://127.0.0.1:1", region="eu west")
    store = S3Store("s3://backup", access, single_writer=False, jobs=1)
    with pytest.raises(UsageError, match="eu west"):
        store.head("k")


@pytest.mark.parametrize(
    "url", ["backup", "s3://", "s3:///helm", "s3://a", "s3://a b/helm", "s3://" + "b" * 300]
)
def test_refuses_a_bucket_that_is_none(open_store: OpenStore, url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a bucket"):
        open_store("http://127.0.0.1:1", url)


@pytest.mark.parametrize("prefix", ["../other", "a//b", "a/./b", "a\nb"])
def test_refuses_a_prefix_that_wanders(open_store: OpenStore, prefix: str) -> None:
    with pytest.raises(InvalidError, match="cannot be the name"):
        open_store("http://127.0.0.1:1", f"s3://backup/{prefix}")


@pytest.mark.parametrize("key", ["", "..", ".hidden", "a/b", "a\\b", "a\0", "\ud800", "k" * 241])
def test_refuses_a_key_that_not_every_store_holds(open_store: OpenStore, key: str) -> None:
    store = open_store("http://127.0.0.1:1")
    acts: list[Callable[[], object]] = [
        lambda: store.location(key),
        lambda: store.head(key),
        lambda: store.get(key, 1),
        lambda: store.put(key, b"", if_match=None, content_type=TEXT),
    ]
    for act in acts:
        with pytest.raises(InvalidError):
            act()
