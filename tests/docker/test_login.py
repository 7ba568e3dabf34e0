"""The login that the environment gives, and the configuration in which Docker's client finds it."""

import base64
import json
from pathlib import Path

import pytest

from kargo_release.docker.configuration import with_login
from kargo_release.docker.login import Login
from kargo_release.docker.names import registry_host


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("debian", "docker.io"),
        ("library/debian", "docker.io"),
        ("index.docker.io/library/debian", "docker.io"),
        ("harbor.example.com/kalisio/kano", "harbor.example.com"),
        ("localhost/kano", "localhost"),
        ("127.0.0.1:5000/kano", "127.0.0.1:5000"),
    ],
)
def test_tells_the_host_of_a_reference(reference: str, host: str) -> None:
    assert registry_host(reference) == host


def test_shows_no_password() -> None:
    assert "s3cret" not in repr(Login("harbor.example.com", "ada", "s3cret"))


def test_adds_a_login_to_the_configuration_for_one_host_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "docker"
    (theirs / "cli-plugins").mkdir(parents=True)
    auths = {"other.example": {"auth": "eA=="}}
    config = {"credsStore": "desktop", "auths": auths, "proxies": {}}
    (theirs / "config.json").write_text(json.dumps(config))
    login = Login("harbor.example.com", "ada", "s3cret")

    with with_login(login, {"DOCKER_CONFIG": str(theirs), "A": "b"}) as environ:
        ours = Path(environ["DOCKER_CONFIG"])
        assert environ["A"] == "b"
        assert ours.stat().st_mode & 0o777 == 0o700
        assert (ours / "config.json").stat().st_mode & 0o777 == 0o600
        assert (ours / "cli-plugins").resolve() == theirs / "cli-plugins"
        written = json.loads((ours / "config.json").read_text())

    assert not ours.exists()
    token = base64.b64encode(b"ada:s3cret").decode()
    assert written == {
        **config,
        "auths": {**auths, login.host: {"auth": token}},
        "credHelpers": {login.host: ""},
    }
    assert json.loads((theirs / "config.json").read_text()) == config


def test_names_docker_hub_as_docker_s_client_does(tmp_path: Path) -> None:
    with with_login(Login("docker.io", "ada", "s3cret"), {"HOME": str(tmp_path)}) as environ:
        written = json.loads(Path(environ["DOCKER_CONFIG"], "config.json").read_text())
    assert list(written["auths"]) == ["https://index.docker.io/v1/"]


def test_leaves_the_environment_alone_without_a_login() -> None:
    with with_login(None, {"A": "b"}) as environ:
        assert environ == {"A": "b"}
