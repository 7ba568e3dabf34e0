"""A hundred releasers are killed at random moments: nothing is lost, and nothing is out twice."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from released import (
    archives_in_bucket,
    archives_in_registry,
    check_released,
    claims,
    index,
    tagged_commits,
)
from sandbox import PROGRAM, Sandbox
from servers import DockerRegistry

CHARTS = tuple(f"chart-{letter}" for letter in "abcdefghij")
KILLS, LANES = 100, 2
_SECONDS = 120  # until what must happen is given up
_STEPS = ("nothing", "claims", "registry", "archives", "index", "tags", "all but the end", "all")


@dataclass(frozen=True)
class Round:
    """A platform of its own, with nothing out yet, and two clones of it."""

    clones: tuple[Sandbox, Sandbox]

    def run_for(self, seconds: float) -> bool:
        """Release all charts from one clone or the other; return whether a kill ended that."""
        process = self._start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        was_killed = process.wait(_SECONDS) == -signal.SIGKILL
        wait_for_group(process.pid)
        return was_killed

    def run(self) -> float:
        """Release all charts to the end; return how many seconds that took."""
        start = time.monotonic()
        assert self._start().wait(_SECONDS) == 0
        return time.monotonic() - start

    def furthest(self) -> str:
        """Return the last step of a release of which something is out."""
        one = self.clones[0]
        tags, begun = tagged_commits(one), claims(one)
        out = {
            "claims": begun,
            "registry": any(archives_in_registry(one, name) for name in CHARTS),
            "archives": archives_in_bucket(one),
            "index": _has_index(one),
            "tags": tags,
            "all but the end": len(tags) == len(CHARTS),
            "all": len(tags) == len(CHARTS) and not begun,
        }
        return next((step for step in reversed(_STEPS) if out.get(step)), "nothing")

    def _start(self) -> "subprocess.Popen[bytes]":
        clone = random.choice(self.clones)  # noqa: S311 - any will do
        return subprocess.Popen(
            [PROGRAM, "release-chart", *CHARTS],
            cwd=clone.path,
            env={**os.environ, **clone.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _has_index(sandbox: Sandbox) -> bool:
    keys = sandbox.s3().list_objects_v2(Bucket=sandbox.bucket).get("Contents", ())
    return any(each["Key"] == "helm/index.yaml" for each in keys) and bool(index(sandbox))


def wait_for_group(leader: int) -> None:
    """Wait for the end of what a dead process has started: Git may still be pushing."""
    end = time.monotonic() + _SECONDS
    while _has_members(leader):
        assert time.monotonic() < end, f"what {leader} has started does not end"
        time.sleep(0.02)


def _has_members(group: int) -> bool:
    listed = subprocess.run(["ps", "-axo", "pgid=,stat="], check=True, capture_output=True).stdout
    members = (line.split() for line in listed.decode().splitlines())
    return any(int(pgid) == group and not stat.startswith("Z") for pgid, stat in members)


@pytest.fixture
def rounds(tmp_path: Path, docker_host: DockerRegistry, s3_endpoint: str) -> Iterator[Round]:
    """Yield one platform after the other, each from the same commit."""
    origin = Sandbox.make(tmp_path / "origin")
    for name in CHARTS:
        origin.write_chart(name)
    origin.commit("Add charts")

    def prepare() -> Iterator[Round]:
        for number in itertools.count():
            folder = tmp_path / str(number)
            copy = [
                "git",
                "clone",
                "--quiet",
                "--bare",
                str(origin.path),
                str(folder / "remote.git"),
            ]
            subprocess.run(copy, check=True)
            platform = Sandbox(origin.path, remote=folder / "remote.git")
            platform.use_registry(docker_host.host)
            platform.use_bucket(s3_endpoint)
            yield Round((platform.clone(folder / "one"), platform.clone(folder / "two")))

    return prepare()


@pytest.mark.long
def test_loses_nothing_to_kills_at_random_moments(
    rounds: Iterator[Round], capsys: pytest.CaptureFixture[str]
) -> None:
    packaged, expected = next(rounds), {}
    one = packaged.clones[0]
    commit = one.git("rev-parse", "HEAD")
    for each in one.run("package-chart", *CHARTS, "--dry-run", "--json").document["charts"]:
        expected[each["name"]] = each["sha256"]
    hits: Counter[str] = Counter()

    with ThreadPoolExecutor(LANES) as lanes:
        length = min(lanes.map(Round.run, [packaged, next(rounds)]))

        def kill_twice(chosen: Round, first: float, second: float) -> None:
            for moment in (first, second):
                if chosen.furthest() != _STEPS[-1] and chosen.run_for(moment * length):
                    hits[chosen.furthest()] += 1
            chosen.run()
            check_released(chosen.clones[0], commit, expected)

        while hits.total() < KILLS:
            spread = [(number + random.random()) / KILLS for number in range(KILLS)]  # noqa: S311
            missing = (KILLS - hits.total() + 1) // 2
            random.shuffle(spread)
            moments = zip(spread[:missing], spread[-missing:], strict=True)
            done = [lanes.submit(kill_twice, next(rounds), *pair) for pair in moments]
            for each in done:
                each.result()

    with capsys.disabled():
        sys.stdout.write(f"\n{histogram(hits)}\n")
    assert len(hits) >= len(_STEPS) // 2


def histogram(hits: Counter[str]) -> str:
    """Return what was out when releasers were killed, as bars."""
    return "\n".join(f"{step:16} {hits[step]:3} {'#' * hits[step]}" for step in _STEPS)
