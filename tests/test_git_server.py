"""The Git remote of the tests is one: it can be read and pushed to, with a login."""

from git_server import git_server
from sandbox import Sandbox


def test_releases_to_a_remote_over_http(platform: Sandbox) -> None:
    assert platform.remote is not None
    with git_server(platform.remote.parent, user="ada", password="s3cret") as host:
        url = f"http://ada:s3cret@{host}/{platform.remote.name}"
        platform.git("remote", "set-url", "origin", url)

        ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}
    assert "refs/tags/kano-1.0.0" in platform.remote_refs()


def test_refuses_who_does_not_log_in(platform: Sandbox) -> None:
    assert platform.remote is not None
    with git_server(platform.remote.parent, user="ada", password="s3cret") as host:
        platform.git("remote", "set-url", "origin", f"http://{host}/{platform.remote.name}")

        ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 1
    assert ended.tells("can't read the Git remote origin", "git ls-remote origin")
