"""Tags that others made, make meanwhile, or do not let us make."""

import pytest
from released import archives_in_bucket, archives_in_registry, claims
from sandbox import Sandbox
from untouched import everything

TAG = "refs/tags/kano-1.0.0"


def other_commit(sandbox: Sandbox, *, same_content: bool) -> str:
    """Push a commit that kano could have been released from, on a branch of its own."""
    sandbox.git("checkout", "--quiet", "-b", "rival")
    name = "README.md" if same_content else "charts/kano/values.yaml"
    sandbox.write(name, "greeting: rival\n")
    sha = sandbox.commit()
    sandbox.push()
    sandbox.git("checkout", "--quiet", "main")
    return sha


def tag_when_pushed(sandbox: Sandbox, refs: str, sha: str) -> None:
    """Let somebody tag ``sha`` in the moment when one of ``refs`` arrives at the remote."""
    # The hook may write no ref itself while objects are in quarantine, but who stands aside may.
    release = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY"
    tag = f"{release} git update-ref {TAG} {sha} 0000000000000000000000000000000000000000"
    sandbox.hook(
        "pre-receive",
        f'while read -r _ _ ref; do case "$ref" in {refs}) {tag};; esac; done; exit 0',
    )


def check_nothing_is_out(sandbox: Sandbox) -> None:
    assert archives_in_bucket(sandbox) == {}
    assert archives_in_registry(sandbox, "kano") == {}


def test_refuses_when_the_tag_comes_while_it_claims(platform: Sandbox) -> None:
    rival = other_commit(platform, same_content=False)
    tag_when_pushed(platform, "refs/kargo-release/*", rival)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3, ended.err
    assert ended.tells(f"was tagged meanwhile, at commit {rival[:12]}", "a new version")
    assert platform.remote_refs()[TAG] == rival
    assert claims(platform) == []
    check_nothing_is_out(platform)


def test_helps_when_the_tag_that_comes_is_of_the_same_content(platform: Sandbox) -> None:
    rival = other_commit(platform, same_content=True)
    tag_when_pushed(platform, "refs/kargo-release/*", rival)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert platform.remote_refs()[TAG] == rival
    assert claims(platform) == []
    assert set(platform.run("release-chart", "kano", "--json").states.values()) == {"unchanged"}


@pytest.mark.parametrize("same", [True, False])
def test_tells_a_tag_that_comes_while_it_tags(platform: Sandbox, same: bool) -> None:
    rival = other_commit(platform, same_content=same)
    tag_when_pushed(platform, "refs/tags/*", rival)

    ended = platform.run("release-chart", "kano", "--json")

    assert platform.remote_refs()[TAG] == rival
    if same:
        assert ended.exit_code == 0, ended.err
        return
    assert ended.exit_code == 1
    assert ended.tells(
        f"the tag kano-1.0.0 was pushed by somebody else meanwhile, at commit {rival[:12]}",
        "a new version",
    )
    assert ended.states == {"registry": "published", "backup": "published", "tag": "refused"}


def test_tells_why_the_remote_does_not_take_a_tag(platform: Sandbox) -> None:
    platform.hook("update", 'case "$1" in refs/tags/*) echo "tags are protected"; exit 1;; esac')

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 1
    assert ended.tells("did not take the tag kano-1.0.0: [remote rejected]", "Allow it there")
    assert ended.states == {"registry": "published", "backup": "published", "tag": "failed"}
    assert claims(platform) == ["refs/kargo-release/kano-1.0.0"]
    assert platform.git("tag") == ""
    platform.hook("update", "exit 0")
    again = platform.run("release-chart", "kano", "--json")
    assert again.states == {"registry": "unchanged", "backup": "unchanged", "tag": "published"}
    assert claims(platform) == []


def test_tells_why_the_remote_does_not_take_a_claim(platform: Sandbox) -> None:
    platform.hook("update", 'case "$1" in refs/kargo-release/*) exit 1;; esac')

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    assert ended.tells(
        "did not take the claim refs/kargo-release/kano-1.0.0: [remote rejected] (hook declined)",
        "git.claims: false",
    )
    check_nothing_is_out(platform)
    assert platform.remote_refs().keys() == {"refs/heads/main"}


def test_tells_a_remote_that_can_only_be_read(platform: Sandbox) -> None:
    platform.git("config", "remote.origin.receivepack", "false")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 1
    assert ended.tells("can't push to the Git remote origin", "git ls-remote origin")
    check_nothing_is_out(platform)
    assert platform.remote_refs().keys() == {"refs/heads/main"}


def test_claims_all_charts_or_none(platform: Sandbox) -> None:
    platform.write_chart("kube")
    platform.commit()
    platform.push()
    platform.hook("update", 'case "$1" in refs/kargo-release/kube*) exit 1;; esac')

    ended = platform.run("release-chart", "kano", "kube", "--json")

    assert ended.exit_code == 3
    errors = {each["name"]: each["error"]["message"] for each in ended.document["charts"]}
    assert "was held back, for another chart of this run was refused" in errors["kano"]
    assert "did not take the claim" in errors["kube"]
    assert platform.remote_refs().keys() == {"refs/heads/main"}
    assert platform.run("release-chart", "kano").exit_code == 0


@pytest.mark.parametrize("kind", [[], ["--annotate", "--message", "mine"]])
def test_refuses_a_tag_of_this_clone_that_stands_for_other_content(
    platform: Sandbox, kind: list[str]
) -> None:
    platform.git("tag", *kind, "kano-1.0.0")
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()
    platform.push()
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    assert ended.tells("is out with other content: kano-1.0.0 (in this clone", "a new version")
    assert everything(platform) == before


def test_refuses_a_tag_of_the_remote_that_stands_for_other_content(platform: Sandbox) -> None:
    rival = other_commit(platform, same_content=False)
    platform.git("push", "--quiet", "origin", f"{rival}:{TAG}")
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3
    assert set(ended.states.values()) == {"refused"}
    assert ended.tells(f"kano-1.0.0 (at commit {rival[:12]})", "a new version")
    assert everything(platform) == before


def test_leaves_a_tag_of_this_clone_with_the_same_content(platform: Sandbox) -> None:
    platform.git("tag", "--annotate", "--message", "mine", "kano-1.0.0")
    mine = platform.git("rev-parse", "kano-1.0.0")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.states["tag"] == "published"
    assert platform.git("rev-parse", "kano-1.0.0") == mine != platform.remote_refs()[TAG]


def test_a_tag_that_this_clone_has_no_place_for_is_pushed(platform: Sandbox) -> None:
    platform.git("tag", "kano-1.0.0/x")  # Git then has no room for kano-1.0.0 itself

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}
    assert TAG in platform.remote_refs()
    assert claims(platform) == []
    assert platform.git("tag") == "kano-1.0.0/x"
    assert set(platform.run("release-chart", "kano", "--json").states.values()) == {"unchanged"}


def test_tags_as_the_settings_say(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_GIT__TAG"] = "charts/{name}/v{version}"

    assert platform.run("release-chart", "kano").exit_code == 0

    assert platform.remote_git("rev-parse", "charts/kano/v1.0.0^{commit}")
    [chart] = platform.run("list-charts", "--json").document["charts"]
    assert chart["last_release"]["tag"] == "charts/kano/v1.0.0"
