"""Claims that others make between the plan and our own: they are theirs to end."""

import os
import re
from unittest.mock import patch

import pytest
from forwarding import Answer, Forward, Request, forwarding
from released import archives_in_bucket, archives_in_registry, check_released, claims
from sandbox import Ended, Sandbox

KANO, KUBE = "refs/kargo-release/kano-1.0.0", "refs/kargo-release/kube-1.0.0"


def claim_when_pushed(sandbox: Sandbox, ref: str, sha: str) -> None:
    """Let somebody claim ``ref`` for ``sha`` in the moment when our own claim of it arrives."""
    # The hook may write no ref itself while objects are in quarantine, but who stands aside may.
    aside = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY"
    create = f"{aside} git update-ref {ref} {sha} {'0' * 40}"
    sandbox.hook(
        "pre-receive",
        f'while read -r old new ref; do case "$ref $new" in "{ref} 0000"*) ;; '
        f'"{ref} "*) {create};; esac; done; exit 0',
    )


def next_commit(sandbox: Sandbox, path: str) -> str:
    """Push another commit, made at another time, and return it; the clone stays where it is."""
    sandbox.git("checkout", "--quiet", "-b", "rival")
    sandbox.write(path, "greeting: rival\n")
    with patch.dict(os.environ, {"GIT_COMMITTER_DATE": "2031-01-31T12:00:00Z"}):
        sha = sandbox.commit()
    sandbox.push()
    sandbox.git("checkout", "--quiet", "main")
    return sha


def takes_nothing(request: Request, forward: Forward) -> Answer:
    """Answer for a registry that may only be read."""
    reads = request.method in ("GET", "HEAD")
    return forward() if reads else Answer(403, (("Content-Length", "0"),))


def release_to_what_takes_nothing(sandbox: Sandbox) -> Ended:
    host, _, path = sandbox.registry.partition("/")
    with forwarding(host, takes_nothing) as proxy:
        through = {"KARGO_RELEASE_REGISTRY": f"oci://{proxy.host}/{path}"}
        return sandbox.run("release-chart", "kano", "--json", environ=through)


@pytest.mark.parametrize("same_commit", [True, False])
def test_leaves_a_claim_that_came_before_its_own(platform: Sandbox, same_commit: bool) -> None:
    head = platform.git("rev-parse", "HEAD")
    rival = head if same_commit else next_commit(platform, "README.md")
    claim_when_pushed(platform, KANO, rival)

    ended = release_to_what_takes_nothing(platform)

    assert ended.exit_code == 3, ended.err
    assert ended.tells("answered 403", "Ask for the right")
    assert set(ended.states.values()) == {"refused"}
    assert platform.remote_refs().get(KANO) == rival
    again = platform.run("release-chart", "kano", "--json")
    assert again.exit_code == 0, again.err
    check_released(platform, rival, {"kano": again.chart["archive"]["sha256"]})


def test_ends_its_own_claim_when_nothing_could_be_put_out(platform: Sandbox) -> None:
    ended = release_to_what_takes_nothing(platform)

    assert ended.exit_code == 3, ended.err
    assert claims(platform) == []


def test_tells_the_refusal_though_its_own_claim_can_not_be_ended(platform: Sandbox) -> None:
    # Hangs up on whoever removes a claim.
    platform.hook(
        "pre-receive",
        'while read -r old new ref; do case "$ref $new" in '
        'refs/kargo-release/*" 0000"*) kill -9 "$PPID";; esac; done',
    )

    ended = release_to_what_takes_nothing(platform)

    assert ended.exit_code == 1, ended.err
    assert ended.tells("answered 403", "Ask for the right")
    assert set(ended.states.values()) == {"refused"}
    assert claims(platform) == [KANO]


def test_puts_out_nothing_that_was_begun_when_a_rival_claims_another_chart(
    platform: Sandbox,
) -> None:
    platform.write_chart("kube")
    begun = platform.commit("Add kube")
    platform.push()
    platform.git("push", "--quiet", "origin", f"{begun}:{KANO}")
    rival = next_commit(platform, "charts/kube/values.yaml")
    claim_when_pushed(platform, KUBE, rival)

    ended = platform.run("release-chart", "kano", "kube", "--json")

    assert ended.exit_code == 3, ended.err
    charts = {each["name"]: each for each in ended.document["charts"]}
    assert "was held back, for another chart of" in charts["kano"]["error"]["message"]
    assert "is being released with other content" in charts["kube"]["error"]["message"]
    for name, chart in charts.items():
        assert {each["state"] for each in chart["destinations"].values()} == {"refused"}
        assert archives_in_registry(platform, name) == {}
    assert archives_in_bucket(platform) == {}
    refs = platform.remote_refs()
    assert (refs[KANO], refs[KUBE]) == (begun, rival)
    assert not any(ref.startswith("refs/tags/") for ref in refs)


def test_fails_when_the_claim_of_a_refused_release_stays(platform: Sandbox) -> None:
    rival = next_commit(platform, "charts/kano/values.yaml")
    aside = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY git update-ref"
    platform.hook(
        "pre-receive",
        'while read -r old new ref; do case "$ref $new" in '
        f'"{KANO} 0000"*) kill -9 "$PPID";; '
        f'"{KANO} "*) {aside} refs/tags/kano-1.0.0 {rival};; esac; done; exit 0',
    )

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 1, ended.err
    assert ended.tells("was tagged meanwhile, at commit", "Give kano a new version")
    assert "; its claim stays" in ended.err
    assert claims(platform) == [KANO]


def test_is_only_refused_when_somebody_ended_the_claim_that_it_gives_up(platform: Sandbox) -> None:
    platform.write_chart("kube")
    platform.commit("Add kube")
    platform.push()
    rival = next_commit(platform, "charts/kube/values.yaml")
    aside = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY git update-ref"
    platform.hook(
        "pre-receive",
        'while read -r old new ref; do case "$ref $new" in '
        f'"{KANO} 0000"*) {aside} -d {KANO};; '
        f'"{KUBE} "*) {aside} {KUBE} {rival} {"0" * 40};; esac; done; exit 0',
    )

    ended = platform.run("release-chart", "kano", "kube", "--json")

    assert ended.exit_code == 3, ended.err
    held_back = next(each for each in ended.document["charts"] if each["name"] == "kano")
    assert held_back["error"]["kind"] == "refused"
    assert claims(platform) == [KUBE]


def test_claims_nothing_of_a_commit_whose_time_can_not_be_written(platform: Sandbox) -> None:
    # Git takes no such date from outside, but holds commits of those that do.
    head = platform.git("cat-file", "commit", "HEAD")
    late = re.sub(r"(?m)^(committer .*>) \d+", r"\1 253402300800", head)
    sha = platform.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{late}\n")
    platform.git("push", "--quiet", "--force", "origin", f"{sha}:main")

    ended = platform.run("release-chart", "kano", "--ref", sha, "--json")

    assert ended.exit_code == 2, ended.err
    assert ended.tells("was made after the year 9999", "a machine whose clock is right")
    assert claims(platform) == []
