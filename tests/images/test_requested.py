"""What commits ask for, made builds of images."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sandbox import Sandbox

from kargo_release.errors import InvalidError, KargoError
from kargo_release.git.repository import Repository
from kargo_release.images.commits import Source
from kargo_release.images.image_file import read_images
from kargo_release.images.project import Project
from kargo_release.images.recipes import Recipes
from kargo_release.images.requested import Requested, requested
from kargo_release.images.source import committed


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    for app, more in (("kano", ""), ("mapcache", "append: prod\n"), ("gdal", 'tag: "{version}"\n')):
        sandbox.write(f"images/{app}/Dockerfile", "FROM debian:bookworm-slim\n")
        sandbox.write(f"images/{app}/image.yaml", f"version: 1.2.3\n{more}")
    sandbox.write("images/broken/image.yaml", "version: 1.10\n")
    sandbox.commit("Add images")
    return sandbox


def outputs(sandbox: Sandbox, message: str = "") -> dict[str, Any]:
    project = Project.open(sandbox.path, {"KARGO_RELEASE_IMAGE_REGISTRY": "docker.io/team"})
    recipes = Recipes(project, committed(project, "HEAD"), "linux/amd64")
    found: dict[str, Any] = json.loads(json.dumps(ask(sandbox, message=message).outputs(recipes)))
    return found


def ask(sandbox: Sandbox, **source: str) -> Requested:
    repository = Repository.open(sandbox.path)
    given = Source(**source)
    images = read_images(repository.tree(repository.commit(given.revision)), "images")
    return requested(repository, images, given)


def tags(found: Requested) -> list[str]:
    return [f"{build.image.app}:{build.tag}" for build in found.builds]


def refuse(sandbox: Sandbox, **source: str) -> KargoError:
    with pytest.raises(InvalidError) as refused:
        ask(sandbox, **source)
    assert refused.value.remedy
    return refused.value


def commit(sandbox: Sandbox, message: str) -> str:
    sandbox.git("commit", "--quiet", "--allow-empty", "--message", message)
    return sandbox.git("rev-parse", "HEAD")


def test_builds_nothing_where_nothing_is_asked_for(sandbox: Sandbox) -> None:
    found = ask(sandbox)

    assert found == Requested((), ())
    assert outputs(sandbox) == {"images": [], "has_images": False, "jobs": []}


def test_builds_what_the_last_commit_asks_for(sandbox: Sandbox) -> None:
    commit(sandbox, "[build kano] [build mapcache] [build kano 2.0] [build gdal]")

    found = ask(sandbox)

    assert tags(found) == [
        "kano:1.2.3-latest",
        "mapcache:1.2.3-prod",
        "kano:1.2.3-2.0",
        "gdal:1.2.3",
    ]
    assert [build.append for build in found.builds] == [None, None, "2.0", None]


def test_builds_what_all_commits_of_a_push_ask_for(sandbox: Sandbox) -> None:
    before = commit(sandbox, "[build kano old]")
    commit(sandbox, "[build mapcache][skip ci]")
    commit(sandbox, "Mend\n\n[build kano dev]")
    commit(sandbox, "Mend more [build mapcache]")

    found = ask(sandbox, span=f"{before}..HEAD")

    assert tags(found) == ["mapcache:1.2.3-prod", "kano:1.2.3-dev"]


def test_builds_once_what_is_asked_for_with_and_without_the_default(sandbox: Sandbox) -> None:
    assert tags(ask(sandbox, message="[build mapcache] [build mapcache prod]")) == [
        "mapcache:1.2.3-prod"
    ]


def test_builds_the_version_that_the_asked_commit_has(sandbox: Sandbox) -> None:
    old = commit(sandbox, "[build kano]")
    sandbox.write("images/kano/image.yaml", "version: 2.0.0\n")
    sandbox.commit("Raise it")

    assert tags(ask(sandbox, ref=old)) == ["kano:1.2.3-latest"]


def test_gives_a_matrix_to_github(sandbox: Sandbox) -> None:
    assert outputs(sandbox, "[build kano 2.0] [build gdal]") == {
        "images": [
            {"app": "kano", "append": "2.0", "tag": "1.2.3-2.0"},
            {"app": "gdal", "append": "", "tag": "1.2.3"},
        ],
        "has_images": True,
        "jobs": [
            {
                "name": "kano 1.2.3-2.0",
                "message": "[build kano 2.0]",
                "group": sha256(b"kano 1.2.3-2.0").hexdigest()[:16],
            },
            {
                "name": "gdal 1.2.3",
                "message": "[build gdal]",
                "group": sha256(b"gdal 1.2.3").hexdigest()[:16],
            },
        ],
    }


def test_a_job_asks_for_what_the_commit_asked_for(sandbox: Sandbox) -> None:
    message = "[build kano 2.0] [build kano] [build mapcache dev] [build gdal]"
    jobs = outputs(sandbox, message)["jobs"]

    again = [ask(sandbox, message=each["message"]) for each in jobs]
    assert [tag for each in again for tag in tags(each)] == tags(ask(sandbox, message=message))


def add_family(sandbox: Sandbox) -> None:
    """Add images upon kano, by its whole name and by its short one, and upon one of its tags."""
    for app, base in (
        ("events", "docker.io/team/kano:1.2.3-latest"),
        ("maps", "team/events:1.2.3-latest"),
        ("admin", "team/kano:1.2.3-dev"),
        ("tiles", "team/mapcache:1.2.3-${STAGE}"),
    ):
        sandbox.write(f"images/{app}/Dockerfile", f"ARG STAGE=prod\nFROM {base}\n")
        sandbox.write(f"images/{app}/image.yaml", "version: 1.2.3\n")
    sandbox.write("images/odd/Dockerfile", "FROM\n")
    sandbox.write("images/odd/image.yaml", "version: 1.2.3\n")
    sandbox.commit("Add a family")


@pytest.mark.parametrize(
    ("message", "jobs"),
    [
        ("[build kano] [build gdal] [build events]",
         ["[build kano] [build events]", "[build gdal]"]),
        ("[build maps] [build kano]", ["[build maps] [build kano]"]),
        # Both need kano, which nobody asked for: each job would build and push it.
        ("[build maps] [build events]", ["[build maps] [build events]"]),
        ("[build maps] [build kano dev]", ["[build maps]", "[build kano dev]"]),
        ("[build admin] [build kano dev] [build kano]",
         ["[build admin] [build kano dev]", "[build kano]"]),
        ("[build events] [build tiles] [build mapcache] [build maps]",
         ["[build tiles] [build mapcache]", "[build events] [build maps]"]),
        ("[build odd] [build kano]", ["[build odd]", "[build kano]"]),
    ],
)  # fmt: skip
def test_builds_in_one_job_what_shares_an_image_of_ours(
    sandbox: Sandbox, message: str, jobs: list[str]
) -> None:
    add_family(sandbox)

    assert sorted(each["message"] for each in outputs(sandbox, message)["jobs"]) == sorted(jobs)


def test_cuts_the_name_of_a_job_of_many(sandbox: Sandbox) -> None:
    add_family(sandbox)
    many = " ".join(f"[build events {'x' * 99}{number}]" for number in range(9))

    [job] = outputs(sandbox, many)["jobs"]
    [more] = outputs(sandbox, f"{many} [build events more]")["jobs"]

    assert len(job["name"]) == 300
    assert job["message"] == many
    assert more["name"] == job["name"]
    assert more["group"] != job["group"]


def test_names_the_commit_of_a_warning_and_says_it_once(sandbox: Sandbox) -> None:
    sha = commit(sandbox, "[build] Mend\n\n[build]")

    [warning] = ask(sandbox).warnings

    assert warning.startswith(f"commit {sha[:12]}: [build] names no image")


def test_names_the_commit_of_an_error(sandbox: Sandbox) -> None:
    sha = commit(sandbox, "[build kanoo] [build xxx]")
    commit(sandbox, "[build kano]")

    error = refuse(sandbox, span="HEAD~2..HEAD")

    assert error.message == f"commit {sha[:12]}: there is no image 'kanoo' (and 1 more such)"
    assert error.remedy == "Perhaps you meant kano."


def test_names_the_message_by_nothing_when_it_was_given(sandbox: Sandbox) -> None:
    assert refuse(sandbox, message="[build kanoo]").message == "there is no image 'kanoo'"


def test_refuses_to_append_to_the_tag_of_one_version(sandbox: Sandbox) -> None:
    sha = commit(sandbox, "[build gdal prod]")

    error = refuse(sandbox)

    assert error.message.startswith(f"commit {sha[:12]}: the tag of gdal is `{{version}}`")
    assert "Ask for gdal alone" in error.remedy


def test_refuses_a_tag_that_is_too_long_as_a_whole(sandbox: Sandbox) -> None:
    assert "cannot be a tag" in refuse(sandbox, message=f"[build kano {'x' * 125}]").message


def test_tells_why_an_image_that_is_asked_for_can_not_be_read(sandbox: Sandbox) -> None:
    assert "images/broken has no Dockerfile" in refuse(sandbox, message="[build broken]").message


def test_a_broken_image_hinders_no_other(sandbox: Sandbox) -> None:
    assert tags(ask(sandbox, message="[build kano]")) == ["kano:1.2.3-latest"]


def test_refuses_more_builds_than_a_matrix_has_room_for(sandbox: Sandbox) -> None:
    many = " ".join(f"[build kano t{number}]" for number in range(1_000))

    error = refuse(sandbox, message=many)

    assert error.message == "1,000 builds are asked for, over the limit of 256"


def test_takes_as_many_builds_as_a_matrix_has_room_for(sandbox: Sandbox) -> None:
    many = " ".join(f"[build kano t{number}]" for number in range(256))

    assert len(ask(sandbox, message=many).builds) == 256
