import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
import requests
from servers import DockerRegistry

from kargo_release.errors import InvalidError
from kargo_release.oci.artifact import Artifact, Blob, Manifest, Store, descriptor
from kargo_release.oci.image import read_remote_image
from kargo_release.oci.registry import Registry

from .conftest import artifact

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX = "application/vnd.oci.image.index.v1+json"


def image(labels: object, architecture: str = "amd64", variant: str = "") -> Artifact:
    about = {"os": "linux", "architecture": architecture, "config": {"Labels": labels}}
    document = {**about, "variant": variant} if variant else about
    return Artifact(Blob(CONFIG, json.dumps(document).encode()), (Blob(LAYER, b"layer"),))


class Index:
    """An index of images in the registry, as a builder pushes one for several platforms."""

    def __init__(self, registry: Registry, url: str) -> None:
        self._registry = registry
        self._url = url

    def push(self, tag: str, *images: Artifact, more: tuple[Mapping[str, Any], ...] = ()) -> None:
        for each in images:
            self._registry.push("kano", each.manifest.digest[7:19], each, replace=True)
        listed = [{**descriptor(each.manifest)} for each in images]
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *more]}
        url = f"{self._url}/kano/manifests/{tag}"
        headers = {"Content-Type": INDEX}
        answer = requests.put(url, json.dumps(document), headers=headers, timeout=10)
        assert answer.status_code == 201, answer.text


@pytest.fixture
def index(registry: Registry, docker: DockerRegistry, prefix: str) -> Index:
    return Index(registry, f"http://{docker.host}/v2/{prefix}")


def test_reads_the_labels_of_an_image(registry: Registry) -> None:
    digest = registry.push("kano", "1.0", image({"a": "1", "b": "2"}), replace=False)

    found = read_remote_image(registry, "kano", "1.0")
    assert found is not None
    assert (found.digest, found.labels) == (digest, ({"a": "1", "b": "2"},))
    assert found.label("a") == "1"
    assert found.label("c") is None


def test_finds_nothing_where_there_is_nothing(registry: Registry) -> None:
    assert read_remote_image(registry, "kano", "1.0") is None


@pytest.mark.parametrize("labels", [None, {}, {"a": 1}])
def test_reads_an_image_without_labels(registry: Registry, labels: object) -> None:
    registry.push("kano", "1.0", image(labels), replace=False)

    found = read_remote_image(registry, "kano", "1.0")
    assert found is not None
    assert found.labels == ({},)


def test_reads_all_platforms_and_no_attestations(registry: Registry, index: Index) -> None:
    attached = image({"a": "2"}, "unknown")
    registry.push("kano", "attached", attached, replace=False)
    note = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    index.push(
        "1.0",
        image({"a": "1", "b": "1"}),
        image({"a": "1", "b": "2"}, "arm", "v7"),
        more=({**descriptor(attached.manifest), **note},),
    )

    found = read_remote_image(registry, "kano", "1.0")
    assert found is not None
    assert found.labels == ({"a": "1", "b": "1"}, {"a": "1", "b": "2"})
    assert (found.label("a"), found.label("b")) == ("1", None)


def test_refuses_what_is_no_image(registry: Registry) -> None:
    registry.push("kano", "1.0", artifact(), replace=False)

    with pytest.raises(InvalidError, match="something else than a container image") as caught:
        read_remote_image(registry, "kano", "1.0")
    assert "image_registry" in caught.value.remedy


@pytest.mark.parametrize("config", [b"", b"[]", b'"text"', b'{"config": 1}', b"[" * 100_000])
def test_refuses_a_configuration_that_can_not_be_read(registry: Registry, config: bytes) -> None:
    odd = Artifact(Blob(CONFIG, config), (Blob(LAYER, b"layer"),))
    registry.push("kano", "1.0", odd, replace=True)

    with pytest.raises(InvalidError, match="something else than a container image"):
        read_remote_image(registry, "kano", "1.0")


def test_refuses_an_index_without_end(registry: Registry, index: Index) -> None:
    one = image({})
    more = tuple(descriptor(one.manifest) for _ in range(40))
    index.push("1.0", one, more=more)

    with pytest.raises(InvalidError, match="over 32 platforms"):
        read_remote_image(registry, "kano", "1.0")


class Liar:
    """A store that answers what no registry takes in."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        self._documents = list(documents)

    def manifest(self, *_: str) -> Manifest:
        return Manifest(f"sha256:{'0' * 64}", self._documents.pop(0))

    def reference(self, repository: str, tag: str) -> str:
        return f"{repository}:{tag}"


@pytest.mark.parametrize(
    "documents",
    [
        [{"manifests": [{}]}],
        [{"manifests": [{"digest": 1}]}],
        [{"manifests": ["sha256:1"]}],
        [{"manifests": [None]}],
        [{"manifests": []}],
        [{"config": {"mediaType": CONFIG}}],
        [{"config": {"mediaType": [], "digest": "sha256:1"}}],
        [{"config": "sha256:1"}],
        [{"manifests": [{"digest": "sha256:1"}]}, {"manifests": [{"digest": "sha256:1"}]}],
    ],
)
def test_refuses_what_no_registry_should_answer(documents: list[Mapping[str, Any]]) -> None:
    with pytest.raises(InvalidError, match="something else than a container image"):
        read_remote_image(cast("Store", Liar(*documents)), "kano", "1.0")
