"""A releaser may be killed at any write to the disk: running the release again completes it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import dying
import pytest
from kills import Kill, Writes, counted, every_kill, some_kills, table, wait_for_end
from sandbox import Sandbox

CHARTS = tuple(f"chart-{letter}" for letter in "abcdef")
# What a release writes, so that a write that is no longer counted fails the test.
WRITES = {
    "fsync", "replace-of-blob", "replace-of-index.json", "replace-of-oci-layout",
    "link-of-archive", "link-of-index.yaml", "tag",
}  # fmt: skip
REFERENCE_TRANSACTION = """#!/bin/sh
case "$1" in prepared) moment=before ;; committed) moment=after ;; *) exit 0 ;; esac
grep -q ' refs/tags/' && [ -n "$WRITES" ] || exit 0
echo "$PPID" > "$WRITES.pid"
echo "$moment tag" >> "$WRITES"
[ "$KILL_AT" = "$moment tag $(grep -cx "$moment tag" "$WRITES")" ] || exit 0
kill -KILL "$RELEASER_PID"
exit 1
"""


def prepare(path: Path) -> Sandbox:
    """Return a repository whose releases stay on this machine, with a hook that counts tags."""
    sandbox = Sandbox.make(path)
    for name in CHARTS:
        sandbox.write_chart(name)
    sandbox.commit("Add charts")
    hook = sandbox.write(".git/hooks/reference-transaction", REFERENCE_TRANSACTION)
    hook.chmod(0o755)
    return sandbox


def release(sandbox: Sandbox, kill: Kill | None = None) -> tuple[int, Writes]:
    """Release all charts, to the end or to the kill; return how it ended and what it wrote."""
    writes = sandbox.path.with_suffix(".writes")
    environ = {**os.environ, "KILL_AT": str(kill), "WRITES": str(writes)}
    command = [sys.executable, dying.__file__, "release-chart", *CHARTS]
    done = subprocess.run(command, cwd=sandbox.path, env=environ, capture_output=True, check=False)
    pid = writes.with_name(f"{writes.name}.pid")
    if pid.exists():
        wait_for_end(int(pid.read_text()))
    return done.returncode, counted(writes)


def check_released(sandbox: Sandbox, archives: Mapping[str, str]) -> None:
    """Fail unless these archives are in the layouts, the backup and its index, once, and tagged."""
    kept = sandbox.path / ".kargo"
    assert {name: layers(kept / "registry" / name) for name in CHARTS} == {
        name: {"1.0.0": digest} for name, digest in archives.items()
    }
    backup = kept / "backup"
    assert {
        each.name: sha256(each.read_bytes()).hexdigest() for each in backup.glob("[!.]*.tgz")
    } == {f"{name}-1.0.0.tgz": digest for name, digest in archives.items()}
    entries = json.loads((backup / "index.yaml").read_text())["entries"]
    assert {n: [(v["version"], v["digest"]) for v in entries[n]] for n in entries} == {
        name: [("1.0.0", digest)] for name, digest in archives.items()
    }
    tags = sandbox.git("for-each-ref", "--format=%(refname:strip=2) %(*objectname)", "refs/tags")
    head = sandbox.git("rev-parse", "HEAD")
    assert tags.splitlines() == [f"{name}-1.0.0 {head}" for name in CHARTS]


def layers(layout: Path) -> dict[str, str]:
    """Return the sha256 of the archive of each tag in an OCI layout."""
    found = {}
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        manifest = json.loads(blob(layout, entry["digest"]))
        digest = manifest["layers"][0]["digest"]
        assert f"sha256:{sha256(blob(layout, digest)).hexdigest()}" == digest
        tag = entry["annotations"]["org.opencontainers.image.ref.name"]
        found[tag] = digest.removeprefix("sha256:")
    return found


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


@pytest.mark.parametrize(
    "chosen", [some_kills, pytest.param(every_kill, marks=pytest.mark.long)], ids=["some", "every"]
)
def test_completes_a_release_on_this_machine_that_was_killed_at_a_write(
    tmp_path: Path,
    chosen: Callable[[Writes], list[Kill]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = prepare(tmp_path / "whole")
    packaged = whole.run("package-chart", *CHARTS, "--dry-run", "--json").document["charts"]
    archives = {each["name"]: each["sha256"] for each in packaged}
    exit_code, writes = release(whole)
    assert exit_code == 0
    assert {kind for _, kind in writes} >= WRITES
    check_released(whole, archives)

    hits: Writes = Counter(dict.fromkeys(writes, 0))
    for number, kill in enumerate(chosen(writes)):
        sandbox = prepare(tmp_path / str(number))
        exit_code, _ = release(sandbox, kill)
        assert exit_code == -signal.SIGKILL, f"never hit: {kill}"
        hits[kill.moment, kill.kind] += 1
        again = sandbox.run("release-chart", *CHARTS)
        assert again.exit_code == 0, f"{kill}: {again.err}"
        check_released(sandbox, archives)

    with capsys.disabled():
        sys.stdout.write(f"\n{table(hits)}\n")
    assert min(hits.values()) > 0
