"""The workflow that builds images, as its file says it."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / ".github" / "workflows" / "build-images.yml"
TEXT = FILE.read_text()
# Without PyYAML's kinds, to which the key `on` would be a truth value.
WORKFLOW: dict[str, Any] = yaml.load(TEXT, yaml.BaseLoader)  # noqa: S506 - makes texts only
PLAN, BUILD = WORKFLOW["jobs"]["plan"], WORKFLOW["jobs"]["build"]


def run_lines(job: dict[str, Any], word: str) -> str:
    """Return the only script of a job that has a word in it."""
    [script] = [step["run"] for step in job["steps"] if word in step.get("run", "")]
    return str(script)
