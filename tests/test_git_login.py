"""A login in the address of a Git remote is in no process list, whatever way it came there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confidential import betrayed
from forwarding import forwarding
from git_server import git_server
from process_list import ProcessList
from sandbox import Sandbox

from kargo_release.git.login import Login, environment, login_of

PASSWORD = "s3cret/of@git:ü"
WRITTEN = "s3cret%2Fof%40git%3A%C3%BC"


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

    told = environment("work:x", login, {"GIT_CONFIG_COUNT": "2"})

    assert told == {
        "GIT_CONFIG_COUNT": "4",
        "GIT_CONFIG_KEY_2": "url.https://host/x.insteadOf",
        "GIT_CONFIG_VALUE_2": "work:x",
        "GIT_CONFIG_KEY_3": "credential.https://host.username",
        "GIT_CONFIG_VALUE_3": "ada",
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
@pytest.mark.parametrize("way", ["url", "insteadOf", "pushurl"])
def test_shows_no_login_of_a_remote_in_the_process_list(
    platform: Sandbox, watched: tuple[ProcessList, str], way: str
) -> None:
    watch, host = watched
    meant = f"http://ada:{WRITTEN}@{host}/"
    if way == "insteadOf":
        platform.git("config", f"url.{meant}.insteadOf", "http://git.invalid/")
        platform.git("remote", "set-url", "origin", "http://git.invalid/remote.git")
    elif way == "url":
        platform.git("remote", "set-url", "origin", f"{meant}remote.git")
    else:
        platform.git("config", "remote.origin.pushurl", f"{meant}remote.git")

    ended = platform.run("release-chart", "kano", environ={"TMPDIR": str(platform.path.parent)})

    assert ended.exit_code == 0, ended.err
    assert any("remote-http" in line for line in watch.environments)
    assert not [line for line in watch.environments if betrayed(line)]
