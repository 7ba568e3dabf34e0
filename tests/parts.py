"""The programs that tests need and that do not come with the Python packages."""

import os
import shutil

import pytest

INSTALL = "./kargo test --install"


def need(program: str) -> str:
    """Return the path of a program; without it the test is skipped, or fails in a full run."""
    if found := shutil.which(program):
        return found
    missing = f"{program} is not installed: {INSTALL}"
    if os.environ.get("KARGO_TEST_ALL"):
        pytest.fail(missing)
    pytest.skip(missing)
