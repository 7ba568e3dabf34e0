"""Docker's configuration folder for a program that must log in as the environment says."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kargo_release.docker.login import Login
from kargo_release.docker.names import DOCKER_HUB

if TYPE_CHECKING:
    from docker.api import APIClient

_FILE = "config.json"
_HUB_KEY = "https://index.docker.io/v1/"  # docker/cli, config/credentials


@contextmanager
def with_login(login: Login | None, environ: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Give an environment in which Docker's client uses the login, for that host alone.

    A password has no place on a command line: it goes into a private folder, which is removed. All
    else of the user's configuration stays: plugins, contexts, builders, other logins.

    Args:
        login: The login; None leaves the environment as it is.
        environ: The environment.
    """
    if login is None:
        yield environ
        return
    theirs = _folder(environ)
    with TemporaryDirectory(prefix="kargo-release-docker-") as folder:  # of mode 0700
        ours = Path(folder)
        for each in _entries(theirs):
            (ours / each.name).symlink_to(each.absolute())
        config = _with(login, _read(theirs / _FILE))
        # No helper has this one, and no store (docker/cli, getConfiguredCredentialStore).
        _write(ours / _FILE, {**config, "credHelpers": {**config["credHelpers"], _key(login): ""}})
        yield {**environ, "DOCKER_CONFIG": folder}


def add_login(api: "APIClient", login: Login, environ: Mapping[str, str]) -> None:
    """Give the library a login beside those of the user's configuration, for that host alone.

    It reads a file only: a password that it got otherwise would be tried at once, needed or not.

    Args:
        api: The library's client.
        login: The login.
        environ: The environment.
    """
    with TemporaryDirectory(prefix="kargo-release-docker-") as folder:
        file = Path(folder, _FILE)
        _write(file, _with(login, _read(_folder(environ) / _FILE)))
        api.reload_config(str(file))


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/"), ".docker"))


def _write(file: Path, config: Mapping[str, Any]) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(config), encoding="utf-8")


def _entries(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.name != _FILE]
    except OSError:
        return []


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _with(login: Login, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the login in place of what it has for the same host."""
    key = _key(login)
    token = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    helpers = {**_mapping(config, "credHelpers")}
    helpers.pop(key, None)
    auths = {**_mapping(config, "auths"), key: {"auth": token}}
    return {**config, "auths": auths, "credHelpers": helpers}


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _key(login: Login) -> str:
    return _HUB_KEY if login.host == DOCKER_HUB else login.host
