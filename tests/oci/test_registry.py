import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from servers import DockerRegistry

from kargo_release.errors import InvalidError, RefusedError, UsageError
from kargo_release.oci.artifact import MANIFEST_MEDIA_TYPE, Artifact, Blob
from kargo_release.oci.registry import Registry

from .conftest import CONFIG, CONTENT, OpenRegistry, artifact
from .faulty import FaultyServer


def test_stores_the_very_bytes_that_were_hashed(
    registry: Registry, docker: DockerRegistry, prefix: str
) -> None:
    pushed = artifact()
    assert registry.push("kano", "1.4.0", pushed, replace=False) == pushed.manifest.digest
    url = f"http://{docker.host}/v2/{prefix}/kano/manifests/1.4.0"
    with urlopen(Request(url, headers={"Accept": MANIFEST_MEDIA_TYPE})) as answer:
        assert answer.read() == pushed.manifest.data


def test_reads_back_what_it_pushed(registry: Registry) -> None:
    pushed = artifact()
    digest = registry.push("kano", "1.4.0", pushed, replace=False)
    by_tag, by_digest = registry.manifest("kano", "1.4.0"), registry.manifest("kano", digest)
    assert by_tag is not None
    assert by_tag == by_digest
    assert by_tag.annotations == pushed.annotations
    assert registry.blob("kano", pushed.layers[0].digest, 100) == b"content"
    assert registry.tags("kano") == ["1.4.0"]


def test_tells_what_is_absent(registry: Registry) -> None:
    assert registry.manifest("kano", "1.4.0") is None
    assert registry.tags("kano") == []
    registry.push("kano", "1.4.0", artifact(), replace=False)
    assert registry.manifest("kano", "1.5.0") is None
    with pytest.raises(InvalidError, match="does not hold the blob sha256:aaaa"):
        registry.blob("kano", f"sha256:{'a' * 64}", 1)


def test_pushes_the_same_again_without_sending_it(
    before: FaultyServer, open_registry: OpenRegistry
) -> None:
    registry = open_registry(f"{before.url}/again")
    digest = registry.push("kano", "1.4.0", artifact(), replace=False)
    before.seen.clear()
    assert registry.push("kano", "1.4.0", artifact(), replace=False) == digest
    assert before.methods() == ["HEAD"]


def test_refuses_a_tag_that_names_other_content(
    before: FaultyServer, open_registry: OpenRegistry
) -> None:
    registry = open_registry(f"{before.url}/refuses")
    digest = registry.push("kano", "1.4.0", artifact(), replace=False)
    before.seen.clear()
    with pytest.raises(RefusedError) as refused:
        registry.push("kano", "1.4.0", artifact(b"other"), replace=False)
    assert f"already out with other content ({digest})" in refused.value.message
    assert refused.value.remedy == "Give it a new version."
    assert before.methods() == ["HEAD"]


def test_replaces_when_told_to(registry: Registry) -> None:
    registry.push("kano", "0.0.0-dev", artifact(), replace=False)
    digest = registry.push("kano", "0.0.0-dev", artifact(b"other"), replace=True)
    held = registry.manifest("kano", "0.0.0-dev")
    assert held is not None
    assert held.digest == digest == artifact(b"other").manifest.digest
    assert registry.tags("kano") == ["0.0.0-dev"]


def test_pushes_an_empty_blob_and_a_large_one(registry: Registry) -> None:
    for content in (b"", b"0123456789abcdef" * 500_000):
        pushed = artifact(content)
        registry.push("kano", "1.4.0", pushed, replace=True)
        assert registry.blob("kano", pushed.layers[0].digest, len(content)) == content


def test_serves_many_threads_with_one_store(registry: Registry) -> None:
    def release(number: int) -> bool:
        pushed = artifact(b"%d" % number)
        registry.push(f"chart-{number}", "1.0.0", pushed, replace=False)
        held = registry.manifest(f"chart-{number}", "1.0.0")
        return held is not None and held.digest == pushed.manifest.digest

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(release, range(64)))


def test_reuses_its_connection(before: FaultyServer, open_registry: OpenRegistry) -> None:
    registry = open_registry(f"{before.url}/reuses")
    registry.push("kano", "1.4.0", artifact(), replace=False)
    registry.manifest("kano", "1.4.0")
    assert len(before.seen) == 9
    assert before.connections == 1


def test_names_an_artifact_as_people_do(open_registry: OpenRegistry) -> None:
    registry = open_registry("oci://harbor.example.com/kalisio/helm/")
    assert registry.reference("kano", "1.4.0") == "harbor.example.com/kalisio/helm/kano:1.4.0"
    digest = f"sha256:{'a' * 64}"
    assert registry.reference("kano", digest).endswith(f"/kano@{digest}")
    assert open_registry("oci://localhost").reference("kano", "1") == "localhost/kano:1"


NAMES = [
    "../x",
    "a b",
    "",
    "Kano",
    "a/../b",
    "a//b",
    "/a",
    "a?b",
    "a%2e",
    "a#b",
    ".a",
    "é",
    "a" * 256,
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "use",
    [
        lambda registry, name: registry.manifest(name, "1.0.0"),
        lambda registry, name: registry.tags(name),
        lambda registry, name: registry.blob(name, f"sha256:{'a' * 64}", 1),
        lambda registry, name: registry.push(name, "1.0.0", artifact(), replace=True),
    ],
    ids=["manifest", "tags", "blob", "push"],
)
def test_lets_no_bad_repository_into_an_address(
    faulty: FaultyServer,
    open_registry: OpenRegistry,
    use: Callable[[Registry, str], object],
    name: str,
) -> None:
    with pytest.raises(InvalidError, match="cannot be the name of a repository"):
        use(open_registry(faulty.url), name)
    assert faulty.seen == []


@pytest.mark.parametrize("tag", ["", "1.0.0+build", "../x", "a b", "-a", "a" * 129, "sha256:12"])
def test_lets_no_bad_tag_into_an_address(
    faulty: FaultyServer, open_registry: OpenRegistry, tag: str
) -> None:
    registry = open_registry(faulty.url)
    with pytest.raises(InvalidError, match="cannot be a tag"):
        registry.manifest("kano", tag)
    with pytest.raises(InvalidError, match="cannot be a tag"):
        registry.push("kano", tag, artifact(), replace=True)
    with pytest.raises(InvalidError, match="is not a digest"):
        registry.blob("kano", tag, 1)
    assert faulty.seen == []


@pytest.mark.parametrize(
    "url",
    ["https://host/x", "oci://", "oci:///x", "oci://user:s3cret@host/x", "oci://host:99999/x", "x",
     "oci://user:pa/s3cret@host/x", f"oci://user:{'s3cret' * 99}@host/x"],
)  # fmt: skip
def test_refuses_what_is_no_address_of_a_registry(open_registry: OpenRegistry, url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a registry") as refused:
        open_registry(url)
    assert "oci://HOST[:PORT]/PATH" in refused.value.remedy
    assert "s3cret" not in str(refused.value)


def _with_helm(script: str, *arguments: object, home: Path) -> None:
    """Run a script with the real Helm in a child, for it cannot be stopped from within."""
    program = [sys.executable, "-c", script, *map(str, arguments)]
    subprocess.run(program, check=True, timeout=60, env={"HOME": str(home)})


def test_the_real_helm_pulls_what_was_pushed(
    registry: Registry, docker: DockerRegistry, prefix: str, tmp_path: Path
) -> None:
    pytest.importorskip("helm_python", reason="the extra helm is not installed")
    metadata = {"apiVersion": "v2", "name": "kano", "version": "1.4.0"}
    chart, pulled = tmp_path / "kano", tmp_path / "pulled"
    chart.mkdir()
    pulled.mkdir()
    (chart / "Chart.yaml").write_text(json.dumps(metadata))
    package = "import sys, helm_python; helm_python.package(sys.argv[1], destination=sys.argv[2])"
    _with_helm(package, chart, tmp_path, home=tmp_path)
    archive = (tmp_path / "kano-1.4.0.tgz").read_bytes()
    config = Blob(CONFIG, json.dumps(metadata).encode())
    pushed = Artifact(config, (Blob(CONTENT, archive),))
    registry.push("kano", "1.4.0", pushed, replace=False)
    pull = (
        "import sys, helm_python;"
        "helm_python.pull(sys.argv[1], version='1.4.0', destination=sys.argv[2], plain_http=True)"
    )
    _with_helm(pull, f"oci://{docker.host}/{prefix}/kano", pulled, home=tmp_path)
    assert (pulled / "kano-1.4.0.tgz").read_bytes() == archive
