"""The guards that look at settings and refs alone."""

from collections.abc import Mapping

import pytest
from sandbox import Sandbox

from kargo_release.charts.guards import check_registry_was_chosen, check_upstream
from kargo_release.errors import RefusedError
from kargo_release.git.remote import Remote, RemoteRefs
from kargo_release.git.repository import Repository
from kargo_release.settings import GitSettings, Settings


@pytest.mark.parametrize(
    ("registry", "environ"),
    [
        (None, {}),
        (None, {"CI": ""}),
        (None, {"CI": "false"}),
        (None, {"CI": "0"}),
        ("local", {"CI": "true"}),
        ("oci://host/path", {"CI": "true"}),
    ],
)
def test_a_registry_of_this_machine_is_fine(
    registry: str | None, environ: Mapping[str, str]
) -> None:
    check_registry_was_chosen(Settings(registry=registry), environ)


@pytest.mark.parametrize("word", ["true", "1", "True", "yes"])
def test_refuses_the_disk_of_ci(word: str) -> None:
    with pytest.raises(RefusedError, match="no registry is set") as told:
        check_registry_was_chosen(Settings(), {"CI": word})

    assert "`registry: local` if you mean it" in told.value.remedy


def check(sandbox: Sandbox, heads: Mapping[str, str], *branch: str) -> None:
    repository = Repository.open(sandbox.path)
    refs = RemoteRefs(heads=heads, default_branch="main")
    settings = Settings(git=GitSettings(branch=branch))
    remote = Remote(repository, "origin")
    check_upstream(repository, remote, refs, repository.commit(), settings)


@pytest.mark.parametrize("branch", [["main"], ["hotfix/*"], ["stable", "hotfix/*"], ["*/2"]])
def test_takes_a_commit_on_any_branch_that_the_settings_name(
    local: Sandbox, branch: list[str]
) -> None:
    head = local.git("rev-parse", "HEAD")

    check(local, {"main": head, "hotfix/2": head}, *branch)


def test_takes_an_ancestor_of_a_branch(local: Sandbox) -> None:
    local.write("README.md", "1")
    tip = local.commit()
    local.git("checkout", "--quiet", "HEAD~1")

    check(local, {"main": tip})


@pytest.mark.parametrize("branch", ["Main", "mai", "main/*", "[z]ain"])
def test_refuses_branches_that_the_remote_has_not(local: Sandbox, branch: str) -> None:
    with pytest.raises(RefusedError, match="the Git remote origin has no branch"):
        check(local, {"main": local.git("rev-parse", "HEAD")}, branch)


def test_refuses_a_commit_on_no_release_branch(local: Sandbox) -> None:
    first = local.git("rev-parse", "HEAD")
    local.write("README.md", "1")
    head = local.commit()

    with pytest.raises(RefusedError, match="is not on origin/main, origin/stable") as told:
        check(local, {"main": first, "stable": first, "topic": head}, "main", "stable")

    assert told.value.remedy == "Push it first, so that everybody has what is released."
