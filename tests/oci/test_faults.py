"""What a registry may do wrong, and how it is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from servers import free_port

from kargo_release.errors import FailedError, InvalidError, KargoError, RefusedError
from kargo_release.oci.registry import Registry

from .conftest import QUICK, OpenRegistry, artifact
from .faulty import Fault, FaultyServer

OTHER = f"sha256:{'a' * 64}"


def push(registry: Registry) -> str:
    return registry.push("kano", "1.4.0", artifact(), replace=True)


def error_of(registry: Registry, kind: type[KargoError]) -> KargoError:
    with pytest.raises(kind) as raised:
        push(registry)
    assert type(raised.value) is kind
    assert raised.value.remedy
    return raised.value


@pytest.fixture
def behind(before: FaultyServer, open_registry: OpenRegistry, prefix: str) -> Registry:
    """The real registry behind the faulty proxy."""
    return open_registry(f"oci://{before.host}/{prefix}")


@pytest.fixture
def alone(faulty: FaultyServer, open_registry: OpenRegistry) -> Registry:
    return open_registry(faulty.url)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/blobs/"), ("PUT", "/blobs/"), ("PUT", "/manifests/")],
)
def test_tries_again_when_the_registry_is_busy(
    behind: Registry, before: FaultyServer, method: str, path: str, status: int
) -> None:
    before.faults = [Fault(method, path, status, times=2)]
    assert push(behind) == artifact().manifest.digest
    assert [each.status for each in before.seen].count(status) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_asks_again_for_a_large_blob_when_the_registry_is_busy(
    behind: Registry, before: FaultyServer, status: int
) -> None:
    large = artifact(bytes(1 << 16))
    before.faults = [Fault("HEAD", "/blobs/", status, times=2)]
    assert behind.push("kano", "1.4.0", large, replace=True) == large.manifest.digest
    assert [each.status for each in before.seen].count(status) == 2


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_tries_again_when_the_connection_breaks(
    behind: Registry, before: FaultyServer, method: str
) -> None:
    before.faults = [Fault(method, "/", cut=True, times=1)]
    assert push(behind) == artifact().manifest.digest


def test_begins_an_upload_anew_when_its_body_did_not_arrive(
    behind: Registry, before: FaultyServer
) -> None:
    before.faults = [Fault("PUT", "/blobs/uploads/", cut=True, times=1)]
    push(behind)
    uploads = [each.path for each in before.seen if each.method == "PUT" and "/blobs/" in each.path]
    assert len(uploads) == len(set(uploads)) == 3


def test_tries_again_when_a_body_is_cut_short(behind: Registry, before: FaultyServer) -> None:
    push(behind)
    before.faults = [Fault("GET", "/blobs/", body=b"content", missing=3, times=1)]
    assert behind.blob("kano", artifact().layers[0].digest, 100) == b"content"


def test_waits_as_long_as_it_is_asked_but_not_longer_than_its_patience(
    alone: Registry, faulty: FaultyServer
) -> None:
    faulty.faults = [Fault("POST", "/", 429, {"Retry-After": "3600"})]
    error = error_of(alone, FailedError)
    assert error.message == f"registry {faulty.host} keeps answering 429 Too Many Requests"
    assert len(faulty.seen) == 1


def test_tells_when_the_registry_stays_away(alone: Registry, faulty: FaultyServer) -> None:
    body = b'{"errors":[{"code":"UNAVAILABLE","message":"read only"}]}'
    faulty.faults = [Fault("GET", "/", 503, body=body)]
    with pytest.raises(FailedError) as raised:
        alone.tags("kano")
    assert raised.value.message.endswith("503 Service Unavailable: UNAVAILABLE - read only")
    assert raised.value.remedy == "Wait until the registry is well, then run the command again."
    assert len(faulty.seen) > 2


def test_reads_again_what_the_registry_stumbled_over(
    behind: Registry, before: FaultyServer
) -> None:
    digest = push(behind)
    before.faults = [Fault("GET", "/manifests/", 500, times=1)]
    manifest = behind.manifest("kano", "1.4.0")
    assert manifest is not None
    assert manifest.digest == digest


def test_tells_when_the_registry_stumbles_at_every_reading(
    alone: Registry, faulty: FaultyServer
) -> None:
    faulty.faults = [Fault("GET", "/", 500)]
    with pytest.raises(FailedError, match="keeps answering 500 Internal Server Error"):
        alone.manifest("kano", "1.4.0")
    assert len(faulty.seen) > 1


def test_does_not_repeat_an_error_of_the_registry_itself(
    alone: Registry, faulty: FaultyServer
) -> None:
    faulty.faults = [Fault("POST", "/", 500, body=b"panic")]
    assert "answered 500 Internal Server Error to push to" in error_of(alone, FailedError).message
    assert faulty.methods() == ["POST"]


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (401, RefusedError, "Log in: helm registry login 127.0.0.1:"),
        (403, RefusedError, "Ask for the right to do this"),
        (404, RefusedError, "Create the project in the registry"),
        (405, RefusedError, "Use a registry that can be written to"),
        (409, FailedError, "Somebody else may be pushing the same"),
        (412, FailedError, "The registry holds something else by now"),
        (413, FailedError, "Raise the limit for bodies of the registry"),
        (308, FailedError, "Write the address that it redirects to"),
        (400, FailedError, "Look into the registry's log"),
    ],
)
def test_says_what_to_do_about_each_status(
    alone: Registry,
    faulty: FaultyServer,
    status: int,
    kind: type[KargoError],
    remedy: str,
) -> None:
    body = b'{"errors":[{"code":"SOME_CODE","message":"in its words","detail":{"a":1}}]}'
    faulty.faults = [Fault("POST", "/", status, body=body)]
    error = error_of(alone, kind)
    assert error.remedy.startswith(remedy)
    assert error.message.endswith(": SOME_CODE - in its words")


def test_bounds_the_words_of_the_registry(alone: Registry, faulty: FaultyServer) -> None:
    message = "\\u001b[31m" + "x" * 100_000
    body = f'{{"errors":[{{"code":"C","message":"{message}"}}]}}'.encode()
    faulty.faults = [Fault("POST", "/", 400, body=body)]
    error = error_of(alone, FailedError)
    assert len(error.message) < 500
    assert error.message.isprintable()


def test_reads_the_words_of_an_error_longer_than_the_blob(
    alone: Registry, faulty: FaultyServer
) -> None:
    faulty.faults = [Fault("GET", "/", 400, body=b'{"errors":[{"message":"in its words"}]}')]
    with pytest.raises(FailedError, match="in its words"):
        alone.blob("kano", OTHER, 1)


def test_does_not_dump_a_page_of_html(alone: Registry, faulty: FaultyServer) -> None:
    page = b"<html><body>Welcome to nginx</body></html>"
    faulty.faults = [Fault("POST", "/", 413, {"Content-Type": "text/html"}, page)]
    error = error_of(alone, FailedError)
    assert error.message.endswith(": an HTML page instead of a registry's answer")


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'{"errors":{}}', b'{"errors":[1]}', b"[" * 99999]
)
def test_survives_an_error_without_form(alone: Registry, faulty: FaultyServer, body: bytes) -> None:
    faulty.faults = [Fault("POST", "/", 400, body=body)]
    assert "answered 400 Bad Request to push" in error_of(alone, FailedError).message


def test_tells_a_refused_connection(open_registry: OpenRegistry) -> None:
    port = free_port()
    error = error_of(open_registry(f"oci://127.0.0.1:{port}/x"), FailedError)
    assert error.message == f"registry 127.0.0.1:{port} refused the connection"


def test_tells_a_name_that_does_not_resolve(open_registry: OpenRegistry) -> None:
    error = error_of(open_registry("oci://registry.invalid:5000/x"), FailedError)
    assert error.message == "the name of registry registry.invalid:5000 cannot be resolved"


def test_does_not_wait_for_ever(faulty: FaultyServer) -> None:
    faulty.faults = [Fault("POST", "/", silent=True)]
    limits = replace(QUICK, read=0.5)
    registry = Registry(faulty.url, plain_http=None, environ={}, limits=limits)
    error = error_of(registry, FailedError)
    assert error.message == f"registry {faulty.host} stopped answering: nothing came for 0.5 s"


def test_does_not_read_an_answer_for_ever(faulty: FaultyServer) -> None:
    faulty.faults = [Fault("GET", "/", endless=True)]
    limits = replace(QUICK, answer=0)
    registry = Registry(faulty.url, plain_http=None, environ={}, limits=limits)
    with pytest.raises(FailedError, match="took over 0 s for an answer"):
        registry.blob("kano", OTHER, 1 << 40)


@pytest.mark.parametrize(
    "use",
    [
        lambda registry: registry.manifest("kano", "1.4.0"),
        lambda registry: registry.tags("kano"),
        lambda registry: registry.blob("kano", OTHER, 100_000),
    ],
    ids=["manifest", "tags", "blob"],
)
def test_reads_no_endless_body(
    alone: Registry, faulty: FaultyServer, use: Callable[[Registry], object]
) -> None:
    faulty.faults = [Fault("GET", "/", endless=True)]
    with pytest.raises(FailedError, match="answered with more than") as raised:
        use(alone)
    assert "run the command again" in raised.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"config":1,"layers":[]}', b"\xff\xfe",
        b'{"layers":[{"digest":"sha256:../../x","size":1,"mediaType":"a"}]}', b"[" * 99999,
        b'{"layers":[{"digest":"' + OTHER.encode() + b'","size":"1","mediaType":"a"}]}',
        b'{"layers":[],"annotations":{"a":1}}',
    ],
)  # fmt: skip
def test_refuses_a_manifest_that_is_none(
    alone: Registry, faulty: FaultyServer, body: bytes
) -> None:
    faulty.faults = [Fault("GET", "/manifests/", body=body)]
    with pytest.raises(InvalidError, match=r"kano:1.4.0 is not (JSON|a manifest of OCI)") as raised:
        alone.manifest("kano", "1.4.0")
    assert raised.value.remedy


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_tells_a_portal_that_answers_with_its_own_page(
    alone: Registry, faulty: FaultyServer, method: str
) -> None:
    faulty.faults = [
        Fault("POST", "/blobs/", 202, headers={"Location": "/upload"}),
        Fault("PUT", "/upload", 201),
        Fault(method, "/manifests/", headers={"Content-Type": "text/html"}, body=b"<html>"),
    ]
    with pytest.raises(FailedError, match="answered with a page for people to") as raised:
        alone.manifest("kano", "1.4.0") if method == "GET" else push(alone)
    assert "a proxy may want a login" in raised.value.remedy


def test_tells_a_manifest_that_changed_under_way(alone: Registry, faulty: FaultyServer) -> None:
    body = artifact().manifest.data
    faulty.faults = [
        Fault("GET", "/manifests/", headers={"Docker-Content-Digest": OTHER}, body=body)
    ]
    with pytest.raises(FailedError, match="other bytes than the registry sent") as raised:
        alone.manifest("kano", "1.4.0")
    assert OTHER in raised.value.message
    assert "run the command again" in raised.value.remedy


def test_refuses_other_bytes_than_the_digest_names(behind: Registry, before: FaultyServer) -> None:
    push(behind)
    before.faults = [
        Fault("GET", "/manifests/", body=artifact(b"other").manifest.data),
        Fault("GET", "/blobs/", body=b"other"),
    ]
    with pytest.raises(FailedError, match="came with other bytes"):
        behind.manifest("kano", artifact().manifest.digest)
    with pytest.raises(FailedError, match="came with other bytes"):
        behind.blob("kano", artifact().layers[0].digest, 100)


def test_compares_the_digest_that_the_registry_returns(
    behind: Registry, before: FaultyServer
) -> None:
    before.faults = [Fault("PUT", "/manifests/", 201, {"Docker-Content-Digest": OTHER})]
    assert f"and the registry says {OTHER}" in error_of(behind, FailedError).message


def test_reads_back_where_the_registry_returns_no_digest(
    behind: Registry, before: FaultyServer
) -> None:
    before.faults = [
        Fault("PUT", "/manifests/", 201),
        Fault("HEAD", "/manifests/", 200),
        Fault("GET", "/manifests/", body=artifact(b"other").manifest.data),
    ]
    other = artifact(b"other").manifest.digest
    assert f"and the registry says {other}" in error_of(behind, FailedError).message


def test_lists_the_tags_of_all_pages(alone: Registry, faulty: FaultyServer) -> None:
    link = {"Link": '</v2/team/helm/kano/tags/list?last=b&n=2>; rel="next"'}
    faulty.faults = [
        Fault("GET", "tags/list?last=b", body=b'{"tags":["c"]}'),
        Fault("GET", "tags/list", headers=link, body=b'{"tags":["a","b"]}'),
    ]
    assert alone.tags("kano") == ["a", "b", "c"]


def test_follows_no_list_of_tags_to_another_host(alone: Registry, faulty: FaultyServer) -> None:
    link = {"Link": '<http://127.0.0.2:1/v2/x/tags/list>; rel="next"'}
    faulty.faults = [Fault("GET", "/tags/list", headers=link, body=b'{"tags":["a"]}')]
    with pytest.raises(InvalidError, match="continues its list of tags on http:"):
        alone.tags("kano")


def test_follows_no_list_of_tags_without_end(alone: Registry, faulty: FaultyServer) -> None:
    link = {"Link": '</v2/team/helm/kano/tags/list>; rel="next"'}
    faulty.faults = [Fault("GET", "/tags/list", headers=link, body=b'{"tags":["a"]}')]
    with pytest.raises(InvalidError, match="lists the tags of team/helm/kano without end"):
        alone.tags("kano")


@pytest.mark.parametrize(
    "body", [b"[]", b"<html>", b'{"tags":"abc"}', b'{"tags":[1]}', b"[" * 9999]
)
def test_refuses_a_list_of_tags_that_is_none(
    alone: Registry, faulty: FaultyServer, body: bytes
) -> None:
    faulty.faults = [Fault("GET", "/tags/list", body=body)]
    with pytest.raises(InvalidError, match="something else than a list of tags"):
        alone.tags("kano")


def test_refuses_an_upload_without_a_place(alone: Registry, faulty: FaultyServer) -> None:
    faulty.faults = [Fault("POST", "/", 202)]
    assert "does not say where to upload to" in error_of(alone, InvalidError).message


@pytest.mark.parametrize("location", ["http://[", "ftp://x/y", "http://", "//", "http://:99999/"])
def test_survives_a_place_that_is_none(
    alone: Registry, faulty: FaultyServer, location: str
) -> None:
    link = {"Link": f'<{location}>; rel="next"'}
    faulty.faults = [
        Fault("POST", "/", 202, {"Location": location}),
        Fault("GET", "/blobs/", 307, {"Location": location}),
        Fault("GET", "/tags/", headers=link, body=b'{"tags":["a"]}'),
    ]
    uses: tuple[Callable[[], object], ...] = (
        lambda: push(alone),
        lambda: alone.blob("kano", OTHER, 1),
        lambda: alone.tags("kano"),
    )
    for use in uses:
        with pytest.raises(KargoError) as raised:
            use()
        assert raised.value.remedy


def test_uploads_to_a_place_beside_the_one_it_asked(alone: Registry, faulty: FaultyServer) -> None:
    faulty.faults = [Fault("POST", "/", 202, {"Location": "here?state=1"}), Fault("PUT", "/", 201)]
    with pytest.raises(FailedError, match="does not have it"):
        push(alone)
    path = next(each.path for each in faulty.seen if each.method == "PUT")
    assert path.startswith("/v2/team/helm/kano/blobs/uploads/here?state=1&digest=sha256%3A")


def test_gives_up_on_redirects_without_end(alone: Registry, faulty: FaultyServer) -> None:
    faulty.faults = [Fault("GET", "/", 307, {"Location": "/v2/again"})]
    with pytest.raises(InvalidError, match="redirects without end"):
        alone.tags("kano")


@pytest.mark.parametrize("replace", [True, False])
def test_tells_the_words_of_a_refusal_that_has_none_for_a_head(
    alone: Registry, faulty: FaultyServer, replace: bool
) -> None:
    body = b'{"errors":[{"code":"DENIED","message":"in its words"}]}'
    faulty.faults = [Fault(method, "/", 403, body=body) for method in ("HEAD", "GET", "POST")]
    with pytest.raises(RefusedError, match=r"403 Forbidden to push .*: DENIED - in its words"):
        alone.push("kano", "1.4.0", artifact(), replace=replace)


def test_reads_no_list_of_tags_without_measure(alone: Registry, faulty: FaultyServer) -> None:
    link = {"Link": '</v2/team/helm/kano/tags/list>; rel="next"'}
    page = b'{"tags":["' + b"a" * (3 << 20) + b'"]}'
    faulty.faults = [Fault("GET", "/tags/list", headers=link, body=page)]
    with pytest.raises(InvalidError, match="lists the tags of team/helm/kano without end"):
        alone.tags("kano")
    assert len(faulty.seen) < 20


def test_pushes_again_when_the_registry_loses_sight_of_a_blob(
    behind: Registry, before: FaultyServer
) -> None:
    body = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'
    before.faults = [Fault("PUT", "/manifests/", 400, body=body, times=2)]
    assert push(behind) == artifact().manifest.digest
    before.faults = [Fault("PUT", "/manifests/", 400, body=body)]
    error = error_of(behind, FailedError)
    assert "MANIFEST_BLOB_UNKNOWN - blob unknown to registry" in error.message
