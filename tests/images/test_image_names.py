"""The names by which Dockerfiles of this repository call its other images."""

import pytest
from linted import image

from kargo_release.docker.names import full_name
from kargo_release.images.image_names import apps_by_name


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("node", "docker.io/library/node"),
        ("library/node", "docker.io/library/node"),
        ("docker.io/node", "docker.io/library/node"),
        ("index.docker.io/kalisio/kano", "docker.io/kalisio/kano"),
        ("kalisio/kano", "docker.io/kalisio/kano"),
        ("localhost/kano", "localhost/kano"),
        ("registry:5000/kano", "registry:5000/kano"),
        ("ghcr.io/a/b/c", "ghcr.io/a/b/c"),
    ],
)
def test_completes_names_as_docker_does(name: str, full: str) -> None:
    assert full_name(name) == full


def test_knows_images_with_and_without_their_registry() -> None:
    images = [image("kano"), image("base")]

    assert apps_by_name(images, "") == {
        "docker.io/library/kano:1.0-latest": "kano", "docker.io/library/base:1.0-latest": "base"
    }  # fmt: skip
    names = apps_by_name(images, "harbor.example.com/team/")
    assert names[full_name("harbor.example.com/team/base")] == "base"
    assert names["docker.io/library/base:1.0-latest"] == "base"
    assert full_name("base") not in names
    assert full_name("other/base") not in names
