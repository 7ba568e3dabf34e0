from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from servers import DockerRegistry, docker_registry

from kargo_release.errors import FailedError, KargoError, RefusedError
from kargo_release.oci.challenges import Challenge, challenges

from .conftest import OpenRegistry, artifact
from .faulty import Fault, FaultyServer, faulty_server
from .logins import AS_ROBOT, RIGHT, ROBOT, USERS, WRONG, bodies, push, refused


@pytest.fixture(scope="module")
def with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("passwords"), htpasswd=USERS) as registry:
        yield registry


@pytest.fixture
def basic(with_passwords: DockerRegistry) -> Iterator[FaultyServer]:
    """A registry that asks for a password, behind a proxy that sees all requests."""
    with faulty_server(with_passwords.host) as server:
        yield server


def test_pushes_with_a_password(basic: FaultyServer, open_registry: OpenRegistry) -> None:
    registry = open_registry(f"{basic.url}/right", RIGHT)
    assert push(registry) == artifact().manifest.digest
    assert registry.tags("kano") == ["1.4.0"]


def test_sends_every_body_once_and_asks_once_for_the_password(
    basic: FaultyServer, open_registry: OpenRegistry
) -> None:
    registry = open_registry(f"{basic.url}/once", RIGHT)
    push(registry, "one")
    push(registry, "two")
    assert len(bodies(basic)) == len(set(bodies(basic))) == 6
    assert [each.status for each in basic.seen].count(401) == 1


def test_refuses_a_wrong_password_before_any_body(
    basic: FaultyServer, open_registry: OpenRegistry
) -> None:
    error = refused(lambda: push(open_registry(basic.url, WRONG)))
    assert "did not accept the login (401)" in error.message
    assert bodies(basic) == []


def test_says_that_a_login_is_missing(basic: FaultyServer, open_registry: OpenRegistry) -> None:
    registry = open_registry(basic.url)
    for use in (lambda: push(registry), lambda: registry.tags("kano")):
        assert "did not accept a request without a login (401)" in refused(use).message
    with pytest.raises(RefusedError):
        registry.manifest("kano", "1.4.0")


def test_pushes_as_a_robot_with_a_password(tmp_path: Path, open_registry: OpenRegistry) -> None:
    with docker_registry(tmp_path / "registry", htpasswd={ROBOT: "s3cret:/+$"}) as registry:
        assert push(open_registry(registry.url, AS_ROBOT)) == artifact().manifest.digest


@pytest.mark.parametrize(
    "challenge",
    ["", "Digest realm=x", "Bearer", 'Bearer realm=""', 'Bearer realm="ftp://x"', "Bearer realm=[",
     'Bearer realm="http://registry.example.com/token"', ",,,", "Basic" * 9999],
)  # fmt: skip
def test_survives_a_challenge_that_leads_nowhere(
    faulty: FaultyServer, open_registry: OpenRegistry, challenge: str
) -> None:
    faulty.faults = [Fault("GET", "/", 401, {"WWW-Authenticate": challenge})]
    with pytest.raises(KargoError) as raised:
        open_registry(faulty.url, RIGHT).tags("kano")
    assert raised.value.remedy


@pytest.mark.parametrize("place", ["redirect", "upload"])
def test_sends_no_authorization_to_another_host(
    basic: FaultyServer, faulty: FaultyServer, open_registry: OpenRegistry, place: str
) -> None:
    registry = open_registry(f"{basic.url}/{place}", RIGHT)
    registry.tags("kano")
    elsewhere = {"Location": f"http://{faulty.host}/elsewhere"}
    basic.faults = [
        Fault("GET", "/blobs/", 307, elsewhere),
        Fault("POST", "/blobs/uploads/", 202, elsewhere),
    ]
    faulty.faults = [Fault("GET", "/elsewhere", body=b"content"), Fault("PUT", "/", 201)]
    if place == "redirect":
        assert registry.blob("kano", artifact().layers[0].digest, 100) == b"content"
    else:
        with pytest.raises(FailedError):
            push(registry)
    assert {each.authorization for each in faulty.seen} == {""}
    assert any(each.authorization for each in basic.seen)


@pytest.mark.parametrize("place", ["redirect", "upload"])
def test_answers_no_challenge_of_another_host(
    basic: FaultyServer, faulty: FaultyServer, open_registry: OpenRegistry, place: str
) -> None:
    registry = open_registry(f"{basic.url}/asked-{place}", RIGHT)
    registry.tags("kano")
    elsewhere = {"Location": f"http://{faulty.host}/elsewhere"}
    basic.faults = [
        Fault("GET", "/blobs/", 307, elsewhere),
        Fault("POST", "/blobs/uploads/", 202, elsewhere),
    ]
    ask = {"WWW-Authenticate": f'Bearer realm="http://{faulty.host}/token"'}
    faulty.faults = [Fault(method, "/elsewhere", 401, ask) for method in ("GET", "PUT")]
    digest = artifact().layers[0].digest
    uses: dict[str, Callable[[], object]] = {
        "redirect": partial(registry.blob, "kano", digest, 100),
        "upload": partial(push, registry),
    }
    with pytest.raises(RefusedError):
        uses[place]()
    assert [each.path.partition("?")[0] for each in faulty.seen] == ["/elsewhere"]
    assert faulty.seen[0].authorization == ""


def test_reads_no_challenge_of_a_header_without_measure() -> None:
    challenge = 'Bearer realm="https://auth.example.com/token"'
    assert list(challenges(f"{challenge},service={'x' * 4096}"))
    assert not list(challenges(f"{challenge},service={'x' * 8192}"))
    assert not list(challenges("Bearer realm=x," + "a" * 65_000))


def test_reads_challenges_as_rfc_7235_writes_them() -> None:
    header = (
        'Basic realm="a, b", BEARER realm="https://auth.example.com/token?x=1",'
        'service=registry.example.com, scope="repository:a/b:pull,push"'
    )
    assert list(challenges(header)) == [
        Challenge("basic", {"realm": "a, b"}),
        Challenge(
            "bearer",
            {
                "realm": "https://auth.example.com/token?x=1",
                "service": "registry.example.com",
                "scope": "repository:a/b:pull,push",
            },
        ),
    ]
