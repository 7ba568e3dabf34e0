"""Holds the claims that arrive at a Git remote until something is so: races without any timing."""

import subprocess
import time
from pathlib import Path

_SECONDS = 60
# As long as a slow machine may need; then the claim is refused, and the test fails.
_MOST_CHECKS = 1200  # of 100 ms each

_PRE_RECEIVE = f"""#!/bin/sh
[ -n "$HOLD_UNTIL" ] || exit 0
read -r _ new ref
case "$ref $new" in
  *" 0000000000000000000000000000000000000000") exit 0 ;;
  refs/kargo-release/*) ;;
  *) exit 0 ;;
esac
mkdir -p arrived
touch "arrived/$$"
checks=0
until eval "$HOLD_UNTIL"; do
  checks=$((checks + 1))
  [ "$checks" -lt {_MOST_CHECKS} ] || exit 1
  sleep 0.1
done
"""


def hold_claims(remote: Path) -> None:
    """Let a claim in only when the condition of HOLD_UNTIL, its pusher's variable, is true.

    The condition is a shell command, run in the remote.
    """
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_PRE_RECEIVE)
    hook.chmod(0o755)


def until_arrived(count: int) -> dict[str, str]:
    """Return the environment that holds claims until ``count`` pushes of claims are there."""
    return {"HOLD_UNTIL": f'[ "$(ls arrived | wc -l)" -ge {count} ]'}


def until_there(*refs: str) -> dict[str, str]:
    """Return the environment that holds claims until the remote has all these refs."""
    return {"HOLD_UNTIL": " && ".join(f"git show-ref --quiet --verify {ref}" for ref in refs)}


def until_ended(tag: str, claim: str) -> dict[str, str]:
    """Return the environment that holds claims until a release is tagged, and its claim gone."""
    there = "git show-ref --quiet --verify"
    return {"HOLD_UNTIL": f"{there} refs/tags/{tag} && ! {there} {claim}"}


def wait_for_arrivals(remote: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until so many pushes of claims are held: their releasers have made their plans."""
    arrived = remote / "arrived"
    end = time.monotonic() + _SECONDS
    while not arrived.exists() or len(list(arrived.iterdir())) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the claim does not arrive"
        time.sleep(0.02)
