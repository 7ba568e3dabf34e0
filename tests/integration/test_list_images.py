"""list-images, as a person and as a program reads it."""

from pathlib import Path

import pytest
from sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    write_image(sandbox, "kano", "version: 2.6.0\nplatforms: [linux/amd64, linux/arm64]\n")
    write_image(sandbox, "thredds", 'version: 4.6.20\ntag: "{version}"\nrepository: maps/thredds\n')
    return sandbox


def write_image(sandbox: Sandbox, app: str, text: str) -> None:
    sandbox.write(f"images/{app}/Dockerfile", "FROM debian:bookworm-slim\n")
    sandbox.write(f"images/{app}/image.yaml", text)


def test_lists_images_as_they_are_on_disk(sandbox: Sandbox) -> None:
    ended = sandbox.run("list-images")

    assert ended.exit_code == 0
    assert ended.out.splitlines() == [
        "APP      VERSION  CONTEXT         PLATFORMS                 IMAGE",
        "kano     2.6.0    images/kano     linux/amd64, linux/arm64  kano:2.6.0-latest",
        "thredds  4.6.20   images/thredds  -                         maps/thredds:4.6.20",
    ]


def test_lists_the_images_that_are_named(sandbox: Sandbox) -> None:
    sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = "docker.io/kalisio"

    document = sandbox.run("list-images", "thredds", "--json").document

    assert document == {
        "command": "list-images",
        "ok": True,
        "error": None,
        "images": [
            {
                "app": "thredds",
                "version": "4.6.20",
                "tag": "4.6.20",
                "reference": "docker.io/kalisio/maps/thredds:4.6.20",
                "context": "images/thredds",
                "platforms": [],
                "error": None,
            }
        ],
    }


def test_a_bad_image_hides_no_other(sandbox: Sandbox) -> None:
    write_image(sandbox, "bad", "version: 1.10\n")

    ended = sandbox.run("list-images")
    document = sandbox.run("list-images", "--json").document

    assert ended.exit_code == 2
    assert ended.tells("`version` is a number to YAML", "quotes")
    assert len(ended.out.splitlines()) == 3
    assert [image["app"] for image in document["images"]] == ["bad", "kano", "thredds"]
    assert document["images"][0]["error"] == document["error"]
    assert document["ok"] is False


def test_tells_that_an_image_is_not_there(sandbox: Sandbox) -> None:
    ended = sandbox.run("list-images", "kanoo", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no image 'kanoo'", "Perhaps you meant kano.")


def test_says_that_there_are_no_images(tmp_path: Path) -> None:
    ended = Sandbox.make(tmp_path / "clone").run("list-images")

    assert (ended.exit_code, ended.out) == (0, "no image in images/\n")


@pytest.mark.parametrize("folder", ["ignored", "x" * 300, "a" + "/b" * 1000])
def test_a_context_that_is_none_hides_no_other(sandbox: Sandbox, folder: str) -> None:
    sandbox.write(".gitignore", "ignored\n")
    sandbox.write("ignored/file", "")
    sandbox.write("images/odd/Dockerfile", "FROM scratch\n")
    sandbox.write("images/odd/image.yaml", f"version: 1.0.0\ncontext: {folder}\n")
    ended = sandbox.run("list-images", "--json")

    found = {each["app"]: each for each in ended.document["images"]}
    assert "there are no files in the folder" in found.pop("odd")["error"]["message"]
    assert any(each["error"] is None for each in found.values())
