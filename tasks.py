"""`invoke`'s entry: the commands, nothing else."""

import sys
from importlib.util import find_spec

# One of the package's dependencies stands for all: the package itself lies beside this file.
if find_spec("oras") is None:
    sys.stderr.write(
        "error: Kargo Release is not installed in this Python\n"
        "Run ./kargo --list (on Windows: python kargo --list), which installs it into .venv.\n"
    )
    sys.exit(2)

from kargo_release.tasks import namespace

__all__ = ["namespace"]
