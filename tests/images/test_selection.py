"""From what is asked for to what is built, without an engine: what it has is a mapping here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from built import local_image
from sandbox import Sandbox
from servers import free_port

from kargo_release.docker.image import LocalImage
from kargo_release.errors import FailedError, InvalidError
from kargo_release.images.bases import Bases
from kargo_release.images.desired import ImageBuild
from kargo_release.images.inputs import INPUTS_DIGEST
from kargo_release.images.project import Project
from kargo_release.images.recipes import Wanted
from kargo_release.images.selection import Selection
from kargo_release.images.source import committed, working_tree

DEBIAN = "sha256:" + "d" * 64


@pytest.fixture
def clone(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    write(sandbox, "kano", "FROM debian:12\nCOPY . /srv\n")
    sandbox.commit()
    return sandbox


def write(sandbox: Sandbox, app: str, dockerfile: str, more: str = "") -> None:
    sandbox.write(f"images/{app}/Dockerfile", dockerfile)
    sandbox.write(f"images/{app}/image.yaml", f"version: 1.0.0\n{more}")


def engine(**images: LocalImage) -> dict[str, LocalImage]:
    return {"debian:12": local_image(labels={}, repo_digests=(f"debian@{DEBIAN}",)), **images}


def builds(
    sandbox: Sandbox,
    *apps: str,
    held: dict[str, LocalImage] | None = None,
    prefix: str = "",
    **changes: Any,
) -> dict[str, ImageBuild]:
    environ = {"KARGO_RELEASE_IMAGE_REGISTRY": prefix} if prefix else {}
    project = Project.open(sandbox.path, environ)
    source = committed(project, "HEAD")
    has = engine() if held is None else held
    bases = Bases(has.get, _no_registry, project.prefix)
    images = [replace(each, **changes) for each in source.images.named(apps)]
    wanted = [Wanted(each, each.tag(None)) for each in images]
    found = Selection(project, source, bases, "linux/amd64").builds(wanted)
    return {each.app: each for each in found}


def _no_registry(place: str) -> Any:
    raise FailedError(f"registry {place} was asked", "Do not.")


def digest(sandbox: Sandbox, **changes: Any) -> str:
    return builds(sandbox, "kano", **changes)["kano"].inputs.digest


def test_has_the_same_inputs_at_another_commit_of_the_same_content(clone: Sandbox) -> None:
    before = digest(clone)
    clone.write("other", "")
    clone.commit()

    assert digest(clone) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": {"A": "1"}},
        {"platforms": ("linux/arm64",)},
        {"version": "1.0.1"},
        {"held": {"debian:12": local_image(labels={}, id="sha256:other")}},
    ],
)
def test_has_other_inputs_when_one_changes(clone: Sandbox, changes: dict[str, Any]) -> None:
    assert digest(clone, **changes) != digest(clone)


@pytest.mark.parametrize("path", ["images/kano/Dockerfile", "images/kano/new"])
def test_has_other_inputs_when_a_file_changes(clone: Sandbox, path: str) -> None:
    before = digest(clone)
    clone.write(path, "FROM debian:12\nCOPY . /\n")
    clone.commit()

    assert digest(clone) != before


@pytest.mark.parametrize(
    "changes", [{"smoke": ("true",)}, {"size_limit": 1}, {"append": "dev"}, {"repository": "k"}]
)
def test_takes_no_input_for_what_does_not_change_the_image(
    clone: Sandbox, changes: dict[str, Any]
) -> None:
    assert digest(clone, **changes) == digest(clone)


def test_takes_the_engines_own_platform_where_none_is_named(clone: Sandbox) -> None:
    assert digest(clone, platforms=("linux/amd64",)) == digest(clone)


def test_bears_our_labels(clone: Sandbox) -> None:
    clone.git("remote", "add", "origin", "https://ada:s3cret@example.com/team/kano.git")
    build = builds(clone, "kano")["kano"]

    titles = "org.opencontainers.image."
    assert build.labels == {
        f"{titles}source": "https://example.com/team/kano.git",
        f"{titles}revision": clone.git("rev-parse", "HEAD"),
        f"{titles}version": "1.0.0",
        f"{titles}created": build.origin.created,
        f"{titles}title": "kano",
        INPUTS_DIGEST: build.inputs.digest,
    }


def test_tells_that_a_dockerfile_is_gone_since_the_image_was_read(clone: Sandbox) -> None:
    project = Project.open(clone.path, {})
    with working_tree(project) as source:
        wanted = [Wanted(each, "1") for each in source.images.named(["kano"])]
        (clone.path / "images/kano/Dockerfile").unlink()
        bases = Bases(engine().get, _no_registry, "")
        selection = Selection(project, source, bases, "linux/amd64")
        with pytest.raises(InvalidError, match="images/kano/Dockerfile was there, and is gone"):
            selection.builds(wanted)


def test_marks_the_revision_of_an_image_with_changed_files(clone: Sandbox) -> None:
    write(clone, "other", "FROM debian:12\n")
    clone.commit()
    clone.write("images/kano/new", "")
    project = Project.open(clone.path, {})
    with working_tree(project) as source:
        bases = Bases(engine().get, _no_registry, "")
        wanted = [Wanted(each, "1") for each in source.images.named(["kano", "other"])]
        found = Selection(project, source, bases, "linux/amd64").builds(wanted)

    head = clone.git("rev-parse", "HEAD")
    revisions = {each.app: each.origin.revision for each in found}
    assert revisions == {"kano": f"{head}-dirty", "other": head}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("base:1.0.0-latest", ""),
        ("base:1.0.0-latest", "docker.io/kalisio"),
        ("docker.io/kalisio/base:1.0.0-latest", "docker.io/kalisio"),
        ("kalisio/base:1.0.0-latest", "docker.io/kalisio"),
        ("harbor.example.com:8443/a/b/base:1.0.0-latest", "harbor.example.com:8443/a/b"),
    ],
)
def test_comes_behind_its_base_and_has_its_inputs(clone: Sandbox, name: str, prefix: str) -> None:
    write(clone, "base", "FROM debian:12\n")
    write(clone, "above", f"FROM {name}\n")
    clone.commit()
    found = builds(clone, "above", "base", prefix=prefix)

    assert list(found) == ["base", "above"]
    assert found["above"].own_bases == ("base 1.0.0-latest",)
    assert found["above"].inputs.bases == {name: found["base"].inputs.digest}
    assert found["base"].names[0] == f"{prefix}/base:1.0.0-latest".lstrip("/")


def test_gives_a_base_every_name_that_is_used(clone: Sandbox) -> None:
    write(clone, "base", "FROM debian:12\n")
    write(clone, "above", "FROM base:1.0.0-latest\n")
    write(clone, "beside", "FROM example.com/team/base:1.0.0-latest\n")
    clone.commit()

    found = builds(clone, "above", "base", "beside", prefix="example.com/team")
    assert found["base"].names == (
        "example.com/team/base:1.0.0-latest", "docker.io/library/base:1.0.0-latest",
    )  # fmt: skip
    assert found["above"].names == ("example.com/team/above:1.0.0-latest",)


def test_counts_a_stage_that_is_copied_from(clone: Sandbox) -> None:
    write(clone, "base", "FROM debian:12\n")
    write(clone, "above", "FROM debian:12\nCOPY --from=base:1.0.0-latest /a /b\n")
    clone.commit()

    assert builds(clone, "base", "above")["above"].own_bases == ("base 1.0.0-latest",)


def test_takes_another_tag_of_a_base_for_another_image(clone: Sandbox) -> None:
    write(clone, "base", "FROM debian:12\n")
    write(clone, "above", "FROM base:0.9\n")
    clone.commit()
    held = engine(**{"base:0.9": local_image(labels={INPUTS_DIGEST: "sha256:old"})})

    found = builds(clone, "base", "above", held=held)["above"]
    assert (found.own_bases, found.inputs.bases) == ((), {"base:0.9": "sha256:old"})


@pytest.mark.parametrize("tag", ["1.0.0-latest", "1.0.0-prod"])
def test_takes_the_upstream_of_its_own_name_for_no_image_of_ours(clone: Sandbox, tag: str) -> None:
    write(clone, "base", f"FROM base:{tag}\n")
    clone.commit()
    held = engine(**{f"base:{tag}": local_image()})

    found = builds(clone, "base", held=held)["base"]
    assert (found.own_bases, [*found.inputs.bases]) == ((), [f"base:{tag}"])


def test_refuses_the_name_of_an_image_that_is_not_asked_for(clone: Sandbox) -> None:
    write(clone, "a", "FROM debian:12\n")
    write(clone, "b", "FROM debian:12\n", "repository: a\n")
    clone.commit()

    with pytest.raises(InvalidError, match=r"a 1.0.0-latest and b 1.0.0-latest would both be"):
        builds(clone, "b")


def test_tells_a_circle(clone: Sandbox) -> None:
    write(clone, "a", "FROM b:1.0.0-latest\n")
    write(clone, "b", "FROM a:1.0.0-latest\n")
    clone.commit()

    with pytest.raises(InvalidError, match="in a circle"):
        builds(clone, "a", "b")


def test_takes_the_digest_that_a_name_holds(clone: Sandbox) -> None:
    write(clone, "kano", f"FROM debian@{DEBIAN}\n")
    clone.commit()

    assert builds(clone, "kano", held={})["kano"].inputs.bases == {f"debian@{DEBIAN}": DEBIAN}


def test_asks_the_registry_for_what_the_engine_lacks(clone: Sandbox) -> None:
    fault = builds(clone, "kano", held={})["kano"].fault

    assert isinstance(fault, FailedError)
    assert (
        fault.message
        == "the base docker.io/library/debian:12: registry docker.io/library was asked"
    )
    assert fault.remedy == "Do not."


def test_a_git_context_that_does_not_resolve_is_the_fault_of_its_image_alone(
    clone: Sandbox,
) -> None:
    context = f"context: https://127.0.0.1:{free_port()}/team/app.git#v1\n"
    write(clone, "far", "FROM debian:12\n", context)
    write(clone, "on", "FROM far:1.0.0-latest\n")
    clone.commit()

    found = builds(clone, "far", "kano", "on")

    assert found["kano"].fault is None
    assert "can't read the Git context" in str(found["far"].fault)
    assert str(found["on"].fault).startswith("on 1.0.0-latest is held back, for far 1.0.0-latest")


def test_refuses_a_base_without_a_name(clone: Sandbox) -> None:
    write(clone, "kano", "ARG BASE=Debian:12\nFROM $BASE\n")
    clone.commit()

    with pytest.raises(InvalidError) as caught:
        builds(clone, "kano")
    assert caught.value.remedy


@pytest.mark.parametrize("prefix", ["", "host.example/team"])
def test_takes_in_the_images_of_the_repository_that_one_begins_with(
    clone: Sandbox, prefix: str
) -> None:
    write(clone, "web", "FROM kano:1.0.0-latest\n")
    write(clone, "deep", f"FROM {prefix and f'{prefix}/'}web:1.0.0-latest\n")
    clone.commit()
    # Of whatever commit this is, or of none.
    stale = {"kano:1.0.0-latest": local_image(labels={INPUTS_DIGEST: "stale"})}

    found = builds(clone, "deep", held=engine(**stale), prefix=prefix)

    assert list(found) == ["kano", "web", "deep"]
    assert found["web"].inputs.bases == {"kano:1.0.0-latest": found["kano"].inputs.digest}
    assert found["deep"].own_bases == (found["web"].title,)


def test_has_the_bases_of_all_platforms(clone: Sandbox) -> None:
    write(
        clone, "kano", "FROM debian:12 AS a-amd64\nFROM alpine:3 AS a-arm64\nFROM a-$TARGETARCH\n"
    )
    clone.commit()
    held = engine(**{"alpine:3": local_image(labels={}, repo_digests=(f"alpine@{DEBIAN}",))})

    several = builds(clone, "kano", held=held, platforms=("linux/amd64", "linux/arm64"))
    assert set(several["kano"].bases) == {"debian:12", "alpine:3"}
    assert builds(clone, "kano", held=held)["kano"].bases == ("debian:12",)


def test_is_the_same_whatever_image_yaml_says_of_checks(clone: Sandbox) -> None:
    before = digest(clone)
    write(clone, "kano", "FROM debian:12\nCOPY . /srv\n", "# why\nsmoke: [x]\nsize_limit: 1 GB\n")
    clone.commit()
    assert digest(clone) == before

    write(clone, "kano", "FROM debian:12\nCOPY . /srv\n", "arguments: {A: b}\n")
    clone.commit()
    assert digest(clone) != before


def test_believes_no_label_that_another_image_inherited(clone: Sandbox) -> None:
    write(clone, "kano", "FROM other/thing:1\n")
    clone.commit()
    label = {INPUTS_DIGEST: "sha256:ancestor"}
    held = {"other/thing:1": local_image(labels=label, repo_digests=(f"other/thing@{DEBIAN}",))}

    for prefix in ("", "host.example/team"):
        found = builds(clone, "kano", held=held, prefix=prefix)["kano"]
        assert found.inputs.bases == {"other/thing:1": DEBIAN}


def test_builds_bases_for_the_platforms_of_what_is_built_upon_them(clone: Sandbox) -> None:
    write(clone, "web", "FROM kano:1.0.0-latest\n")
    clone.commit()

    found = builds(clone, "web", platforms=("linux/arm64",))
    assert found["kano"].image.platforms == ("linux/arm64",)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("repository: kano\n", "kano 1.0.0-latest and web 1.0.0-latest would both be"),
        ('tag: "{append}"\nappend: buildcache\n', "web:buildcache is the name of the cache"),
    ],
)
def test_refuses_names_that_are_taken(clone: Sandbox, about: str, message: str) -> None:
    write(clone, "web", "FROM debian:12\n", about)
    clone.commit()

    with pytest.raises(InvalidError, match=message):
        builds(clone, "kano", "web")


@pytest.mark.parametrize("base", ["debian:${V%.*}", "debian:${V#1}", "debian:${V/2/3}"])
def test_refuses_a_base_that_can_not_be_told(clone: Sandbox, base: str) -> None:
    write(clone, "kano", f"ARG V=12.1\nFROM {base}\n")
    clone.commit()

    with pytest.raises(InvalidError, match="Dockerfile, line 2: with which image this begins"):
        builds(clone, "kano")
