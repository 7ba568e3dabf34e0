"""The index is JSON within index.yaml: Helm and readers of YAML find in it what Helm's own says."""

import functools
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from indexes import BY_HELM, LATER, NOW, entry

from kargo_release.bucket.folder import FolderStore
from kargo_release.charts import index, index_lines
from kargo_release.charts.index import Entry, read
from kargo_release.charts.index_store import CONTENT_TYPE, stored, update

HELM = """
import json, sys, helm_python as helm
command, *words = sys.argv[1:]
if command == "pull":
    name, version, url, folder = words
    helm.pull(name, repo_url=url, version=version or None, destination=folder)
elif command == "read":
    json.dump(helm.repo_index(words[0]), sys.stdout)
else:
    helm.repo_index_generate(words[0], merge=words[0] + "/index.yaml")
"""
VERSIONS = ("1.0.0", "1.1.0-rc.1", "1.0.0+build.5")
HARD: Mapping[str, Any] = {
    "description": "é 😀: - 'a' #b \\ \"c\"",
    "appVersion": "1.10",
    "annotations": {"hard": "a\x7fb\x85c\u2028d", "number": "007", "truth": "yes", "void": "~"},
    "keywords": ["null", "1e3", "2026-01-31", "0x10", "<<", "=", "- a: b"],
}


def helm(*words: str | Path) -> str:
    """Let the real Helm pull, read or merge, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", HELM, *map(str, words)],
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """Serve a folder with an index that Helm began and we went on with."""
    pytest.importorskip("helm_python")
    for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    folder = tmp_path / "served"
    folder.mkdir()
    fill(FolderStore(folder))
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def fill(store: FolderStore) -> None:
    store.put(index.KEY, BY_HELM, if_match=None, content_type=CONTENT_TYPE)
    for version in VERSIONS:
        metadata = entry(version, **HARD).metadata
        tgz = archive(metadata)
        store.put(f"kano-{version}.tgz", tgz, if_match=None, content_type="application/gzip")
        update(store, [Entry(metadata, sha256(tgz).hexdigest(), NOW)], NOW)


def archive(metadata: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    text = json.dumps(metadata).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"{metadata['name']}/Chart.yaml")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("asked", "version"),
    [*zip(VERSIONS, VERSIONS, strict=True), ("", "1.0.0+build.5"), (">1.0.0-0", "1.1.0-rc.1")],
)
def test_lets_helm_pull_from_a_served_folder(
    served: tuple[Path, str], tmp_path: Path, asked: str, version: str
) -> None:
    folder, url = served
    target = tmp_path / "pulled"
    target.mkdir()

    helm("pull", "kano", asked, url, target)

    [found] = target.iterdir()
    assert found.read_bytes() == (folder / f"kano-{version}.tgz").read_bytes()


def test_lets_helm_read_every_version_as_it_was_written(served: tuple[Path, str]) -> None:
    folder, url = served

    found = json.loads(helm("read", url))["entries"]

    ours = read((folder / "index.yaml").read_bytes())
    assert {name: [each["version"] for each in held] for name, held in found.items()} == {
        "k2": ["0.1.0"],
        "kano": ["1.1.0-rc.1", "1.0.0+build.5", "1.0.0"],
    }
    for theirs in found["kano"]:
        assert theirs == ours.entry("kano", theirs["version"])


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader, json.loads])
def test_means_the_same_to_readers_of_yaml_and_of_json(loader: Any, tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    fill(store)
    text = (tmp_path / "index.yaml").read_bytes()

    found = json.loads(text) if loader is json.loads else yaml.load(text, loader)  # noqa: S506 - the safe ones

    assert found["entries"] == stored(store).entries
    assert found["entries"]["kano"][0]["annotations"] == HARD["annotations"]


def test_goes_on_with_an_index_that_helm_merged(tmp_path: Path) -> None:
    pytest.importorskip("helm_python")
    store = FolderStore(tmp_path)
    store.put(index.KEY, BY_HELM, if_match=None, content_type=CONTENT_TYPE)
    entries = [entry(f"1.{number}.0", keywords=HARD["keywords"]) for number in range(3)]
    before = update(store, entries, NOW)
    assert index_lines.split((tmp_path / "index.yaml").read_bytes()) is not None

    helm("merge", tmp_path)
    by_helm = (tmp_path / "index.yaml").read_bytes()
    update(store, [entry("2.0.0")], LATER)

    assert by_helm.startswith(b"apiVersion: v1\n")
    after = stored(store)
    assert after.versions("kano") == ["2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    assert after.versions("k2") == ["0.1.0"]
    for each in before.entries["kano"]:
        assert after.entry("kano", each["version"]) == each
