"""Docker's configuration folder for a program that must log in as the environment says."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kargo_release.docker.login import DOCKER_HUB, Login

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
    theirs = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/"), ".docker"))
    with TemporaryDirectory(prefix="kargo-release-docker-") as folder:  # of mode 0700
        ours = Path(folder)
        for each in _entries(theirs):
            (ours / each.name).symlink_to(each.absolute())
        file = ours / _FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(_with(login, _read(theirs / _FILE))), encoding="utf-8")
        yield {**environ, "DOCKER_CONFIG": folder}


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


def _with(login: Login, config: dict[str, Any]) -> dict[str, Any]:
    key = _HUB_KEY if login.host == DOCKER_HUB else login.host
    token = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    # No helper and no store has this one: docker/cli, configfile (getConfiguredCredentialStore).
    helpers = {**config.get("credHelpers", {}), key: ""}
    return {
        **config,
        "auths": {**config.get("auths", {}), key: {"auth": token}},
        "credHelpers": helpers,
    }
