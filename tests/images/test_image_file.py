"""Images of a tree: which folders are images, and what is told of those that are none."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sandbox import Sandbox

from kargo_release import yamlfile
from kargo_release.errors import InvalidError, KargoError
from kargo_release.git.repository import Repository
from kargo_release.images.image_file import Image, Images, read_images


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    write_image(sandbox, "kano")
    write_image(sandbox, "mapserver", 'tag: "{version}"\n')
    return sandbox


def write_image(sandbox: Sandbox, app: str, more: str = "", folder: str = "images") -> None:
    sandbox.write(f"{folder}/{app}/Dockerfile", "FROM debian:bookworm-slim\n")
    sandbox.write(f"{folder}/{app}/image.yaml", f"version: 1.2.3\n{more}")


def committed(sandbox: Sandbox) -> Images:
    sandbox.commit()
    repository = Repository.open(sandbox.path)
    return read_images(repository.tree(repository.commit()), "images")


def error_of(images: Images, app: str) -> KargoError:
    found = images[app]
    assert isinstance(found, InvalidError)
    assert found.remedy
    with pytest.raises(InvalidError) as raised:
        images.named([app])
    assert raised.value is found
    return found


def test_reads_each_folder_as_an_image(sandbox: Sandbox) -> None:
    sandbox.write("images/README.md", "These are images.\n")
    images = committed(sandbox)

    assert list(images) == ["kano", "mapserver"]
    [mapserver, kano] = images.named(["mapserver", "kano", "mapserver"])
    assert (mapserver.app, mapserver.folder, mapserver.is_pinned) == (
        "mapserver",
        "images/mapserver",
        True,
    )
    assert kano.context == "images/kano"


def test_reads_images_of_any_folder(sandbox: Sandbox) -> None:
    write_image(sandbox, "kano", folder="deploy/images")
    sandbox.commit()
    repository = Repository.open(sandbox.path)

    images = read_images(repository.tree(repository.commit()), "deploy/images")

    assert [image.folder for image in images.named(images)] == ["deploy/images/kano"]


def test_reads_the_commit_and_the_working_tree(sandbox: Sandbox) -> None:
    sandbox.commit()
    sandbox.write("images/kano/image.yaml", "version: 2.0.0\n")
    write_image(sandbox, "new")
    repository = Repository.open(sandbox.path)

    [before] = read_images(repository.tree(repository.commit()), "images").named(["kano"])
    with repository.working_tree() as tree:
        images = read_images(tree, "images")

    assert before.version == "1.2.3"
    assert [each.version for each in images.named(["kano", "new"])] == ["2.0.0", "1.2.3"]


def test_reads_no_images_where_there_is_no_folder(tmp_path: Path) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write("README.md", "empty\n")
    images = committed(sandbox)

    assert len(images) == 0
    with pytest.raises(InvalidError, match="there is no image 'kano'") as refused:
        images.named(["kano"])
    assert "There is none at all" in refused.value.remedy


def test_reads_many_images_in_few_runs_of_git(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        write_image(sandbox, f"app{number}")
    sandbox.commit()
    repository = Repository.open(sandbox.path)
    tree = repository.tree(repository.commit())
    runs: list[str] = []

    def execute(self: Repository, arguments: Sequence[str], **more: Any) -> tuple[int, bytes, str]:
        runs.append(arguments[0])
        return run(self, arguments, **more)

    run = Repository.execute
    monkeypatch.setattr(Repository, "execute", execute)

    assert len(read_images(tree, "images")) == 52
    assert runs == ["ls-tree", "cat-file"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("kanoo", "Perhaps you meant kano."),
        ("KANO", "Perhaps you meant kano."),
        ("kano:prod", "Perhaps you meant kano."),
        ("images/kano", "Perhaps you meant kano."),
        ("map-server", "Perhaps you meant mapserver."),
        ("zzz", "There are: kano, mapserver."),
        ("", "There are: kano, mapserver."),
        ("x" * 10_000, "There are: kano, mapserver."),
        ("$(reboot)\n", "There are: kano, mapserver."),
    ],
)
def test_tells_the_nearest_name(sandbox: Sandbox, name: str, remedy: str) -> None:
    with pytest.raises(InvalidError, match="there is no image") as refused:
        committed(sandbox).named(["kano", name])
    assert refused.value.remedy == remedy
    assert len(refused.value.message) < 100


def test_tells_a_few_of_many_names() -> None:
    images = Images({f"app{number:03}": InvalidError("x") for number in range(100)})

    with pytest.raises(InvalidError) as refused:
        images.named(["zzz"])
    assert refused.value.remedy.endswith("app018, app019, ….")


@pytest.mark.parametrize(
    "app",
    ["Kano", "ka no", "-kano", "kano-", "ka__no", "kano..x", "$(reboot)", "kanö", "a\nb", "."],
)
def test_tells_that_a_folder_has_no_name_of_an_app(sandbox: Sandbox, app: str) -> None:
    folder = app if app != "." else ".hidden"
    write_image(sandbox, folder)

    error = error_of(committed(sandbox), folder)

    assert "can't be an image's folder" in error.message
    assert "lower-case letters" in error.remedy


def test_tells_that_a_folder_is_not_named_in_unicode(sandbox: Sandbox) -> None:
    sandbox.write("images/k\udcff/image.yaml", "version: 1.2.3\n")

    [error] = [each for each in committed(sandbox).values() if isinstance(each, KargoError)]
    assert "can't be an image's folder" in error.message
    str(error).encode()


def test_tells_that_there_is_no_dockerfile(sandbox: Sandbox) -> None:
    sandbox.write("images/gdal/image.yaml", "version: 3.6.2\n")

    error = error_of(committed(sandbox), "gdal")

    assert error.message == "images/gdal has no Dockerfile"
    assert error.remedy == "Write images/gdal/Dockerfile."


def test_tells_that_there_is_no_image_yaml(sandbox: Sandbox) -> None:
    sandbox.write("images/gdal/Dockerfile", "FROM debian\n")

    error = error_of(committed(sandbox), "gdal")

    assert error.message == "images/gdal has no image.yaml"
    assert "version: " in error.remedy


def test_tells_that_image_yml_is_not_read(sandbox: Sandbox) -> None:
    sandbox.write("images/gdal/Dockerfile", "FROM debian\n")
    sandbox.write("images/gdal/image.yml", "version: 1.2.3\n")

    error = error_of(committed(sandbox), "gdal")

    assert error.message == "images/gdal/image.yml is not read"
    assert error.remedy == "Call it image.yaml."


def test_tells_that_image_yaml_is_too_large(sandbox: Sandbox) -> None:
    write_image(sandbox, "kano", "#" * yamlfile.SIZE_LIMIT)

    assert "over the limit of 1 MiB" in error_of(committed(sandbox), "kano").message


def links(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    """Make links where files and folders belong; yield each app, and what is told of it."""
    (sandbox.path / "images" / "linked").symlink_to("kano")
    yield "linked", "images/linked is a symbolic link"
    for app, name in (("yaml", "image.yaml"), ("docker", "Dockerfile")):
        write_image(sandbox, app)
        file = sandbox.path / "images" / app / name
        file.unlink()
        file.symlink_to("/etc/hostname")
        yield app, f"images/{app}/{name} is no plain file"


def test_tells_of_symbolic_links(sandbox: Sandbox) -> None:
    expected = dict(links(sandbox))
    images = committed(sandbox)

    assert {app: error_of(images, app).message for app in expected} == expected


def test_tells_that_an_image_is_a_submodule(sandbox: Sandbox) -> None:
    head = sandbox.commit()
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{head},images/other")
    sandbox.git("commit", "--quiet", "--message", "Add a submodule")
    repository = Repository.open(sandbox.path)

    images = read_images(repository.tree(repository.commit()), "images")

    assert error_of(images, "other").message.startswith("images/other is a submodule")


@pytest.mark.parametrize("app", ["bad", "kano/sub"])
def test_a_repository_without_a_commit_hides_no_other_image(sandbox: Sandbox, app: str) -> None:
    sandbox.commit()
    Sandbox.make(sandbox.path / f"images/{app}")
    Sandbox.make(sandbox.path / f"images/{app}2").git("commit", "--allow-empty", "-m", "x")
    write_image(sandbox, app)
    with Repository.open(sandbox.path).working_tree() as tree:
        images = read_images(tree, "images")
        modes = {each.path: each.mode for each in tree.entries("images")}

    assert modes[f"images/{app}"] == modes[f"images/{app}2"] == "160000"
    assert len(images.named(["kano", "mapserver"])) == 2
    if app == "bad":
        assert "is a submodule, or a repository of its own" in error_of(images, app).message


def test_one_bad_image_hides_no_other(sandbox: Sandbox) -> None:
    sandbox.write("images/bad/image.yaml", "version: 1.10\n")
    images = committed(sandbox)

    assert len(images.named(["kano", "mapserver"])) == 2
    assert list(images) == ["bad", "kano", "mapserver"]


def test_takes_a_context_elsewhere_in_the_repository(sandbox: Sandbox) -> None:
    sandbox.write("shared/maps/a.map", "MAP\n")
    write_image(sandbox, "kano", "context: shared/maps\n")
    write_image(sandbox, "mapserver", "context: .\n")
    images = committed(sandbox)

    assert [image.context for image in images.named(images)] == ["shared/maps", "."]


@pytest.mark.parametrize("where", ["commit", "working tree"])
@pytest.mark.parametrize(
    "context", ["nowhere", "images/kano/Dockerfile", "out", "out/maps", "in/x"]
)
def test_tells_that_a_context_is_no_folder_of_the_repository(
    sandbox: Sandbox, context: str, where: str
) -> None:
    outside = sandbox.path.parent / "outside" / "maps"
    outside.mkdir(parents=True)
    (outside / "a.map").write_text("MAP\n")
    (sandbox.path / "out").symlink_to(outside.parent)
    sandbox.write("shared/x/a.map", "MAP\n")
    (sandbox.path / "in").symlink_to("shared")
    write_image(sandbox, "kano", f"context: {context}\n")
    images = committed(sandbox)
    if where == "working tree":
        with Repository.open(sandbox.path).working_tree() as tree:
            images = read_images(tree, "images")

    error = error_of(images, "kano")

    assert f"there are no files in the folder {context}" in error.message
    assert "symbolic links" in error.remedy
    assert isinstance(images["mapserver"], Image)
