"""Ctrl-C in the midst of a release: 130, what is out is told, and running again completes."""

import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from forwarding import Answer, Forward, Request, forwarding
from holds import hold_claims, wait_for_arrivals
from released import check_released, claims
from sandbox import Ended, Sandbox


def interrupted(process: "subprocess.Popen[str]") -> Ended:
    """Interrupt the process alone, as some runners do: not its children."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


def check_completes(sandbox: Sandbox) -> None:
    ended = sandbox.run("release-chart", "kano", "--json")
    assert ended.exit_code == 0, ended.err
    check_released(sandbox, ended.chart["commit"], {"kano": ended.chart["archive"]["sha256"]})


def test_stops_while_it_claims(platform: Sandbox) -> None:
    assert platform.remote is not None
    hold_claims(platform.remote)
    process = platform.start("release-chart", "kano", environ={"HOLD_UNTIL": "false"})
    wait_for_arrivals(platform.remote, 1, process)

    ended = interrupted(process)

    assert ended.exit_code == 130
    assert "interrupted; done in this run: nothing" in ended.err
    assert "Run the same command again" in ended.err
    assert "Traceback" not in ended.err
    check_completes(platform)


@pytest.mark.parametrize("as_json", [True, False])
def test_says_what_is_out_when_it_is_stopped_before_the_tag(
    platform: Sandbox, as_json: bool
) -> None:
    assert platform.remote is not None
    here = platform.remote / "here"
    wait = f'case "$1" in refs/tags/*) touch {here}; sleep 60;; esac'
    platform.hook("update", wait)
    process = platform.start("release-chart", "kano", *["--json"] * as_json)
    _wait_for(here, process)

    ended = interrupted(process)

    assert ended.exit_code == 130
    told = "interrupted; done in this run: kano 1.0.0: claim, registry, backup"
    assert told in ended.err
    if as_json:
        assert ended.document["error"]["kind"] == "interrupted"
        assert ended.document["error"]["message"] == told
        assert ended.document["ok"] is False
    else:
        assert ended.out == ""
    assert claims(platform) == ["refs/kargo-release/kano-1.0.0"]
    platform.hook("update", "exit 0")
    check_completes(platform)


def _wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("method", "sent"),
    [("HEAD", signal.SIGINT), ("PUT", signal.SIGINT), ("PUT", signal.SIGTERM)],
)
def test_stops_while_the_registry_is_slow(
    platform: Sandbox, method: str, sent: signal.Signals
) -> None:
    came, go = threading.Event(), threading.Event()

    def slow(request: Request, forward: Forward) -> Answer | None:
        if request.method == method:
            came.set()
            go.wait(60)
        return forward()

    host, _, path = platform.registry.partition("/")
    with forwarding(host, slow) as proxy:
        registry = {"KARGO_RELEASE_REGISTRY": f"oci://{proxy.host}/{path}"}
        process = platform.start("release-chart", "kano", environ=registry)
        assert came.wait(60), process.communicate()
        process.send_signal(sent)
        threading.Timer(0.5, go.set).start()
        err = process.communicate(timeout=60)[1]

    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    check_completes(platform)


def test_stops_before_anything_was_begun(platform: Sandbox) -> None:
    assert platform.remote is not None
    here = platform.remote / "here"
    wait = platform.write("wait.sh", f"#!/bin/sh\ntouch {here}\nsleep 60\n")
    wait.chmod(0o755)
    platform.git("config", "remote.origin.uploadpack", str(wait))
    process = platform.start("release-chart", "kano", "--ref", "HEAD")
    _wait_for(here, process)

    ended = interrupted(process)

    assert ended.exit_code == 130
    assert "interrupted" in ended.err
    assert "Traceback" not in ended.err
    assert platform.remote_refs().keys() == {"refs/heads/main"}
