"""Releasers that run at once: one content wins, and nothing that was released is lost."""

import http
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Event, Lock
from unittest.mock import patch

import pytest
from forwarding import Answer, Forward, Request, forwarding
from holds import (
    hold_claims,
    until_arrived,
    until_ended,
    until_there,
    wait_for_arrivals,
)
from kills import Hooks, kind_of
from released import check_released, claims, manifest
from sandbox import Ended, Sandbox

# How many at once: some in the quick tests, many in the long ones.
_LATEST = 240  # seconds until the last of them must be there, on a machine with other work too
SOME, MANY = 8, pytest.param(16, marks=pytest.mark.long)
TAG, CLAIM = "kano-1.0.0", "refs/kargo-release/kano-1.0.0"


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a releaser."""
    out, err = process.communicate()
    return Ended(process.returncode, out, err)


@dataclass(frozen=True)
class Rivals:
    """Two commits of one branch that hold the same version of a chart."""

    first: str
    second: str


def commit_rivals(sandbox: Sandbox, path: str) -> Rivals:
    """Push a second commit, which changes one file."""
    first = sandbox.git("rev-parse", "HEAD")
    sandbox.write(path, "greeting: changed\n")
    # Manifests tell the commit's time, so those of both commits differ whatever else they hold.
    with patch.dict(os.environ, {"GIT_COMMITTER_DATE": "2031-01-31T12:00:00Z"}):
        second = sandbox.commit()
    sandbox.push()
    return Rivals(first, second)


def sha256_at(sandbox: Sandbox, commit: str, name: str = "kano") -> str:
    """Return the digest of a chart's archive at a commit."""
    words = ("package-chart", name, "--ref", commit, "--dry-run", "--json")
    digest: str = sandbox.run(*words).document["charts"][0]["sha256"]
    return digest


@pytest.fixture
def remote(platform: Sandbox) -> Path:
    """Return the platform's Git remote, which holds claims."""
    assert platform.remote is not None
    hold_claims(platform.remote)
    return platform.remote


@pytest.mark.parametrize("releasers", [SOME, MANY])
def test_lets_one_content_win_when_two_are_released_at_once(
    platform: Sandbox, remote: Path, tmp_path: Path, releasers: int
) -> None:
    rivals = commit_rivals(platform, "charts/kano/values.yaml")
    sides = [rivals.first, rivals.second] * (releasers // 2)
    clones = [platform.clone(tmp_path / f"clone-{number}") for number in range(releasers)]

    processes = [
        clone.start("release-chart", "kano", "--ref", ref, environ=until_arrived(releasers))
        for clone, ref in zip(clones, sides, strict=True)
    ]
    outcomes = [(ref, ended(process)) for ref, process in zip(sides, processes, strict=True)]

    winner = platform.remote_git("rev-parse", f"{TAG}^{{commit}}")
    codes = sorted((ref, each.exit_code) for ref, each in outcomes)
    told = [each.err for _, each in outcomes if each.exit_code not in (0, 3)]
    assert codes == sorted((ref, 0 if ref == winner else 3) for ref in sides), told
    check_released(platform, winner, {"kano": sha256_at(platform, winner)})


def test_refuses_a_claim_that_comes_after_the_tag_of_other_content(
    platform: Sandbox, remote: Path, tmp_path: Path
) -> None:
    rivals = commit_rivals(platform, "charts/kano/values.yaml")
    until = until_ended(TAG, CLAIM)
    late = platform.clone(tmp_path / "late").start("release-chart", "kano", environ=until)
    wait_for_arrivals(remote, 1, late)

    first = platform.run("release-chart", "kano", "--ref", rivals.first)
    refused = ended(late)

    assert (first.exit_code, refused.exit_code) == (0, 3), refused.err
    assert "kano 1.0.0 was tagged meanwhile, at commit" in refused.err
    assert "Give kano a new version" in refused.err
    check_released(platform, rivals.first, {"kano": sha256_at(platform, rivals.first)})


def test_helps_when_the_same_content_was_tagged_after_the_plan(
    platform: Sandbox, remote: Path, tmp_path: Path
) -> None:
    rivals = commit_rivals(platform, "README.md")
    until = until_ended(TAG, CLAIM)
    late = platform.clone(tmp_path / "late").start("release-chart", "kano", environ=until)
    wait_for_arrivals(remote, 1, late)

    first = platform.run("release-chart", "kano", "--ref", rivals.first)
    helped = ended(late)

    assert (first.exit_code, helped.exit_code) == (0, 0), helped.err
    check_released(platform, rivals.first, {"kano": sha256_at(platform, rivals.first)})


def test_finishes_at_the_commit_of_a_claim_that_came_after_the_plan(
    platform: Sandbox, remote: Path, tmp_path: Path
) -> None:
    rivals = commit_rivals(platform, "README.md")
    until = until_there(CLAIM)
    late = platform.clone(tmp_path / "late").start("release-chart", "kano", environ=until)
    wait_for_arrivals(remote, 1, late)

    Hooks(remote).install()
    kill = {"KILL_AT": "after claim 1"}
    killed = ended(platform.start("release-chart", "kano", "--ref", rivals.first, environ=kill))
    finished = ended(late)

    assert killed.exit_code == -signal.SIGKILL
    assert finished.exit_code == 0, finished.err
    check_released(platform, rivals.first, {"kano": sha256_at(platform, rivals.first)})
    created = manifest(platform, "kano", "1.0.0")["annotations"]["org.opencontainers.image.created"]
    assert not created.startswith("2031")


def test_leaves_the_claim_of_another_releaser_when_a_chart_of_the_run_is_refused(
    platform: Sandbox, s3_endpoint: str
) -> None:
    platform.write_chart("k2")
    platform.commit("Add k2")
    rivals = commit_rivals(platform, "charts/k2/values.yaml")
    other = "refs/kargo-release/k2-1.0.0"
    planning, begun = Event(), Event()

    def hold(_: Request, forward: Forward) -> Answer:
        planning.set()
        assert begun.wait(60)
        return forward()

    with forwarding(s3_endpoint.removeprefix("http://"), hold) as proxy:
        endpoint = {"KARGO_RELEASE_S3__ENDPOINT": f"http://{proxy.host}"}
        late = platform.start("release-chart", "kano", "k2", environ=endpoint)
        assert planning.wait(60)
        platform.git("push", "origin", f"{rivals.second}:{CLAIM}", f"{rivals.first}:{other}")
        begun.set()
        refused = ended(late)

    assert refused.exit_code == 3, refused.err
    assert "k2 1.0.0 is being released with other content" in refused.err
    assert "kano 1.0.0 was held back" in refused.err
    assert claims(platform) == [other, CLAIM]


def test_ends_its_claim_when_the_registry_got_other_content_after_the_plan(
    platform: Sandbox, remote: Path, tmp_path: Path
) -> None:
    rivals = commit_rivals(platform, "charts/kano/values.yaml")
    until = {"HOLD_UNTIL": "[ -e pushed ]"}
    late = platform.clone(tmp_path / "late").start("release-chart", "kano", environ=until)
    wait_for_arrivals(remote, 1, late)

    aside = {
        "KARGO_RELEASE_GIT__CLAIMS": "false",
        "KARGO_RELEASE_GIT__TAG": "aside-{name}-{version}",
    }
    script = platform.run("release-chart", "kano", "--ref", rivals.first, environ=aside)
    (remote / "pushed").touch()
    refused = ended(late)

    assert (script.exit_code, refused.exit_code) == (0, 3), refused.err
    assert "is already out with other content" in refused.err
    assert claims(platform) == []


@pytest.mark.parametrize(
    ("releasers", "charts_each"), [(SOME, 1), pytest.param(16, 20, marks=pytest.mark.long)]
)
def test_loses_no_version_when_many_charts_are_indexed_at_once(
    platform: Sandbox, tmp_path: Path, s3_endpoint: str, releasers: int, charts_each: int
) -> None:
    charts = {
        releaser: [f"chart-{releaser}-{number}" for number in range(charts_each)]
        for releaser in range(releasers)
    }
    every = [name for names in charts.values() for name in names]
    for name in every:
        platform.write_chart(name)
    commit = platform.commit("Add charts")
    platform.push()
    first_writes = FirstWrites(releasers)
    with forwarding(s3_endpoint.removeprefix("http://"), first_writes) as proxy:
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{proxy.host}"
        processes = [
            platform.clone(tmp_path / f"clone-{releaser}").start("release-chart", *names)
            for releaser, names in charts.items()
        ]
        outcomes = [ended(process) for process in processes]

    assert [each.exit_code for each in outcomes] == [0] * releasers, outcomes
    assert first_writes.lost == releasers - 1
    packaged = platform.run("package-chart", *every, "--dry-run", "--json").document["charts"]
    check_released(platform, commit, {each["name"]: each["sha256"] for each in packaged})


class FirstWrites:
    """Lets the first writes of an index go on only when all are there: all but one then lose."""

    def __init__(self, count: int) -> None:
        self._barrier = Barrier(count)
        self._lock = Lock()
        self._left = count
        self.lost = 0

    def __call__(self, request: Request, forward: Forward) -> Answer:
        if kind_of(request) != "index" or not self._is_first():
            return forward()
        self._barrier.wait(_LATEST)
        answer = forward()
        with self._lock:
            self.lost += answer.status == http.HTTPStatus.PRECONDITION_FAILED
        return answer

    def _is_first(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0


def test_tags_nothing_whose_claim_was_given_up_meanwhile(platform: Sandbox) -> None:
    def give_up(request: Request, forward: Forward) -> Answer:
        if request.method == "PUT" and "/manifests/" in request.path:
            platform.remote_git("update-ref", "-d", CLAIM)
        return forward()

    host, _, path = platform.registry.partition("/")
    with forwarding(host, give_up) as proxy:
        through = {"KARGO_RELEASE_REGISTRY": f"oci://{proxy.host}/{path}"}
        told = platform.run("release-chart", "kano", environ=through)
        refs = platform.remote_refs()

    assert told.exit_code == 1
    assert "kano 1.0.0 is not tagged: its claim was given up meanwhile" in told.err
    assert set(refs) == {"refs/heads/main"}
    assert platform.run("release-chart", "kano").exit_code == 0
    assert "refs/tags/kano-1.0.0" in platform.remote_refs()
    assert claims(platform) == []
