"""What GitHub Actions gets to read, whatever somebody wrote into it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kargo_release.actions import write_outputs, write_summary
from kargo_release.errors import FailedError

HOSTILE = "\r\nhas_images=true\nimages<<EOF\n[]\nEOF\n::set-output name=a::b\u2028\u202e\ud800"


def test_hands_outputs_to_later_steps_of_github_one_line_each(tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_text("before=1\n")

    write_outputs({"images": [{"app": HOSTILE}], "has_images": True}, {"GITHUB_OUTPUT": str(file)})

    before, images, has_images = file.read_text().splitlines()
    assert before == "before=1"
    assert json.loads(images.removeprefix("images=")) == [{"app": HOSTILE}]
    assert has_images == "has_images=true"


def test_adds_to_the_page_about_the_run(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("Before")

    write_summary("## Images", {"GITHUB_STEP_SUMMARY": str(file)})

    assert file.read_text() == "Before\n## Images\n"


@pytest.mark.parametrize(
    ("variable", "write"),
    [
        ("GITHUB_OUTPUT", lambda environ: write_outputs({"images": []}, environ)),
        ("GITHUB_STEP_SUMMARY", lambda environ: write_summary("Images", environ)),
    ],
)
def test_tells_that_a_file_of_github_can_not_be_written(
    tmp_path: Path, variable: str, write: Callable[[Mapping[str, str]], None]
) -> None:
    write({})
    with pytest.raises(FailedError, match=variable) as failed:
        write({variable: str(tmp_path)})
    assert variable in failed.value.remedy
