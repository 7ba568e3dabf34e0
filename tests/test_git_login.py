"""A login in the address of a Git remote is in no process list, whatever way it came there."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from confidential import betrayed
from forwarding import forwarding
from git_server import git_server
from process_list import ProcessList
from sandbox import Sandbox

from kargo_release.errors import FailedError
from kargo_release.git.login import Login, environment, login_of
from kargo_release.git.remote import Push, Remote
from kargo_release.git.repository import Repository

PASSWORD = "s3cret/of@git:ü"
WRITTEN = "s3cret%2Fof%40git%3A%C3%BC"


# Ways in which a login comes into a remote's address: what the clone says of it, and its settings.
_RULE = "http://git.invalid/"
_REMOTE = f"{_RULE}remote.git"
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "url": ("{meant}remote.git", {}),
    "pushurl": ("{path}", {"remote.origin.pushurl": "{meant}remote.git"}),
    "insteadOf": (_REMOTE, {"url.{meant}.insteadOf": _RULE}),
    "insteadOf the whole": (_REMOTE, {"url.{meant}remote.git.insteadOf": _REMOTE}),
    "pushInsteadOf": (
        _REMOTE,
        {"url.{folder}/.insteadOf": _RULE, "url.{meant}.pushInsteadOf": _RULE},
    ),
    "pushInsteadOf of what we call it": (
        "{meant}remote.git",
        {"url.{meant}.pushInsteadOf": "kargo"},
    ),
}


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://ada:s3cret@host/x.git", Login("https://host/x.git", "ada", "s3cret")),
        (f"https://ada:{WRITTEN}@host:1/x", Login("https://host:1/x", "ada", PASSWORD)),
        ("https://s3cret:@host/x", Login("https://host/x", "s3cret", "")),
        ("https://ada@host/x", Login("https://host/x", "ada", None)),
        ("https://host/x@y", None),
        ("ssh://git@host/x", None),
        ("git@host:x", None),
        ("/srv/x.git", None),
        ("https://[host/x", None),
        ("https://ada:s3cret%0Ax@host/x", None),
    ],
)
def test_finds_the_login_in_an_address(url: str, login: Login | None) -> None:
    assert login_of(url) == login
    assert "s3cret" not in repr(login_of(url))


def test_adds_to_what_the_environment_tells_git_already() -> None:
    login = Login("https://host/x", "ada", None)

    told = environment("ours", login, [("a.b", "c")], {"GIT_CONFIG_COUNT": "2"})

    assert told == {
        "GIT_CONFIG_COUNT": "6",
        "GIT_CONFIG_KEY_2": "a.b",
        "GIT_CONFIG_VALUE_2": "c",
        "GIT_CONFIG_KEY_3": "url.https://host/x.insteadOf",
        "GIT_CONFIG_VALUE_3": "ours",
        "GIT_CONFIG_KEY_4": "url.https://host/x.pushInsteadOf",
        "GIT_CONFIG_VALUE_4": "ours",
        "GIT_CONFIG_KEY_5": "credential.https://host.username",
        "GIT_CONFIG_VALUE_5": "ada",
    }


@pytest.fixture
def watched(platform: Sandbox) -> Iterator[tuple[ProcessList, str]]:
    """What runs while the remote is asked, and the remote's host."""
    assert platform.remote is not None
    watch = ProcessList(f"TMPDIR={platform.path.parent} ")
    with (
        git_server(platform.remote.parent, user="ada", password=PASSWORD) as host,
        forwarding(host, watch) as proxy,
    ):
        yield watch, proxy.host


@pytest.mark.skipif(not Path("/proc").exists(), reason="no /proc to look at")
@pytest.mark.parametrize("way", WAYS)
def test_shows_no_login_of_a_remote_in_the_process_list(
    platform: Sandbox, watched: tuple[ProcessList, str], way: str
) -> None:
    watch, host = watched
    url, settings = WAYS[way]
    meant = f"http://ada:{WRITTEN}@{host}/"
    assert platform.remote is not None
    platform.git("remote", "set-url", "origin", url.format(meant=meant, path=platform.remote))
    for key, value in settings.items():
        words = {"meant": meant, "folder": platform.remote.parent}
        platform.git("config", key.format(**words), value.format(**words))

    ended = platform.run("release-chart", "kano", environ={"TMPDIR": str(platform.path.parent)})

    assert ended.exit_code == 0, ended.err
    assert any("remote-http" in line for line in watch.environments)
    assert not [line for line in watch.environments if betrayed(line)]


@pytest.fixture
def guarded(platform: Sandbox) -> Iterator[Sandbox]:
    """A clone whose remote wants a login, which its address has."""
    assert platform.remote is not None
    with git_server(platform.remote.parent, user="ada", password=PASSWORD) as host:
        platform.git("remote", "set-url", "origin", f"http://ada:{WRITTEN}@{host}/remote.git")
        yield platform


def remote_of(sandbox: Sandbox) -> Remote:
    return Remote.open(Repository.open(sandbox.path), "origin")


def test_fetches_by_the_login_of_the_address(guarded: Sandbox, tmp_path: Path) -> None:
    other = guarded.clone(tmp_path / "other")
    commit = other.git("commit-tree", "-m", "A claim", "HEAD^{tree}")
    other.git("push", "--quiet", "origin", f"{commit}:refs/kargo-release/kano-1.0.0")
    before = guarded.git("for-each-ref")

    remote_of(guarded).fetch(["refs/kargo-release/kano-1.0.0"])

    assert guarded.git("cat-file", "-t", commit) == "commit"
    assert guarded.git("for-each-ref") == before


@pytest.mark.parametrize("push", [False, True])
def test_names_the_remote_as_the_user_does_where_it_lets_nobody_in(
    guarded: Sandbox, push: bool
) -> None:
    url = guarded.git("remote", "get-url", "origin").replace(WRITTEN, "s3cret")
    guarded.git("remote", "set-url", "origin", url)
    remote = remote_of(guarded)
    pushes = [Push("refs/tags/x", guarded.git("rev-parse", "HEAD"))]
    with pytest.raises(FailedError) as caught:
        _ = remote.push(pushes) if push else remote.refs()
    told = f"{caught.value.message} {caught.value.remedy}"
    assert "the Git remote origin: fatal: Authentication failed for" in told
    assert "`git ls-remote origin`" in told
    assert "kargo-release/" not in told
    assert not betrayed(told)


def test_goes_through_the_proxy_of_the_remote(guarded: Sandbox) -> None:
    guarded.git("config", "remote.origin.proxy", "http://127.0.0.1:1")
    with pytest.raises(FailedError, match=r"127\.0\.0\.1 port 1"):
        remote_of(guarded).refs()


def test_releases_with_a_git_that_takes_no_settings_from_its_environment(
    guarded: Sandbox, tmp_path: Path
) -> None:
    real = shutil.which("git")
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    version = 'for word; do [ "$word" = version ] && echo "git version 2.30.2" && exit; done'
    old.write_text(f'#!/bin/sh\n{version}\nunset GIT_CONFIG_COUNT\nexec {real} "$@"\n')
    old.chmod(0o755)

    path = f"{old.parent}{os.pathsep}{os.environ['PATH']}"
    ended = guarded.run("release-chart", "kano", environ={"PATH": path})

    assert ended.exit_code == 0, ended.err


@pytest.mark.parametrize("first", [False, True])
def test_refuses_several_addresses_to_push_to_with_a_login_in_one(
    guarded: Sandbox, first: bool
) -> None:
    assert guarded.remote is not None
    urls = [str(guarded.remote), guarded.git("remote", "get-url", "origin")]
    for url in reversed(urls) if first else urls:
        guarded.git("remote", "set-url", "--push", "--add", "origin", url)
    before = guarded.remote_refs()

    for claims in ("true", "false"):
        environ = {"KARGO_RELEASE_GIT__CLAIMS": claims}
        ended = guarded.run("release-chart", "kano", "--json", environ=environ)
        assert ended.exit_code == 3
        assert ended.tells("the Git remote origin is pushed to 2 addresses", "set-url --push")

    assert guarded.remote_refs() == before
    assert guarded.run("list-charts").exit_code == 0


def test_pushes_to_several_addresses_without_a_login(platform: Sandbox, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror.git"
    platform.git("init", "--quiet", "--bare", str(mirror))
    for url in (platform.remote, mirror):
        platform.git("remote", "set-url", "--push", "--add", "origin", str(url))
    assert platform.run("release-chart", "kano").exit_code == 0
    assert "kano-1.0.0" in platform.git("ls-remote", "--tags", str(mirror))
