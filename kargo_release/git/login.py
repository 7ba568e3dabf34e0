"""Keeps the login in a remote's address out of the process list.

Git hands a remote's whole address to ``git-remote-https`` as an argument, which everybody on the
machine can read. Addresses with a login in them are what GitLab's runner writes, and what people
write with ``url.….insteadOf``. Git therefore gets a rule for the address without the login, and a
helper that has the login; both in its environment, which only the same user can read.

Sources: git-config(1), ``GIT_CONFIG_COUNT`` (Git 2.31 and newer; older ones ignore it) and
``url.<base>.insteadOf``; gitcredentials(7), "Custom helpers".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from kargo_release.git.repository import Repository

_USERNAME, _PASSWORD = "KARGO_GIT_USERNAME", "KARGO_GIT_PASSWORD"
_HELPER = (
    '!f() { test "$1" = get && '
    f'printf "username=%s\\npassword=%s\\n" "${_USERNAME}" "${_PASSWORD}"; }}; f'
)
_NONE = ""  # what forgets the helpers that were named before
_COUNT = "GIT_CONFIG_COUNT"


@dataclass(frozen=True)
class Login:
    """The login that an address of a remote holds.

    Args:
        address: The address as it is without the login.
        username: The user, as it is written in a login.
        password: The password; None where the address names only the user.
    """

    address: str
    username: str = field(repr=False)
    password: str | None = field(repr=False)


def hidden(repository: Repository, remote: str, *, push: bool) -> Mapping[str, str]:
    """Return the variables by which Git talks to a remote without its login in the process list.

    Args:
        repository: The clone.
        remote: The remote's name.
        push: Whether Git pushes; it may have an address of its own for that.
    """
    way = ["--push"] if push else []
    meant = _line(repository, ["remote", "get-url", *way, remote])
    login = login_of(meant)
    if login is None:
        return {}
    keys = ("pushurl", "url") if push else ("url",)
    lines = (_line(repository, ["config", "--get-all", f"remote.{remote}.{key}"]) for key in keys)
    written = next(filter(None, lines), meant)
    return environment(written, login, os.environ)


def _line(repository: Repository, arguments: list[str]) -> str:
    """Return the first line that Git prints; empty where there is none."""
    _, output, _ = repository.execute(arguments)
    return next(iter(output.decode(errors="replace").splitlines()), "")


def login_of(url: str) -> Login | None:
    """Return the login in an address, None where there is none that could be hidden."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    held, at, host = parts.netloc.rpartition("@")
    if parts.scheme not in ("http", "https") or not at:
        return None
    username, colon, password = held.partition(":")
    login = Login(
        urlunsplit(parts._replace(netloc=host)),
        unquote(username),
        unquote(password) if colon else None,
    )
    fits = "\n" not in f"{login.username}{login.password}" and "\0" not in url
    return login if fits else None


def environment(written: str, login: Login, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables by which Git takes the login from its environment.

    Args:
        written: The address as the configuration of the remote writes it.
        login: The login that it stands for.
        environ: Our environment, which may hold such variables already.
    """
    parts = urlsplit(login.address)
    context = f"credential.{parts.scheme}://{parts.netloc}"
    settings = [(f"url.{login.address}.insteadOf", written)]
    if login.password is None:
        settings += [(f"{context}.username", login.username)]
        return _variables(settings, environ)
    settings += [(f"{context}.helper", _NONE), (f"{context}.helper", _HELPER)]
    secret = {_USERNAME: login.username, _PASSWORD: login.password}
    return {**_variables(settings, environ), **secret}


def _variables(settings: list[tuple[str, str]], environ: Mapping[str, str]) -> dict[str, str]:
    told = environ.get(_COUNT, "")
    first = int(told) if told.isdecimal() else 0
    variables = {_COUNT: str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
