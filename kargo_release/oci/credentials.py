"""User and password for a registry: from the environment, Helm's file, or Docker's.

Sources: Docker's ``config.json`` (docker/cli ``cli/config/configfile/file.go``), the protocol of
its credential helpers (docker/docker-credential-helpers ``README.md``), and Helm's places
(helm/helm ``pkg/helmpath/lazypath.go``, ``pkg/cli/environment.go``).
"""

import base64
import binascii
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kargo_release.errors import FailedError, InvalidError, UsageError
from kargo_release.oci.hosts import is_docker_hub
from kargo_release.process import ProgramError, run

USERNAME = "KARGO_RELEASE_REGISTRY_USERNAME"
PASSWORD = "KARGO_RELEASE_REGISTRY_PASSWORD"  # noqa: S105 - the variable's name
PASSWORD_FILE = "KARGO_RELEASE_REGISTRY_PASSWORD_FILE"  # noqa: S105 - the variable's name

_DOCKER_HUB = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 30.0
_LONGEST_FILE = 1 << 20
_API_VERSION = re.compile(r"/v[12]/?$")
# What a helper says when it simply has none (docker-credential-helpers credentials/error.go).
_NOT_FOUND = b"credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105 - marks that the secret is an identity token


@dataclass(frozen=True)
class Login:
    """Who we are to a registry: a user and a password, or an identity token.

    ``source`` tells a person where it came from: variables, a file, or a credential helper.
    """

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    source: str = field(default="", compare=False)

    def basic(self) -> str:
        """Return the value of an ``Authorization`` header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


FindLogin = Callable[[str, str, Mapping[str, str]], Login | None]
"""Looks a login up by host, path and environment, as `find_login` does."""


def find_login(host: str, path: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login for a registry, or None when there is none.

    Args:
        host: The registry's host, with its port if it has one.
        path: The path below the host; a login for ``host/path`` comes before one for ``host``.
        environ: The environment.

    Raises:
        UsageError: The environment holds half a login.
        InvalidError: A file is not readable as what it should be.
        FailedError: A credential helper failed.
    """
    if login := _from_environment(environ):
        return login
    for file in _files(environ):
        if login := login_in(file, host, path, environ):
            return login
    return None


def login_in(file: Path, host: str, path: str, environ: Mapping[str, str]) -> Login | None:
    """Return the login that one file holds or names a helper for; as `find_login`."""
    return _from_file(file, _keys(host, path), environ)


def _from_environment(environ: Mapping[str, str]) -> Login | None:
    username = environ.get(USERNAME, "")
    password = environ.get(PASSWORD, "") or _password_file(environ)
    source = f"{USERNAME} and {PASSWORD if environ.get(PASSWORD) else PASSWORD_FILE}"
    if bool(username) != bool(password):
        raise UsageError(
            f"{USERNAME} and a password belong together, and only one of them is set",
            f"Set {USERNAME}, and {PASSWORD} or {PASSWORD_FILE}, or none of them.",
        )
    return Login(username, password, source=source) if username else None


def _password_file(environ: Mapping[str, str]) -> str:
    name = environ.get(PASSWORD_FILE)
    if not name:
        return ""
    try:
        password = Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"the file that {PASSWORD_FILE} names cannot be read: {name}", "Correct the path."
        ) from None
    if not password:
        raise UsageError(
            f"the file that {PASSWORD_FILE} names is empty: {name}", "Write the password into it."
        )
    return password


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    home = _home(environ)
    if named := environ.get("HELM_REGISTRY_CONFIG"):
        yield Path(named)
    elif helm := _helm_home(environ, home):
        yield helm / "registry" / "config.json"
    yield from docker_files(environ)


def docker_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where Docker's configuration is, if it can be told."""
    if named := environ.get("DOCKER_CONFIG"):
        yield Path(named) / "config.json"
    elif home := _home(environ):
        yield home / ".docker" / "config.json"


def _home(environ: Mapping[str, str]) -> Path | None:
    """Return the user's home; None for one that has none, as numbered users of containers."""
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError:
        return None


def _helm_home(environ: Mapping[str, str], home: Path | None) -> Path | None:
    if named := environ.get("HELM_CONFIG_HOME"):
        return Path(named)
    if base := environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "helm"
    if home is None:
        return None
    preferences = home / "Library" / "Preferences"
    return (preferences if sys.platform == "darwin" else home / ".config") / "helm"


def _keys(host: str, path: str) -> list[str]:
    if is_docker_hub(host):
        return [_DOCKER_HUB]
    parts = [part for part in path.split("/") if part]
    return ["/".join([host, *parts[:length]]) for length in range(len(parts), -1, -1)]


def _from_file(file: Path, keys: list[str], environ: Mapping[str, str]) -> Login | None:
    config = _read(file)
    if config is None:
        return None
    try:
        if login := _from_helpers(config, keys, environ):
            return replace(login, source=f"{login.source}, which {file} names")
        login = _from_auths(config, keys)
        return replace(login, source=str(file)) if login else None
    except (AttributeError, TypeError, KeyError, ValueError, binascii.Error):
        raise InvalidError(
            f"{file} is not a file of registry credentials as Docker writes it",
            "Correct the file, or log in again: helm registry login HOST",
        ) from None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        with file.open("rb") as opened:
            text = opened.read(_LONGEST_FILE + 1)
        document = json.loads(text) if len(text) <= _LONGEST_FILE else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InvalidError(
            f"{file} cannot be read: {error.strerror}", "Correct its rights."
        ) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidError(f"{file} is not a JSON object", "Correct the file, or remove it.")
    return document


def _from_helpers(
    config: Mapping[str, Any], keys: list[str], environ: Mapping[str, str]
) -> Login | None:
    helpers = {_plain(key): name for key, name in (config.get("credHelpers") or {}).items()}
    for key in keys:
        named = helpers.get(_plain(key)) or config.get("credsStore")
        if named and (login := _ask(str(named), key, key == keys[-1], environ)):
            return login
    return None


def _ask(helper: str, key: str, is_host: bool, environ: Mapping[str, str]) -> Login | None:
    if not _HELPER.fullmatch(helper):
        raise InvalidError(
            f"{helper[:80]!r} cannot be the name of a credential helper",
            "Correct credsStore and credHelpers in the file of registry credentials.",
        )
    program = [f"docker-credential-{helper}", "get"]
    try:
        answer = run(program, input=key.encode(), timeout=_HELPER_SECONDS, env=dict(environ))
    except ProgramError as error:
        # Docker asks for hosts only, so that some helpers fail at a path instead of finding none.
        if _NOT_FOUND in error.output or not is_host:
            return None
        raise
    return _answered(program[0], answer)


def _answered(program: str, answer: bytes) -> Login | None:
    try:
        document = json.loads(answer)
        username, secret = str(document["Username"]), str(document["Secret"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FailedError(
            f"{program} gave no credentials that can be read", "Log in again with that helper."
        ) from None
    if username == _TOKEN_USER:
        return Login("", identity_token=secret, source=program)
    return Login(username, secret, source=program) if username or secret else None


def _from_auths(config: Mapping[str, Any], keys: list[str]) -> Login | None:
    auths = {_plain(key): entry for key, entry in (config.get("auths") or {}).items()}
    for key in keys:
        if (entry := auths.get(_plain(key))) and (login := _entry(entry)):
            return login
    return None


def _entry(entry: Mapping[str, Any]) -> Login | None:
    username, password = _text(entry, "username"), _text(entry, "password")
    if encoded := _text(entry, "auth"):
        pair = base64.b64decode(encoded, validate=True).decode()
        username, _, password = pair.partition(":")
    # Docker pads what it encodes with NUL.
    login = Login(username, password.rstrip("\0"), _text(entry, "identitytoken"))
    return login if login.identity_token or login.username else None


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key) or ""
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _plain(key: str) -> str:
    _, separator, rest = key.partition("://")
    return _API_VERSION.sub("", rest if separator else key).rstrip("/")
