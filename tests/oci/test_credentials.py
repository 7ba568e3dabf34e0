import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from kargo_release.errors import FailedError, InvalidError, KargoError, RefusedError, UsageError
from kargo_release.oci.credentials import Login, find_login

HOST = "harbor.example.com:8443"
DOCKER_HUB = "https://index.docker.io/v1/"


def entry(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


class Home:
    """A home folder with files of credentials and helper programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.environ = {"HOME": str(folder), "PATH": f"{self.programs}:/usr/bin:/bin"}

    @property
    def helm(self) -> Path:
        below = "Library/Preferences" if sys.platform == "darwin" else ".config"
        return self.folder / below / "helm" / "registry" / "config.json"

    @property
    def docker(self) -> Path:
        return self.folder / ".docker" / "config.json"

    def write(self, file: Path, document: object) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))

    def helper(self, name: str, script: str) -> None:
        program = self.programs / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def login(
        self, environ: Mapping[str, str] | None = None, host: str = HOST, path: str = ""
    ) -> Login | None:
        return find_login(host, path, {**self.environ, **(environ or {})})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def error_of(home: Home, kind: type[KargoError], environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(kind) as raised:
        home.login(environ)
    assert type(raised.value) is kind or kind is FailedError
    return str(raised.value)


def test_finds_none_in_an_empty_home(home: Home) -> None:
    assert home.login() is None


def test_finds_none_for_a_user_without_a_home(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers run as a number that no file of users knows."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    del home.environ["HOME"]
    assert home.login() is None

    home.write(tmp_path / "config.json", {"auths": {HOST: entry("ada", "s3cret")}})
    assert home.login({"DOCKER_CONFIG": str(tmp_path)}) == Login("ada", "s3cret")


def test_takes_the_environment_before_all_files(home: Home) -> None:
    home.write(home.helm, {"auths": {HOST: entry("helm", "h")}})
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "env",
        "KARGO_RELEASE_REGISTRY_PASSWORD": "e",
    }
    assert home.login(environ) == Login("env", "e")


def test_reads_the_password_from_a_file(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file\n")
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "env",
        "KARGO_RELEASE_REGISTRY_PASSWORD_FILE": str(secret),
    }
    assert home.login(environ) == Login("env", "from the file")
    secret.write_text("\n")
    assert f"names is empty: {secret}" in error_of(home, UsageError, environ)
    secret.unlink()
    assert f"cannot be read: {secret}" in error_of(home, UsageError, environ)


@pytest.mark.parametrize("name", ["robot$kalisio+releaser", "robot_kalisio+ci", "a@b.example"])
def test_takes_the_names_of_robots_from_everywhere(home: Home, name: str) -> None:
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": name,
        "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret:/+$",
    }
    assert home.login(environ) == Login(name, "s3cret:/+$")
    home.write(home.docker, {"auths": {HOST: entry(name, "s3cret:/+$")}})
    assert home.login() == Login(name, "s3cret:/+$")
    home.helper("store", f"""printf '%s' '{{"Username":"{name}","Secret":"s3cret:/+$"}}'""")
    home.write(home.helm, {"credsStore": "store"})
    assert home.login() == Login(name, "s3cret:/+$")


def test_tells_where_a_login_comes_from(home: Home, tmp_path: Path) -> None:
    home.write(home.docker, {"auths": {HOST: entry("ada", "s")}})
    secret = tmp_path / "secret"
    secret.write_text("s")
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "ada",
        "KARGO_RELEASE_REGISTRY_PASSWORD_FILE": str(secret),
    }
    logins = [home.login(environ), home.login()]
    assert [login.source for login in logins if login] == [
        "KARGO_RELEASE_REGISTRY_USERNAME and KARGO_RELEASE_REGISTRY_PASSWORD_FILE",
        str(home.docker),
    ]


@pytest.mark.parametrize("half", ["USERNAME", "PASSWORD"])
def test_refuses_half_a_login(home: Home, half: str) -> None:
    error = error_of(home, UsageError, {f"KARGO_RELEASE_REGISTRY_{half}": "a-s3cret"})
    assert "belong together" in error
    assert "a-s3cret" not in error


def test_takes_the_file_of_helm_before_that_of_docker(home: Home) -> None:
    home.write(home.docker, {"auths": {HOST: entry("docker", "d")}})
    assert home.login() == Login("docker", "d")
    home.write(home.helm, {"auths": {HOST: entry("helm", "h:h")}})
    assert home.login() == Login("helm", "h:h")


@pytest.mark.parametrize(
    ("variable", "file"),
    [
        ("HELM_REGISTRY_CONFIG", "there"),
        ("HELM_CONFIG_HOME", "there/registry/config.json"),
        ("XDG_CONFIG_HOME", "there/helm/registry/config.json"),
        ("DOCKER_CONFIG", "there/config.json"),
    ],
)
def test_reads_where_the_environment_points(
    home: Home, tmp_path: Path, variable: str, file: str
) -> None:
    home.write(tmp_path / file, {"auths": {HOST: entry("there", "t")}})
    assert home.login({variable: str(tmp_path / "there")}) == Login("there", "t")


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"http://{HOST}/", f"https://{HOST}/v2/"])
def test_knows_the_ways_to_write_a_host(home: Home, key: str) -> None:
    home.write(home.docker, {"auths": {key: entry("user", "p")}})
    assert home.login() == Login("user", "p")


def test_takes_the_longest_path_first(home: Home) -> None:
    auths = {HOST: entry("host", "1"), f"{HOST}/kalisio": entry("project", "2")}
    home.write(home.docker, {"auths": auths})
    assert home.login(path="kalisio/helm") == Login("project", "2")
    assert home.login(path="other") == Login("host", "1")
    assert home.login(host="harbor.example.com", path="kalisio") is None


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_knows_the_key_of_docker_hub(home: Home, host: str) -> None:
    home.write(home.docker, {"auths": {DOCKER_HUB: entry("user", "p")}})
    assert home.login(host=host, path="kalisio") == Login("user", "p")


def test_reads_a_user_and_a_password_in_plain_text(home: Home) -> None:
    home.write(home.docker, {"auths": {HOST: {"username": "user", "password": "p"}}})
    assert home.login() == Login("user", "p")


def test_reads_an_identity_token(home: Home) -> None:
    home.write(home.docker, {"auths": {HOST: {**entry("user", ""), "identitytoken": "t"}}})
    assert home.login() == Login("user", "", "t")


def test_passes_over_an_entry_without_a_login(home: Home) -> None:
    home.write(home.docker, {"auths": {HOST: {}}})
    assert home.login() is None


ANSWER = """read host; printf '{"ServerURL":"%s","Username":"%s","Secret":"s"}' "$host" "$host" """


def test_asks_the_helper_of_the_host_before_the_store_and_the_file(home: Home) -> None:
    home.helper("one", ANSWER)
    home.helper("two", "echo the store was asked >&2; exit 1")
    config = {"credHelpers": {HOST: "one"}, "credsStore": "two", "auths": {HOST: entry("f", "f")}}
    home.write(home.docker, config)
    assert home.login() == Login(HOST, "s")


def test_asks_the_store_by_the_key_of_docker_hub(home: Home) -> None:
    home.helper("store", ANSWER)
    home.write(home.docker, {"credsStore": "store"})
    assert home.login(host="docker.io") == Login(DOCKER_HUB, "s")


def test_takes_an_identity_token_from_a_helper(home: Home) -> None:
    home.helper("store", """printf '{"Username":"<token>","Secret":"t"}'""")
    home.write(home.docker, {"credsStore": "store"})
    assert home.login() == Login("", identity_token="t")


def test_goes_on_when_a_helper_has_no_credentials(home: Home) -> None:
    home.helper("store", "echo credentials not found in native keychain; exit 1")
    home.write(home.helm, {"credsStore": "store"})
    home.write(home.docker, {"credsStore": "store", "auths": {HOST: entry("file", "f")}})
    assert home.login() == Login("file", "f")


def test_asks_for_the_host_though_a_helper_fails_at_a_path(home: Home) -> None:
    only_hosts = 'read host; case "$host" in */*) echo no host >&2; exit 1;; esac'
    home.helper("store", f"""{only_hosts}; printf '{{"Username":"%s","Secret":"s"}}' "$host" """)
    home.write(home.docker, {"credsStore": "store"})
    assert home.login(path="kalisio/helm") == Login(HOST, "s")


def test_asks_a_helper_for_the_longest_path_first(home: Home) -> None:
    home.helper("store", ANSWER)
    home.write(home.docker, {"credHelpers": {f"{HOST}/kalisio": "store"}})
    assert home.login(path="kalisio/helm") == Login(f"{HOST}/kalisio", "s")
    assert home.login(path="other") is None


def test_stops_when_a_helper_fails(home: Home) -> None:
    home.helper("store", "echo my-s3cret; echo the keychain is locked >&2; exit 3")
    home.write(home.docker, {"credsStore": "store", "auths": {HOST: entry("file", "f")}})
    error = error_of(home, FailedError)
    assert "docker-credential-store failed with exit code 3: the keychain is locked" in error
    assert "my-s3cret" not in error


def test_stops_when_a_helper_is_missing(home: Home) -> None:
    home.write(home.docker, {"credsStore": "absent"})
    error = error_of(home, RefusedError)
    assert "the program docker-credential-absent was not found" in error
    assert "Install it" in error


def test_stops_when_a_helper_does_not_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kargo_release.oci.credentials._HELPER_SECONDS", 0.2)
    home.helper("store", "exec sleep 60")
    home.write(home.docker, {"credsStore": "store"})
    assert "did not end within 0.2 s and was killed" in error_of(home, FailedError)


@pytest.mark.parametrize("answer", ["nothing", "[]", "{}"])
def test_refuses_what_is_no_answer_of_a_helper(home: Home, answer: str) -> None:
    home.helper("store", f"echo '{answer}'")
    home.write(home.docker, {"credsStore": "store"})
    error = error_of(home, FailedError)
    assert "docker-credential-store gave no credentials that can be read" in error


@pytest.mark.parametrize("name", ["../evil", "a b", "a;b", "-x"])
def test_starts_no_helper_of_a_bad_name(home: Home, name: str) -> None:
    home.write(home.docker, {"credsStore": name})
    assert "cannot be the name of a credential helper" in error_of(home, InvalidError)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "[" * 99999, " " * (1 << 20) + "{}"])
def test_names_the_file_that_is_not_json(home: Home, text: str) -> None:
    home.docker.parent.mkdir()
    home.docker.write_text(text)
    assert f"{home.docker} is not a JSON object" in error_of(home, InvalidError)


@pytest.mark.parametrize(
    "document",
    [
        {"auths": 1},
        {"auths": [1]},
        {"credHelpers": "x"},
        {"auths": {HOST: 1}},
        {"auths": {HOST: {"auth": 1}}},
        {"auths": {HOST: {"auth": "my-s3cret!"}}},
        {"auths": {HOST: {"auth": "/w=="}}},
        {"auths": {HOST: {"username": "a", "password": 1}}},
        {"auths": {HOST: {"username": [1], "identitytoken": {"a": 1}}}},
    ],
)
def test_names_the_file_that_has_another_form(home: Home, document: object) -> None:
    home.write(home.docker, document)
    error = error_of(home, InvalidError)
    assert f"{home.docker} is not a file of registry credentials" in error
    assert "my-s3cret" not in error


def test_names_the_file_that_cannot_be_read(home: Home) -> None:
    home.docker.mkdir(parents=True)
    assert f"{home.docker} cannot be read" in error_of(home, InvalidError)


def test_shows_no_secret_of_a_login() -> None:
    login = Login("user", "my-s3cret", "my-s3cret-token")
    assert "my-" not in f"{login!r} {login}"
