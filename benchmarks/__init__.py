"""What is measured, each against a peer or the floor, in one run: see README.md."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The servers and the sandbox of the tests serve here too; they import each other by bare names.
sys.path.append(str(ROOT / "tests"))
# Where Python may not keep what it compiled, ours would be compiled anew at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
