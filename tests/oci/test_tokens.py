"""Tokens: one for each repository and need, renewed as long as a run lasts."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from servers import TokenServer, docker_registry, token_server

from kargo_release.errors import FailedError, InvalidError, RefusedError

from .conftest import OpenRegistry, artifact
from .faulty import Fault, FaultyServer, faulty_server
from .logins import AS_ROBOT, RIGHT, ROBOT, USERS, WRONG, bodies, push, refused

Guarded = tuple[FaultyServer, TokenServer]


@pytest.fixture
def bearer(tmp_path: Path) -> Iterator[Guarded]:
    """A registry that asks for tokens, behind a proxy that sees all requests."""
    anonymous = frozenset({"pull"})
    with (
        token_server(tmp_path / "tokens", USERS, anonymous=anonymous) as tokens,
        docker_registry(tmp_path / "registry", tokens=tokens) as registry,
        faulty_server(registry.host) as server,
    ):
        yield server, tokens


def test_pushes_with_a_token(bearer: Guarded, open_registry: OpenRegistry) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    assert push(registry) == artifact().manifest.digest
    assert tokens.asked == [
        {
            "scope": "repository:team/helm/kano:pull,push",
            "service": "kargo-test-registry",
            "user": "releaser",
        }
    ]
    assert len(bodies(server)) == len(set(bodies(server))) == 3


def test_reads_with_a_token_that_needs_no_login(
    bearer: Guarded, open_registry: OpenRegistry
) -> None:
    server, _ = bearer
    push(open_registry(server.url, RIGHT))
    assert open_registry(server.url).tags("kano") == ["1.4.0"]


def test_pushes_nothing_with_a_token_that_needs_no_login(
    bearer: Guarded, open_registry: OpenRegistry
) -> None:
    server, _ = bearer
    error = refused(lambda: push(open_registry(server.url)))
    assert "a request without a login (401)" in error.message
    assert bodies(server) == []


def test_refuses_a_wrong_password_for_a_token(bearer: Guarded, open_registry: OpenRegistry) -> None:
    server, _ = bearer
    error = refused(lambda: push(open_registry(server.url, WRONG)))
    assert "did not accept the login (401)" in error.message


def test_keeps_a_token_for_each_repository(bearer: Guarded, open_registry: OpenRegistry) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    names = [f"chart-{number}" for number in range(24)]
    with ThreadPoolExecutor(32) as pool:
        digests = set(pool.map(lambda name: push(registry, name), names))
    assert digests == {artifact().manifest.digest}
    scopes = [each["scope"] for each in tokens.asked]
    assert sorted(scopes) == sorted(f"repository:team/helm/{name}:pull,push" for name in names)


def test_renews_a_token_before_it_sends_a_body(
    bearer: Guarded, open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    push(registry)
    now = time.monotonic()
    monkeypatch.setattr("kargo_release.oci.authentication.time.monotonic", lambda: now + 3600)
    server.seen.clear()
    registry.push("kano", "1.5.0", artifact(b"other"), replace=False)
    assert len(tokens.asked) > 1
    assert 401 not in [each.status for each in server.seen]


def test_asks_for_a_new_token_when_one_is_refused(
    bearer: Guarded, open_registry: OpenRegistry
) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    push(registry)
    challenge = f'Bearer realm="{tokens.url}",service="kargo-test-registry"'
    server.faults = [Fault("HEAD", "/", 401, {"WWW-Authenticate": challenge}, times=1)]
    assert push(registry) == artifact().manifest.digest
    assert len(tokens.asked) == 2


@pytest.mark.parametrize("header", ['Basic realm="harbor"', "", "Digest realm=x"])
def test_asks_for_a_new_token_though_the_registry_does_not_say_so(
    bearer: Guarded, open_registry: OpenRegistry, header: str
) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    push(registry)
    server.faults = [Fault("HEAD", "/", 401, {"WWW-Authenticate": header}, times=1)]
    assert push(registry) == artifact().manifest.digest
    assert len(tokens.asked) == 2
    assert {each.authorization[:6] for each in server.seen} == {"", "Bearer"}


@pytest.mark.parametrize(
    "told", [{"expires_in": 3600}, {}, {"expires_in": 0}], ids=["lies", "says nothing", "says none"]
)
def test_asks_for_a_new_token_when_one_ends_in_the_middle_of_a_run(
    bearer: Guarded, open_registry: OpenRegistry, told: dict[str, object]
) -> None:
    server, tokens = bearer
    # Docker's registry takes a token for a minute longer than it says (token.go, leeway).
    tokens.expires_in, tokens.told = -59, told
    registry = open_registry(server.url, RIGHT)
    push(registry)
    while all(each.status != 401 or not each.authorization for each in server.seen):
        assert registry.tags("kano") == ["1.4.0"]
        time.sleep(0.1)
    registry.push("kano", "1.5.0", artifact(b"other"), replace=False)
    assert registry.tags("kano") == ["1.4.0", "1.5.0"]
    assert len(tokens.asked) > 2


def test_keeps_tokens_to_pull_apart_from_those_to_push(
    bearer: Guarded, open_registry: OpenRegistry
) -> None:
    server, tokens = bearer
    registry = open_registry(server.url, RIGHT)
    for _ in range(2):
        push(registry)
        registry.tags("kano")
        registry.manifest("kano", "1.4.0")
    assert [each["scope"] for each in tokens.asked] == [
        "repository:team/helm/kano:pull,push",
        "repository:team/helm/kano:pull",
    ]


def test_tells_a_login_without_the_right_to_push(
    bearer: Guarded, open_registry: OpenRegistry
) -> None:
    server, tokens = bearer
    tokens.allowed = frozenset({"pull"})
    with pytest.raises(RefusedError) as raised:
        push(open_registry(server.url, RIGHT))
    message = f"registry {server.host} does not let the login push to team/helm/kano (401)"
    assert raised.value.message.startswith(message)
    assert raised.value.remedy == (
        "Give the login the right to push to team/helm/kano (for a robot of Harbor: Push "
        "Repository), or log in as another; this one comes from "
        "KARGO_RELEASE_REGISTRY_USERNAME and KARGO_RELEASE_REGISTRY_PASSWORD"
    )
    assert bodies(server) == []


def test_asks_for_one_token_where_none_helps(bearer: Guarded, open_registry: OpenRegistry) -> None:
    server, tokens = bearer
    challenge = f'Bearer realm="{tokens.url}",service="kargo-test-registry"'
    server.faults = [Fault("HEAD", "/", 401, {"WWW-Authenticate": challenge})]
    with pytest.raises(RefusedError):
        push(open_registry(server.url, RIGHT))
    assert len(tokens.asked) == 1


def test_pushes_as_a_robot_with_a_token(bearer: Guarded, open_registry: OpenRegistry) -> None:
    server, tokens = bearer
    tokens.users = {ROBOT: "s3cret:/+$"}
    assert push(open_registry(server.url, AS_ROBOT)) == artifact().manifest.digest
    assert tokens.asked[0]["user"] == ROBOT


def test_uses_an_identity_token(
    bearer: Guarded, open_registry: OpenRegistry, tmp_path: Path
) -> None:
    server, tokens = bearer
    tokens.refresh_token = "refresh-s3cret"
    config = {"auths": {server.host: {"identitytoken": "refresh-s3cret"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    push(open_registry(server.url, {"DOCKER_CONFIG": str(tmp_path)}))
    assert tokens.asked[0]["grant_type"] == "refresh_token"
    assert tokens.asked[0]["user"] == "refreshed"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"token":1}', b'{"token":"a\\nb"}', b'{"token":""}', b"[" * 99999]
)
def test_refuses_a_token_that_is_none(
    faulty: FaultyServer, open_registry: OpenRegistry, body: bytes
) -> None:
    challenge = f'Bearer realm="http://{faulty.host}/token"'
    faulty.faults = [
        Fault("GET", "/token", body=body),
        Fault("GET", "/", 401, {"WWW-Authenticate": challenge}),
    ]
    with pytest.raises(FailedError, match="gave no token that can be read"):
        open_registry(faulty.url).tags("kano")


@pytest.mark.parametrize("life", ["0", "-1", '"x"', "1e999", "9" * 400, "NaN", "null", "true"])
def test_takes_a_token_whose_life_is_not_told_well(
    faulty: FaultyServer, open_registry: OpenRegistry, life: str
) -> None:
    challenge = f'Bearer realm="http://{faulty.host}/token"'
    faulty.faults = [
        Fault("GET", "/token", body=f'{{"access_token":"t","expires_in":{life}}}'.encode()),
        Fault("GET", "/", 401, {"WWW-Authenticate": challenge}, times=1),
    ]
    assert open_registry(faulty.url).tags("kano") == []
    assert faulty.seen[-1].authorization == "Bearer t"


def test_sends_no_login_to_a_token_server_without_tls(
    faulty: FaultyServer, open_registry: OpenRegistry
) -> None:
    challenge = 'Bearer realm="http://registry.invalid/token"'
    faulty.faults = [Fault("GET", "/", 401, {"WWW-Authenticate": challenge})]
    with pytest.raises(InvalidError, match=r"sends logins to 'http://registry\.invalid/token'"):
        open_registry(faulty.url, RIGHT).tags("kano")


@pytest.mark.parametrize("realm", ["", "https://[", "https://h:x/", "https://h:99999/", "token"])
def test_tells_a_token_server_without_an_address(
    faulty: FaultyServer, open_registry: OpenRegistry, realm: str
) -> None:
    faulty.faults = [Fault("GET", "/", 401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})]
    with pytest.raises(InvalidError) as raised:
        open_registry(faulty.url).tags("kano")
    assert repr(realm) in raised.value.message
    assert raised.value.remedy
