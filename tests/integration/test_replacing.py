"""A development version gives way to new content, in the registry and in the backup."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox


@pytest.mark.parametrize("place", ["local", "platform"])
def test_replaces_a_development_version_whose_content_changed(
    place: str, request: pytest.FixtureRequest
) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    before = sandbox.run("release-dev-chart", "kano", "--json").document["charts"][0]
    sandbox.write("charts/kano/values.yaml", "greeting: changed\n")

    ended = sandbox.run("release-dev-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    [chart] = ended.document["charts"]
    states = {name: each["state"] for name, each in chart["destinations"].items()}
    assert states == {"registry": "replaced", "backup": "replaced"}
    assert chart["archive"]["content_digest"] != before["archive"]["content_digest"]
    [again] = sandbox.run("release-dev-chart", "kano", "--json").document["charts"]
    states = {name: each["state"] for name, each in again["destinations"].items()}
    assert states == {"registry": "unchanged", "backup": "unchanged"}
