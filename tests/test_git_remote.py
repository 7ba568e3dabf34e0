"""The Git remote: what it holds, what is fetched and pushed, and how it refuses."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sandbox import Sandbox
from servers import serving

from kargo_release.errors import FailedError, RefusedError
from kargo_release.git.remote import CLAIMS, Push, Remote
from kargo_release.git.repository import Repository


@pytest.fixture
def clone(tmp_path: Path) -> Sandbox:
    """A clone of a bare remote, with a commit that is pushed."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.add_remote(tmp_path / "remote.git")
    sandbox.write_chart("kano")
    sandbox.commit()
    sandbox.push()
    return sandbox


@pytest.fixture
def remote(clone: Sandbox) -> Remote:
    return Remote.open(Repository.open(clone.path), "origin")


def hook(sandbox: Sandbox, name: str, script: str) -> None:
    """Give the remote a hook."""
    assert sandbox.remote is not None
    file = sandbox.remote / "hooks" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("name", ["upstream", "--help", "-v", "origin\nx"])
def test_refuses_a_remote_that_is_not_there(clone: Sandbox, name: str) -> None:
    with pytest.raises(RefusedError, match="there is no Git remote called") as told:
        Remote.open(Repository.open(clone.path), name)

    assert "git remote add" in told.value.remedy
    assert "git.remote" in told.value.remedy


def test_reads_branches_tags_claims_and_the_default(clone: Sandbox, remote: Remote) -> None:
    head = clone.git("rev-parse", "HEAD")
    clone.git("tag", "light")
    clone.git("tag", "--annotate", "--message", "one", "heavy")
    clone.git("push", "--quiet", "origin", "--tags", f"HEAD:{CLAIMS}kano-1.0.0")
    clone.git("push", "--quiet", "origin", "HEAD:refs/heads/hotfix/1", "HEAD:refs/other/x")

    refs = remote.refs()

    assert refs.heads == {"main": head, "hotfix/1": head}
    assert refs.tags == {"light": head, "heavy": clone.git("rev-parse", "heavy")}
    assert refs.tagged == {"light": head, "heavy": head}
    assert refs.claims == {"kano-1.0.0": head}
    assert refs.default_branch == "main"


def test_reads_a_remote_that_holds_nothing(tmp_path: Path) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.add_remote(tmp_path / "remote.git")

    refs = Remote.open(Repository.open(sandbox.path), "origin").refs()

    assert (refs.heads, refs.tags, refs.default_branch) == ({}, {}, None)


def test_fetches_objects_and_no_ref(clone: Sandbox, remote: Remote, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    other.write("new", "1")
    sha = other.commit()
    other.git("tag", "v1")
    other.git("push", "--quiet", "origin", "main", "v1")
    before = clone.git("for-each-ref")

    remote.fetch(["refs/heads/main"])

    assert clone.git("cat-file", "-t", sha) == "commit"
    assert clone.git("for-each-ref") == before
    assert not (clone.path / ".git/FETCH_HEAD").exists()


def test_tells_a_ref_that_the_remote_has_not(remote: Remote) -> None:
    with pytest.raises(FailedError, match="can't read the Git remote origin: fatal: ") as told:
        remote.fetch(["refs/heads/nope"])

    assert "git ls-remote origin" in told.value.remedy


def test_tells_a_remote_that_is_not_where_it_should_be(clone: Sandbox, remote: Remote) -> None:
    clone.git("remote", "set-url", "origin", str(clone.path / "nowhere"))

    with pytest.raises(FailedError, match="can't read the Git remote origin") as reading:
        remote.refs()
    with pytest.raises(FailedError, match="can't push to the Git remote origin") as pushing:
        remote.push([Push("refs/tags/v1", clone.git("rev-parse", "HEAD"))])

    for told in (reading, pushing):
        assert "run this again" in told.value.remedy


def test_never_shows_the_password_of_the_address(clone: Sandbox, remote: Remote) -> None:
    clone.git("remote", "set-url", "origin", "http://joe:s3cr%65t@127.0.0.1:1/x.git")

    with pytest.raises(FailedError) as told:
        remote.refs()

    assert "s3cr" not in str(told.value)
    assert "127.0.0.1" in told.value.message


def test_creates_a_ref_once(clone: Sandbox, remote: Remote) -> None:
    first = clone.git("rev-parse", "HEAD")
    clone.write("new", "1")
    second = clone.commit()
    ref = f"{CLAIMS}kano-1.0.0"

    assert remote.push([Push(ref, first)]) == {}
    assert remote.push([Push(ref, first)]) == {}
    rejected = remote.push([Push(ref, second)])

    assert list(rejected) == [ref]
    assert "stale info" in rejected[ref]
    assert clone.remote_refs()[ref] == first


def test_tells_a_ref_that_somebody_else_created_just_so(clone: Sandbox, remote: Remote) -> None:
    head = clone.git("rev-parse", "HEAD")
    ours, theirs = f"{CLAIMS}kano-1.0.0", f"{CLAIMS}k2-1.0.0"
    clone.git("push", "--quiet", "origin", f"HEAD:{theirs}")

    rejected = remote.create([Push(ours, head), Push(theirs, head)])

    assert list(rejected) == [theirs]
    assert clone.remote_refs()[ours] == head


def test_takes_a_ref_that_the_answer_leaves_out_for_not_created(
    clone: Sandbox, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = clone.git("rev-parse", "HEAD")
    told, untold = f"{CLAIMS}kano-1.0.0", f"{CLAIMS}k2-1.0.0"
    answer = f"To x\n*\t{head}:{told}\t[new reference]\nDone\n".encode()
    # No real Git reports less than it was asked for and calls that a success.
    monkeypatch.setattr(Repository, "execute", lambda *_, **__: (0, answer, ""))

    assert remote.create([Push(told, head), Push(untold, head)]) == {untold: "no answer for it"}


def test_pushes_what_it_can_and_tells_the_rest(clone: Sandbox, remote: Remote) -> None:
    head = clone.git("rev-parse", "HEAD")
    hook(clone, "update", 'case "$1" in *b) echo "protected by $1"; exit 1;; esac')
    refs = [f"refs/tags/{name}" for name in "abc"]

    rejected = remote.push([Push(ref, head) for ref in refs])

    assert rejected == {
        "refs/tags/b": "[remote rejected] (hook declined) (protected by refs/tags/b)"
    }
    assert set(clone.remote_refs()) == {"refs/heads/main", "refs/tags/a", "refs/tags/c"}


def test_removes_a_ref_that_is_as_expected_and_no_other(clone: Sandbox, remote: Remote) -> None:
    head = clone.git("rev-parse", "HEAD")
    clone.git("push", "--quiet", "origin", "HEAD:refs/tags/a", "HEAD:refs/tags/b")

    rejected = remote.push([Push("refs/tags/a", "", head), Push("refs/tags/b", "", "1" * 40)])

    assert list(rejected) == ["refs/tags/b"]
    assert set(clone.remote_refs()) == {"refs/heads/main", "refs/tags/b"}


def test_runs_no_hook_of_the_clone(clone: Sandbox, remote: Remote) -> None:
    file = clone.path / ".git/hooks/pre-push"
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)

    assert remote.push([Push("refs/tags/a", clone.git("rev-parse", "HEAD"))]) == {}


def test_pushes_nothing_beside_what_is_named(clone: Sandbox, remote: Remote) -> None:
    clone.git("config", "push.followTags", "true")
    clone.git("config", "remote.origin.push", "refs/heads/*:refs/heads/*")
    clone.git("tag", "--annotate", "--message", "one", "heavy")
    clone.git("branch", "private")

    assert remote.push([Push("refs/tags/a", clone.git("rev-parse", "HEAD"))]) == {}

    assert set(clone.remote_refs()) == {"refs/heads/main", "refs/tags/a"}


def test_reads_the_words_of_git_whatever_the_language(
    clone: Sandbox, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    clone.write("new", "1")
    clone.commit()
    clone.git("push", "--quiet", "origin", "HEAD~1:refs/tags/a")

    rejected = remote.push([Push("refs/tags/a", clone.git("rev-parse", "HEAD"))])

    assert "stale info" in rejected["refs/tags/a"]


class _LoginWanted(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic realm=x")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_asks_nobody_for_a_password(clone: Sandbox, remote: Remote) -> None:
    with serving(_LoginWanted) as host:
        clone.git("remote", "set-url", "origin", f"http://{host}/x.git")

        with pytest.raises(FailedError, match="terminal prompts disabled"):
            remote.refs()


def test_asks_what_would_be_rejected_and_pushes_nothing(clone: Sandbox, remote: Remote) -> None:
    first = clone.git("rev-parse", "HEAD")
    clone.git("push", "--quiet", "origin", "HEAD:refs/tags/taken")
    clone.write("new", "1")
    second = clone.commit()
    before = clone.remote_refs()

    rejected = remote.would_reject([Push("refs/tags/free", first), Push("refs/tags/taken", second)])

    assert list(rejected) == ["refs/tags/taken"]
    assert "stale info" in rejected["refs/tags/taken"]
    assert clone.remote_refs() == before
