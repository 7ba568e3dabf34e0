"""What a command leaves for GitHub Actions: values for later steps, and a page about the run.

Source: GitHub's documentation, "Workflow commands", "Setting an output parameter" and "Adding a job
summary".
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kargo_release.errors import FailedError


def write_outputs(values: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Hand values, as JSON, to later steps; outside of GitHub Actions nothing is done.

    Raises:
        FailedError: The file that GitHub named can't be written.
    """
    # JSON is one line, and of ASCII only: no value can begin another output.
    lines = "".join(f"{name}={json.dumps(value)}\n" for name, value in values.items())
    _append("GITHUB_OUTPUT", lines, environ)


def write_summary(markdown: str, environ: Mapping[str, str]) -> None:
    """Add a text to the page about the run; outside of GitHub Actions nothing is done.

    Raises:
        FailedError: The file that GitHub named can't be written.
    """
    _append("GITHUB_STEP_SUMMARY", f"\n{markdown}\n", environ)


def _append(variable: str, text: str, environ: Mapping[str, str]) -> None:
    """Append to the file that a variable names, where it does."""
    if not (path := environ.get(variable)):
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        message = f"{path}, named in {variable}, can't be written: {error.strerror}"
        raise FailedError(message, f"Unset {variable} outside of GitHub Actions.") from None
