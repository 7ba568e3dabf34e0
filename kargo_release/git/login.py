"""Keeps the login in a remote's address out of the process list.

Git hands a remote's whole address to ``git-remote-https`` as an argument, which everybody on the
machine can read. Addresses with a login in them are what GitLab's runner writes, and what people
write with ``url.….insteadOf``. Git is therefore given another name for the remote, with a rule
that makes it the address without the login, and a helper that has the login; both in its
environment, which only the same user can read. The remote's own name would not do: rules of the
user's may turn whatever address it has into one with a login again.

Sources: git-config(1), ``GIT_CONFIG_COUNT`` (Git 2.31 and newer; older ones ignore it) and
``url.<base>.insteadOf``; gitcredentials(7), "Custom helpers".
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from kargo_release.errors import RefusedError
from kargo_release.git.repository import Repository

_USERNAME, _PASSWORD = "KARGO_GIT_USERNAME", "KARGO_GIT_PASSWORD"
_HELPER = (
    '!f() { test "$1" = get && '
    f'printf "username=%s\\npassword=%s\\n" "${_USERNAME}" "${_PASSWORD}"; }}; f'
)
_NONE = ""  # what forgets the helpers that were named before
_COUNT = "GIT_CONFIG_COUNT"
_OLDEST = (2, 31)  # that takes settings from its environment
# What is said of the remote, and counts for its other name as well.
_CARRIED = ("proxy", "proxyauthmethod", "promisor", "partialclonefilter")

_Settings = list[tuple[str, str]]


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


@dataclass(frozen=True)
class Way:
    """How Git gets to a remote.

    Args:
        remote: What Git is to be given for the remote.
        variables: What it needs in its environment for that.
    """

    remote: str
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def way_to(repository: Repository, remote: str, *, push: bool) -> Way:
    """Return how Git gets to a remote without its login in the process list.

    Args:
        repository: The clone.
        remote: The remote's name.
        push: Whether Git pushes; it may have an address of its own for that.

    Raises:
        RefusedError: Git would push to several addresses, and one of them has a login.
    """
    logins = list(map(login_of, _addresses(repository, remote, push=push)))
    if len(logins) > 1 and any(logins):
        raise RefusedError(
            f"the Git remote {remote} is pushed to {len(logins)} addresses, with a login in one",
            "Leave it one address to push to (`git remote set-url --push`), or take the login out"
            " of the address: a credential helper can have it.",
        )
    login = logins[0] if logins else None
    if login is None or not _takes_settings(repository):
        return Way(remote)
    name = f"kargo-release/{remote}"
    carried = [(f"remote.{name}.{key}", value) for key, value in _carried(repository, remote)]
    return Way(name, environment(name, login, carried, os.environ))


def _addresses(repository: Repository, remote: str, *, push: bool) -> list[str]:
    """Return the addresses that Git would talk to: several only where it pushes."""
    way = ["--push", "--all"] if push else []
    _, output, _ = repository.execute(["remote", "get-url", *way, remote])
    return output.decode(errors="surrogateescape").splitlines()


def _takes_settings(repository: Repository) -> bool:
    version = re.search(rb"(\d+)\.(\d+)", repository.run(["version"]))
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def _carried(repository: Repository, remote: str) -> Iterator[tuple[str, str]]:
    listing = repository.run(["config", "--list", "-z"]).decode(errors="surrogateescape")
    for line in listing.split("\0"):
        key, _, value = line.partition("\n")
        section, _, name = key.rpartition(".")
        if section == f"remote.{remote}" and name in _CARRIED:
            yield name, value


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


def environment(
    name: str, login: Login, settings: _Settings, environ: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the variables by which Git takes a remote's address and login from its environment.

    Args:
        name: What Git is given for the remote.
        login: The login that the address has.
        settings: What Git is to be told beside.
        environ: Our environment, which may hold such variables already.
    """
    parts = urlsplit(login.address)
    context = f"credential.{parts.scheme}://{parts.netloc}"
    # Both, so that a rule of the user's for pushes, however short, does not win over ours.
    rules = [(f"url.{login.address}.{rule}", name) for rule in ("insteadOf", "pushInsteadOf")]
    settings = [*settings, *rules]
    if login.password is None:
        return _variables([*settings, (f"{context}.username", login.username)], environ)
    settings += [(f"{context}.helper", _NONE), (f"{context}.helper", _HELPER)]
    secret = {_USERNAME: login.username, _PASSWORD: login.password}
    return {**_variables(settings, environ), **secret}


def _variables(settings: _Settings, environ: Mapping[str, str]) -> dict[str, str]:
    told = environ.get(_COUNT, "")
    first = int(told) if told.isdecimal() else 0
    variables = {_COUNT: str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables
