"""A releaser may be killed at any write: running the release again completes it."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from forwarding import Proxy, forwarding, pass_on
from kills import Hooks, Kill, Killer, Writes, every_kill, some_kills, table
from released import check_released
from sandbox import Ended, Sandbox
from servers import DockerRegistry

CHARTS = tuple(f"chart-{letter}" for letter in "abcdef")
# What a release writes, so that a write that is no longer counted fails the test.
WRITES = {
    "claim", "begin-of-upload", "upload", "manifest", "probe", "archive", "index", "tag",
    "end-of-claim",
}  # fmt: skip


@dataclass
class Range:
    """Where releasers are killed: a repository, and proxies before the servers."""

    origin: Sandbox
    registry: Proxy
    s3: Proxy
    folder: Path
    runs: int = 0

    def prepare(self) -> Sandbox:
        """Return a clone of a new remote with hooks, nothing of it released."""
        self.runs += 1
        folder = self.folder / str(self.runs)
        remote = self.origin.remote = folder / "remote.git"
        copy = ["git", "clone", "--quiet", "--bare", str(self.origin.path), str(remote)]
        subprocess.run(copy, check=True)
        Hooks(remote).install()
        clone = self.origin.clone(folder / "clone")
        self.registry.between = self.s3.between = pass_on
        clone.use_registry(self.registry.host)
        clone.use_bucket(f"http://{self.s3.host}")
        return clone

    def release(self, clone: Sandbox, kill: Kill | None = None) -> tuple[Ended, Writes]:
        """Release all charts, to the end or to the kill; return how it ended and what it wrote."""
        assert clone.remote is not None
        hooks, killer = Hooks(clone.remote), Killer(kill)
        self.registry.between = self.s3.between = killer
        process = clone.start("release-chart", *CHARTS, environ={"KILL_AT": str(kill)})
        killer.victim.set_result(process)
        out, err = process.communicate()
        writes = killer.writes + hooks.writes
        for each in (self.registry, self.s3, hooks):
            each.settle()
        return Ended(process.returncode, out, err), writes

    def resume(self, clone: Sandbox) -> None:
        """Run the release again, which must complete it."""
        self.registry.between = self.s3.between = pass_on
        ended = clone.run("release-chart", *CHARTS)
        assert ended.exit_code == 0, ended.err


@pytest.fixture
def shooting_range(
    tmp_path: Path, docker_host: DockerRegistry, s3_endpoint: str
) -> Iterator[Range]:
    origin = Sandbox.make(tmp_path / "origin")
    for name in CHARTS:
        origin.write_chart(name)
    origin.commit("Add charts")
    with ExitStack() as proxies:
        registry = proxies.enter_context(forwarding(docker_host.host))
        s3 = proxies.enter_context(forwarding(s3_endpoint.removeprefix("http://")))
        yield Range(origin, registry, s3, tmp_path)


@pytest.mark.parametrize(
    "chosen", [some_kills, pytest.param(every_kill, marks=pytest.mark.long)], ids=["some", "every"]
)
def test_completes_a_release_that_was_killed_at_a_write(
    shooting_range: Range,
    chosen: Callable[[Writes], list[Kill]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    commit = shooting_range.origin.git("rev-parse", "HEAD")
    packaged = shooting_range.origin.run("package-chart", *CHARTS, "--dry-run", "--json").document[
        "charts"
    ]
    archives = {each["name"]: each["sha256"] for each in packaged}
    whole = shooting_range.prepare()
    ended, writes = shooting_range.release(whole)
    assert ended.exit_code == 0, ended.err
    assert {kind for _, kind in writes} == WRITES
    check_released(whole, commit, archives)

    hits: Writes = Counter(dict.fromkeys(writes, 0))
    for kill in chosen(writes):
        clone = shooting_range.prepare()
        ended, _ = shooting_range.release(clone, kill)
        assert ended.exit_code == -signal.SIGKILL, f"never hit: {kill}\n{ended.err}"
        hits[kill.moment, kill.kind] += 1
        shooting_range.resume(clone)
        check_released(clone, commit, archives)

    with capsys.disabled():
        sys.stdout.write(f"\n{table(hits)}\n")
    assert min(hits.values()) > 0
