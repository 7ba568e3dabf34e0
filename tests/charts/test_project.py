"""What the settings make of a repository: its stores."""

import pytest
from sandbox import Sandbox

from kargo_release.charts.project import Project
from kargo_release.errors import UsageError


def test_tells_a_backup_in_the_home_of_an_unknown_user(local: Sandbox) -> None:
    project = Project.open(local.path, {"KARGO_RELEASE_BACKUP": "~no-such-user/charts"})

    with pytest.raises(UsageError, match=r"backup ~no-such-user/charts: .* is not known") as told:
        project.backup()

    assert told.value.remedy == "Write the folder's whole path."
