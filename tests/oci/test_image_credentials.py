from pathlib import Path

import pytest
from servers import docker_registry

from kargo_release.errors import RefusedError, UsageError
from kargo_release.oci.credentials import Login
from kargo_release.oci.image_credentials import find_docker_login, find_image_login
from kargo_release.oci.registry import Registry

from .conftest import QUICK
from .test_credentials import Home, entry

HOST = "harbor.example.com"
OURS = {"DOCKER_USER": "ada", "DOCKER_PASSWORD": "s3cret"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.write(home.docker, {"auths": {HOST: entry("grace", "s3cret-of-docker")}})
    return home


def test_takes_the_login_of_the_environment_before_dockers(home: Home) -> None:
    found = find_image_login(HOST, "kalisio", {**home.environ, **OURS})

    assert found == Login("ada", "s3cret")
    assert found.source == "DOCKER_USER and DOCKER_PASSWORD"


def test_takes_dockers_login_else(home: Home) -> None:
    assert find_image_login(HOST, "kalisio", home.environ) == Login("grace", "s3cret-of-docker")
    assert find_image_login("elsewhere.example.com", "", home.environ) is None


def test_gives_the_login_of_the_environment_to_no_other_registry(home: Home) -> None:
    environ = {**home.environ, **OURS}

    assert find_docker_login(HOST, "", environ) == Login("grace", "s3cret-of-docker")


def test_takes_none_that_is_for_charts(home: Home) -> None:
    home.write(home.helm, {"auths": {"other.example.com": entry("helm", "s3cret")}})
    charts = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "charts",
        "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret",
    }

    assert find_image_login("other.example.com", "", {**home.environ, **charts}) is None


@pytest.mark.parametrize("name", list(OURS))
def test_refuses_half_a_login(home: Home, name: str) -> None:
    with pytest.raises(UsageError, match="belong together") as caught:
        find_image_login(HOST, "", {**home.environ, name: OURS[name]})
    assert caught.value.remedy.startswith("Set both, or none of them")


def test_names_the_variables_of_a_login_that_is_not_accepted(tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", htpasswd={"ada": "another-s3cret"}) as server:
        environ = {"HOME": str(tmp_path), **OURS}
        url = f"oci://{server.host}/kalisio"
        registry = Registry(
            url, plain_http=None, environ=environ, login=find_image_login, limits=QUICK
        )
        with pytest.raises(RefusedError) as caught:
            registry.manifest("kano", "1.0")
    assert "Correct DOCKER_USER and DOCKER_PASSWORD" in caught.value.remedy
    assert f"`docker login {server.host}`" in caught.value.remedy
