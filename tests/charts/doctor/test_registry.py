"""What doctor finds out of the registry, and leaves there: nothing."""

import json
from pathlib import Path

import pytest
import requests
from diagnosis import Told, ask
from released import archives_in_registry
from sandbox import Sandbox
from servers import DockerRegistry, docker_registry, free_port, token_server
from untouched import files

from kargo_release.charts.doctor import registry
from kargo_release.errors import FailedError, InvalidError, RefusedError, UsageError

REGISTRY, PULL, PUSH, TAGS = registry.NAMES
USERS = {"ada": "right-s3cret"}
LOGIN = {
    "KARGO_RELEASE_REGISTRY_USERNAME": "ada",
    "KARGO_RELEASE_REGISTRY_PASSWORD": "right-s3cret",
}


def look(sandbox: Sandbox, **environ: str) -> dict[str, Told]:
    return ask(registry.look, sandbox, environ)


def at(sandbox: Sandbox, host: str) -> str:
    """Release to this registry; return the repository of the chart."""
    sandbox.registry = f"{host}/team/helm"
    sandbox.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{sandbox.registry}"
    return f"{sandbox.registry}/kano"


def test_finds_nothing_wrong(platform: Sandbox) -> None:
    found = look(platform)

    assert list(found) == list(registry.NAMES)
    assert [each.state for each in found.values()] == ["ok", "ok", "ok", "unknown"]
    assert found[REGISTRY].message == f"oci://{platform.registry} answers; without a login"
    assert found[PULL].message == f"may pull {platform.registry}/kano"
    assert found[PUSH].message == f"may push to {platform.registry}/kano"
    assert "does not tell whether its tags are immutable" in found[TAGS].message
    assert archives_in_registry(platform, "kano") == {}


def test_leaves_no_repository(local: Sandbox, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry") as running:
        at(local, running.host)
        look(local)

        listing = requests.get(f"http://{running.host}/v2/_catalog", timeout=30).json()

    assert listing["repositories"] == []


def test_says_where_the_login_came_from_and_not_what_it_is(local: Sandbox, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", htpasswd=USERS) as running:
        at(local, running.host)
        named = look(local, **LOGIN)[REGISTRY].message
        entry = {"username": "ada", "password": "right-s3cret"}
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {running.host: entry}}))
        filed = look(local, DOCKER_CONFIG=str(tmp_path))[REGISTRY].message

    assert named.endswith(f"answers; basic login from {' and '.join(LOGIN)}")
    assert filed.endswith(f"answers; basic login from {file}")
    assert "right-s3cret" not in named + filed


def test_tells_a_wrong_password(local: Sandbox, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", htpasswd=USERS) as running:
        at(local, running.host)
        found = look(local, **{**LOGIN, "KARGO_RELEASE_REGISTRY_PASSWORD": "wr0ng-s3cret"})

    for name in (PULL, PUSH):
        assert found[name].state == "error"
        assert "did not accept the login (401)" in found[name].message
        assert f"helm registry login {running.host}" in found[name].remedy
    assert "wr0ng-s3cret" not in str(found)


def test_tells_a_login_that_may_pull_and_not_push(local: Sandbox, tmp_path: Path) -> None:
    with (
        token_server(tmp_path / "tokens", USERS, anonymous=frozenset({"pull"})) as tokens,
        docker_registry(tmp_path / "registry", tokens=tokens) as running,
    ):
        repository = at(local, running.host)
        anonymous, ada = look(local), look(local, **LOGIN)

    assert anonymous[PULL] == Told("ok", f"may pull {repository}", "")
    assert anonymous[PUSH].state == "error"
    assert "helm registry login" in anonymous[PUSH].remedy
    assert ada[PUSH].state == "ok", ada[PUSH]


def test_asks_though_there_is_no_chart_yet(local: Sandbox, docker_host: DockerRegistry) -> None:
    local.git("rm", "--quiet", "-r", "charts")
    local.commit("Remove kano")
    local.use_registry(docker_host.host)

    assert look(local)[PUSH].state == "ok"


def test_raises_that_the_registry_is_away(local: Sandbox) -> None:
    at(local, f"127.0.0.1:{free_port()}")

    with pytest.raises(FailedError, match="refused the connection"):
        look(local)


def test_raises_that_the_address_or_the_login_is_wrong(local: Sandbox, tmp_path: Path) -> None:
    at(local, "ada:s3cret@127.0.0.1")
    with pytest.raises(UsageError, match="not the address of a registry") as told:
        look(local)
    assert "s3cret" not in str(told.value)

    with docker_registry(tmp_path / "registry", htpasswd=USERS) as running:
        at(local, running.host)
        with pytest.raises(UsageError, match="belong together"):
            look(local, KARGO_RELEASE_REGISTRY_USERNAME="ada")
        (tmp_path / "config.json").write_text("{")
        with pytest.raises(InvalidError, match="is not a JSON object"):
            look(local, DOCKER_CONFIG=str(tmp_path))


def test_warns_of_a_login_that_goes_unencrypted(
    local: Sandbox, docker_host: DockerRegistry
) -> None:
    at(local, "registry.test")
    local.environ["KARGO_RELEASE_PLAIN_HTTP"] = "true"

    told = look(local, http_proxy=f"http://{docker_host.host}")[REGISTRY]

    assert told.state == "warning"
    assert "plain_http sends login and charts there unencrypted" in told.message
    assert "certificate" in told.remedy


def test_plain_http_on_this_machine_is_no_matter(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_PLAIN_HTTP"] = "true"

    assert look(platform)[REGISTRY].state == "ok"


def test_tells_of_the_local_registry(local: Sandbox) -> None:
    before = files(local.path)

    found = look(local)

    assert [each.state for each in found.values()] == ["ok", "ok", "ok", "not needed"]
    assert found[PUSH].message == "may push to .kargo/registry/kano"
    assert files(local.path) == before


def test_tells_a_local_folder_that_is_none(local: Sandbox) -> None:
    local.write(".kargo", "a file")

    told = look(local)[PUSH]

    assert told.state == "error"
    assert "cannot be written to" in told.message
    assert told.remedy


def test_refuses_the_disk_of_ci_and_warns_of_it_where_it_is_meant(local: Sandbox) -> None:
    with pytest.raises(RefusedError, match="no registry is set"):
        look(local, CI="true")

    told = look(local, CI="true", KARGO_RELEASE_REGISTRY="local")[REGISTRY]

    assert told.state == "warning"
    assert "lost with it" in told.message
    assert "oci://HOST/PATH" in told.remedy
