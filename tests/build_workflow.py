"""The workflow that builds images, as its file says it."""

from typing import Any

from workflows import FOLDER, read

FILE = FOLDER / "build-images.yml"
TEXT = FILE.read_text()
WORKFLOW = read(FILE)
PLAN, BUILD = WORKFLOW["jobs"]["plan"], WORKFLOW["jobs"]["build"]


def run_lines(job: dict[str, Any], word: str) -> str:
    """Return the only script of a job that has a word in it."""
    [script] = [step["run"] for step in job["steps"] if word in step.get("run", "")]
    return str(script)
