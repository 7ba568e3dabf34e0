"""The same content gives the same bytes on any machine, from any clone."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from released import archives_in_bucket, index, manifest_digest, tagged_commits
from sandbox import PROGRAM, Ended, Sandbox
from servers import DockerRegistry

CHARTS = ("names", "kano")
NEEDS = "dependencies:\n  - name: names\n    version: 1.x\n    repository: file://../names\n"
WINDOWS = "one\r\ntwo\r\n"
ATTRIBUTES = "*.txt text\n*.bin -text\n"


@dataclass(frozen=True)
class Machine:
    """What differs from machine to machine, and must not show in what is released."""

    autocrlf: str
    umask: int
    file_time: int
    environ: Mapping[str, str] = field(default_factory=dict)

    def clone(self, remote: Path, path: Path) -> Sandbox:
        """Clone as this machine would."""
        configured = ["-c", f"core.autocrlf={self.autocrlf}", "-c", "core.safecrlf=false"]
        command = ["git", "clone", "--quiet", *configured, str(remote), str(path)]
        subprocess.run(command, check=True, umask=self.umask)
        for file in (path / "charts").rglob("*"):
            os.utime(file, (self.file_time, self.file_time))
        return Sandbox(path, dict(self.environ), remote)

    def run(self, clone: Sandbox, *words: str) -> Ended:
        """Run the program as this machine would."""
        environ = {**os.environ, **clone.environ}
        command = [str(PROGRAM), *words]
        done = subprocess.run(
            command, cwd=clone.path, env=environ, umask=self.umask, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


# Python would take UTF-8 in the locale C of its own accord: here it has to take ASCII.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HERE = Machine("false", 0o022, 1_700_000_000, {"TZ": "UTC", "PYTHONHASHSEED": "1", **ASCII})
THERE = Machine(
    "true", 0o077, 1_000_000_000,
    {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "2"},
)  # fmt: skip


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Return a Git remote with charts whose files Git, tar or a locale may treat differently."""
    origin = Sandbox.make(tmp_path / "origin")
    origin.add_remote(tmp_path / "remote.git")
    origin.write_chart("names", library=True)
    origin.write_chart("kano", more=NEEDS)
    origin.write(".gitattributes", ATTRIBUTES)
    origin.write("charts/kano/files/unix.txt", "one\ntwo\n")
    origin.write("charts/kano/files/windows.bin", WINDOWS)
    origin.write("charts/kano/files/straße-İı.txt", "non-ASCII\n")
    origin.write("charts/kano/files/run.sh", "#!/bin/sh\n").chmod(0o755)
    origin.commit("Add charts")
    origin.push()
    assert origin.remote is not None
    return origin.remote


def test_releases_the_same_archives_and_manifests_from_two_clones(
    remote: Path, tmp_path: Path, docker_host: DockerRegistry, s3_endpoint: str
) -> None:
    seen = [
        released(machine, remote, tmp_path / name, docker_host.host, s3_endpoint)
        for name, machine in {"here": HERE, "there": THERE}.items()
    ]

    assert seen[0] == seen[1]
    assert set(seen[0]["manifests"]) == set(CHARTS)


def released(
    machine: Machine, remote: Path, path: Path, registry: str, endpoint: str
) -> dict[str, Any]:
    """Release to a registry path, a bucket and a remote of its own; return all that is out."""
    own = path / "remote.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(remote), str(own)], check=True)
    clone = machine.clone(own, path / "clone")
    clone.use_registry(registry)
    clone.use_bucket(endpoint)
    document = machine.run(clone, "release-chart", *CHARTS, "--json").document
    return {
        "archives": {each["name"]: each["archive"] for each in document["charts"]},
        "manifests": {name: manifest_digest(clone, name, "1.0.0") for name in CHARTS},
        "bucket": archives_in_bucket(clone),
        "index": index(clone),
        "tags": tagged_commits(clone),
    }


@pytest.mark.parametrize("command", ["package-chart", "release-dev-chart"])
def test_packs_the_same_from_the_commit_and_from_the_working_tree_of_two_clones(
    remote: Path, tmp_path: Path, command: str
) -> None:
    here = HERE.clone(remote, tmp_path / "here")
    there = THERE.clone(remote, tmp_path / "there")

    documents = [
        machine.run(clone, command, *CHARTS, "--dry-run", "--json").document["charts"]
        for machine, clone in ((HERE, here), (THERE, there))
    ]

    assert b"\r\n" in (there.path / "charts/kano/files/unix.txt").read_bytes()
    assert [digests(each) for each in documents[0]] == [digests(each) for each in documents[1]]


def digests(chart: Mapping[str, Any]) -> tuple[str, str]:
    about = chart.get("archive", chart)
    return about["sha256"], about["content_digest"]
