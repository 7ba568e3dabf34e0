"""Programs that hang, or leave something behind; shell scripts stand for ``docker``."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from kargo_release.docker.limited_run import LimitedRun
from kargo_release.docker.order import TimeLimits
from kargo_release.errors import RefusedError

HURRIED = TimeLimits(silence=1, total=60)


def run(
    script: str, limits: TimeLimits = HURRIED, words: tuple[str, ...] = ("sh", "-c")
) -> tuple[int, str, list[str]]:
    """Return the exit code of a script, how it hung, and what it wrote."""
    lines: list[str] = []
    one = LimitedRun([*words, script], os.environ, None, limits, lines.append, pulse=lambda: None)
    return one.to_its_end(), one.hung, lines


def test_hands_on_each_line_of_both_streams() -> None:
    assert run("echo one; echo two >&2; printf 'thr\\303\\251e'; exit 7") == (
        7, "", ["one", "two", "thrée"]
    )  # fmt: skip


def test_ends_what_says_nothing() -> None:
    code, hung, lines = run("echo begun; exec sleep 1000")

    assert (code, lines) == (-15, ["begun"])
    assert hung == "the build said nothing for 1 s and was ended"


def test_ends_what_takes_too_long() -> None:
    _, hung, lines = run("while :; do echo on; sleep 0.1; done", TimeLimits(silence=60, total=1))

    assert hung == "the build took over 1 s and was ended"
    assert set(lines) == {"on"}


def test_tells_what_hung_though_it_then_ends_well() -> None:
    script = "trap 'for i in 1 2 3 4 5 6 7 8; do echo bye; done; exit 0' TERM; sleep 1000 & wait"
    code, hung, _ = run(script)

    assert code == 0
    assert hung


def test_waits_for_nobody_who_has_left_the_program(tmp_path: Path) -> None:
    # In a session of its own, with the pipe still open.
    code, hung, lines = run(
        f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 1000' & "
        f"until [ -s {tmp_path}/pid ]; do sleep 0.05; done; echo done",
        TimeLimits(silence=60, total=60),
    )
    left = int((tmp_path / "pid").read_text())

    assert (code, hung, lines) == (0, "", ["done"])
    os.kill(left, 9)  # it ran on


def test_ends_all_that_a_hanging_program_started(tmp_path: Path) -> None:
    run(f"sleep 1000 & echo $! > {tmp_path}/pid; wait")

    end = time.monotonic() + 30
    while subprocess.run(["kill", "-0", (tmp_path / "pid").read_text().strip()], check=False,
                         capture_output=True).returncode == 0:  # fmt: skip
        assert time.monotonic() < end
        time.sleep(0.05)


def test_is_stopped_by_its_pulse() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    one = LimitedRun(["sleep", "1000"], os.environ, None, HURRIED, print, stop)
    with pytest.raises(KeyboardInterrupt):
        one.to_its_end()


def test_tells_a_program_that_is_not_there() -> None:
    with pytest.raises(RefusedError, match="no-such-docker could not be started") as caught:
        run("", words=("no-such-docker",))
    assert "Install no-such-docker" in caught.value.remedy
