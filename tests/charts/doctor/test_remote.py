"""What doctor finds out of the Git remote, which holds the same refs before and after."""

from pathlib import Path

import pytest
from diagnosis import Told, ask
from forwarding import Answer, Forward, Request, forwarding
from git_server import git_server
from sandbox import Sandbox

from kargo_release.charts.doctor import remote
from kargo_release.errors import FailedError, RefusedError

BRANCH, CLAIMS, TAGS = remote.NAMES[1:]


@pytest.fixture
def clone(tmp_path: Path) -> Sandbox:
    """A clone of a bare remote, whose charts are released to a registry that nobody asks."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.environ["KARGO_RELEASE_REGISTRY"] = "oci://127.0.0.1:1/helm"
    sandbox.add_remote(tmp_path / "remote.git")
    sandbox.write_chart("kano")
    sandbox.commit()
    sandbox.push()
    return sandbox


def look(sandbox: Sandbox) -> dict[str, Told]:
    """Return what is told, the refs of both sides being what they were."""
    before = (sandbox.remote_refs(), sandbox.git("for-each-ref"), sandbox.git("count-objects"))
    found = ask(remote.look, sandbox)
    after = (sandbox.remote_refs(), sandbox.git("for-each-ref"), sandbox.git("count-objects"))
    assert after == before
    return found


def test_finds_nothing_wrong(clone: Sandbox) -> None:
    clone.git("tag", "v1")
    clone.git("push", "--quiet", "origin", "v1", "HEAD:refs/heads/other")

    found = look(clone)

    assert list(found) == list(remote.NAMES)
    assert {each.state for each in found.values()} == {"ok"}
    assert found["git remote"].message == "origin answers; branches: 2, tags: 1"
    head = clone.git("rev-parse", "--short=12", "HEAD")
    assert found[BRANCH].message == f"releases come from main; HEAD ({head}) is there"
    assert found[CLAIMS].message == "origin takes claims: one was made and removed"


def test_needs_no_remote_where_nothing_is_pushed(local: Sandbox) -> None:
    found = ask(remote.look, local)

    assert {each.state for each in found.values()} == {"not needed"}


def test_makes_a_claim_and_removes_it(clone: Sandbox, tmp_path: Path) -> None:
    log = tmp_path / "log"
    clone.hook("update", f'echo "$1 $2 $3" >> {log}')

    look(clone)

    head, nothing = clone.git("rev-parse", "HEAD"), "0" * 40
    made, removed = (line.split() for line in log.read_text().splitlines())
    assert made[0].startswith("refs/kargo-release/doctor-")
    assert (made[1:], removed) == ([nothing, head], [made[0], head, nothing])


def test_carries_no_commit_of_ours_to_the_remote(clone: Sandbox) -> None:
    clone.write("private", "1")
    private = clone.commit()

    found = look(clone)

    assert found[CLAIMS].state == "ok"
    with pytest.raises(Exception, match="cat-file"):
        clone.remote_git("cat-file", "-e", private)


def test_raises_that_there_is_no_such_remote(clone: Sandbox) -> None:
    clone.git("remote", "remove", "origin")

    with pytest.raises(RefusedError, match="there is no Git remote called origin"):
        look(clone)


def test_raises_that_the_remote_is_away(clone: Sandbox) -> None:
    clone.git("remote", "set-url", "origin", str(clone.path / "nowhere"))

    with pytest.raises(FailedError, match="can't read the Git remote origin"):
        look(clone)


def test_tells_a_hook_that_refuses_claims(clone: Sandbox) -> None:
    clone.hook("update", 'case "$1" in refs/kargo*) echo "only branches"; exit 1;; esac')

    found = look(clone)

    assert found[CLAIMS].state == "error"
    assert "did not take a claim: [remote rejected] (hook declined)" in found[CLAIMS].message
    assert "only branches" in found[CLAIMS].message
    assert "git.claims: false" in found[CLAIMS].remedy
    assert found[TAGS].state == "ok"


def test_tells_the_claim_that_the_remote_does_not_let_go(clone: Sandbox) -> None:
    clone.hook("update", f'[ "$3" != {"0" * 40} ]')

    told = ask(remote.look, clone)[CLAIMS]

    [ref] = [ref for ref in clone.remote_refs() if ref.startswith("refs/kargo-release/")]
    assert told.state == "error"
    assert "does not let them be removed: [remote rejected] (hook declined)" in told.message
    assert told.message.endswith(f"; {ref} stays")
    assert told.remedy.endswith(f"git push origin --delete {ref}")
    clone.hook("update", "exit 0")
    clone.git(*told.remedy.rpartition("git ")[2].split())
    assert ref not in clone.remote_refs()


@pytest.mark.parametrize("hang_ups", [1, 4])  # curl sends some requests twice
def test_removes_a_claim_that_came_through_though_the_answer_did_not(
    clone: Sandbox, hang_ups: int
) -> None:
    assert clone.remote is not None
    lost: list[Request] = []

    def between(request: Request, forward: Forward) -> Answer | None:
        answer = forward()
        is_claimed = any(ref.startswith("refs/kargo-release/") for ref in clone.remote_refs())
        if request.method == "POST" and is_claimed and len(lost) < hang_ups:
            lost.append(request)
            return None
        return answer

    clone.remote_git("config", "http.receivepack", "true")
    with git_server(clone.remote.parent) as server, forwarding(server, between) as proxy:
        clone.git("remote", "set-url", "origin", f"http://{proxy.host}/{clone.remote.name}")

        look(clone)

    assert lost


def test_tells_a_remote_that_we_may_only_read(clone: Sandbox) -> None:
    assert clone.remote is not None
    clone.remote_git("config", "http.receivepack", "false")
    with git_server(clone.remote.parent) as host:
        clone.git("remote", "set-url", "origin", f"http://{host}/{clone.remote.name}")

        found = look(clone)

    assert found["git remote"].state == "ok"
    for name in (CLAIMS, TAGS):
        assert found[name].state == "error"
        assert "can't push to the Git remote origin" in found[name].message
        assert "403" in found[name].message
        assert "git ls-remote origin" in found[name].remedy


def test_warns_where_claims_are_off(clone: Sandbox) -> None:
    clone.environ["KARGO_RELEASE_GIT__CLAIMS"] = "false"
    clone.hook("update", "exit 1")

    told = look(clone)[CLAIMS]

    assert told.state == "warning"
    assert "git.claims is false" in told.message
    assert "one release run at a time" in told.remedy


def test_warns_of_a_commit_that_is_not_upstream(clone: Sandbox) -> None:
    clone.write("new", "1")
    clone.commit()

    told = look(clone)[BRANCH]

    assert told.state == "warning"
    assert "is not on origin/main" in told.message
    assert told.remedy.startswith("Push it first")


def test_fetches_nothing_to_place_a_commit(clone: Sandbox, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    other.write("new", "1")
    other.commit()
    other.push()

    found = look(clone)

    assert found[BRANCH].state == "unknown"
    assert "this clone lacks their newest commits" in found[BRANCH].message
    assert found[BRANCH].remedy == "git fetch origin"
    for name in (CLAIMS, TAGS):
        assert found[name].state == "unknown"
        assert "not tried" in found[name].message
        assert "git fetch origin" in found[name].remedy


def test_warns_of_a_shallow_clone(clone: Sandbox, tmp_path: Path) -> None:
    clone.write("new", "1")
    clone.commit()
    clone.push()
    (tmp_path / "shallow").mkdir()
    shallow = Sandbox(tmp_path / "shallow", clone.environ, clone.remote)
    shallow.git("clone", "--quiet", "--depth=1", f"file://{clone.remote}", ".")

    told = look(shallow)[BRANCH]

    assert told.state == "warning"
    assert "this clone is shallow" in told.message
    assert "git fetch --unshallow" in told.remedy


@pytest.mark.parametrize(
    ("branch", "message"),
    [("release/*", "has no branch release/*"), ("", "does not say which branch is its default")],
)
def test_tells_that_no_branch_is_released_from(clone: Sandbox, branch: str, message: str) -> None:
    if branch:
        clone.environ["KARGO_RELEASE_GIT__BRANCH"] = branch
    else:
        clone.remote_git("symbolic-ref", "HEAD", "refs/heads/gone")

    found = look(clone)

    assert found[BRANCH].state == "error"
    assert message in found[BRANCH].message
    assert "git.branch" in found[BRANCH].remedy
    assert found[CLAIMS].state == "ok"


def test_tells_a_remote_that_holds_nothing(clone: Sandbox, tmp_path: Path) -> None:
    clone.git("remote", "remove", "origin")
    clone.add_remote(tmp_path / "empty.git")

    found = look(clone)

    assert [each.state for each in found.values()] == ["ok", "error", "unknown", "unknown"]
    assert "has no branch at all" in found[BRANCH].message
    assert "push the first branch" in found[CLAIMS].remedy


def test_asks_for_a_tag_of_the_form_that_is_set(clone: Sandbox) -> None:
    clone.environ["KARGO_RELEASE_GIT__TAG"] = "charts/{name}/v{version}"

    assert look(clone)[TAGS].state == "ok"
