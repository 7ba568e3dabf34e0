import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from git_server import git_server
from sandbox import Sandbox
from servers import serving

from kargo_release.errors import FailedError
from kargo_release.git.repository import Repository
from kargo_release.images import git_commit
from kargo_release.images.git_commit import pinned
from kargo_release.images.git_context import GitContext


@pytest.fixture
def there(tmp_path: Path) -> Sandbox:
    """A clone of the other repository, with a branch and two kinds of tags."""
    sandbox = Sandbox.make(tmp_path / "there")
    sandbox.add_remote(tmp_path / "served" / "there.git")
    sandbox.write("file", "")
    sandbox.commit()
    sandbox.git("tag", "light")
    sandbox.git("tag", "--annotate", "--message", "A tag", "heavy")
    sandbox.write("file", "newer")
    sandbox.commit()
    sandbox.git("push", "--quiet", "--tags", "origin", "HEAD", "HEAD:refs/heads/feature/x")
    return sandbox


@pytest.fixture
def context(tmp_path: Path, there: Sandbox) -> Iterator[GitContext]:
    with git_server(tmp_path / "served") as host:
        yield GitContext(f"http://{host}/there.git", "main", "sub")


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return Repository.open(Sandbox.make(tmp_path / "here").path)


@pytest.mark.parametrize(
    ("ref", "commit"),
    [("main", "HEAD"), ("feature/x", "HEAD"), ("light", "HEAD~1"), ("heavy", "HEAD~1")],
)
def test_puts_the_commit_in_the_place_of_a_ref(
    here: Repository, there: Sandbox, context: GitContext, ref: str, commit: str
) -> None:
    found = pinned(here, replace(context, ref=ref))

    assert found == replace(context, ref=there.git("rev-parse", commit))


def test_takes_a_tag_before_a_branch_of_the_same_name(
    here: Repository, there: Sandbox, context: GitContext
) -> None:
    there.git("push", "--quiet", "origin", "HEAD:refs/heads/light")

    found = pinned(here, replace(context, ref="light"))
    assert found.ref == there.git("rev-parse", "light")


def test_takes_no_branch_for_one_whose_name_ends_like_it(
    here: Repository, there: Sandbox, context: GitContext
) -> None:
    with pytest.raises(FailedError, match="no branch and no tag 'x'"):
        pinned(here, replace(context, ref="x"))


def test_leaves_a_commit_as_it_is_without_asking(here: Repository) -> None:
    context = GitContext("https://nowhere.invalid/k.git", "a" * 40)

    assert pinned(here, context) == context


def test_tells_a_ref_that_is_not_there(here: Repository, context: GitContext) -> None:
    with pytest.raises(FailedError) as caught:
        pinned(here, replace(context, ref="gone"))
    assert caught.value.message == f"{context.url} has no branch and no tag 'gone'"
    assert "`context`" in caught.value.remedy


def test_tells_a_repository_that_is_not_there(here: Repository, context: GitContext) -> None:
    gone = replace(context, url=context.url.replace("there", "nowhere"))

    with pytest.raises(FailedError, match="can't read the Git context") as caught:
        pinned(here, gone)
    assert f"git ls-remote {gone.url}" in caught.value.remedy


def test_asks_nobody_for_a_password(tmp_path: Path, there: Sandbox, here: Repository) -> None:
    with (
        git_server(tmp_path / "served", user="ada", password="s3cret") as host,
        pytest.raises(FailedError, match="terminal prompts disabled"),
    ):
        pinned(here, GitContext(f"http://{host}/there.git", "main"))


@pytest.mark.parametrize("to", ["ext::sh -c 'touch ran'% ", "file://", ""])
def test_follows_no_rule_to_a_command_or_a_folder(
    tmp_path: Path, there: Sandbox, here: Repository, to: str
) -> None:
    clone = Sandbox(here.root)
    clone.git("config", f"url.{to}{tmp_path}/served/.insteadOf", "https://example.com/")
    clone.git("config", "protocol.ext.allow", "always")

    with pytest.raises(FailedError, match="not allowed"):
        pinned(here, GitContext("https://example.com/there.git", "main"))
    assert not (here.root / "ran").exists()


def test_waits_for_nobody_for_ever(here: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_commit, "_TIME_LIMIT", 1)
    ended = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait(30)

    with serving(Silent) as host:
        try:
            with pytest.raises(FailedError, match="no answer within 1 seconds"):
                pinned(here, GitContext(f"http://{host}/k.git", "main"))
        finally:
            ended.set()
