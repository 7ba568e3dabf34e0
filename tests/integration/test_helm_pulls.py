"""The real Helm pulls what was released, from everywhere, and renders it as from the source."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import helm_sdk
import pytest
from sandbox import Sandbox
from servers import free_port, stop, wait_for

LONG = "/".join(["a-folder-with-a-long-name"] * 6) + "/" + "n" * 120 + ".txt"  # 280 bytes
FILES = {
    "files/été/größe-漢字.txt": "non-ASCII: é ß 漢字\n",
    f"files/{LONG}": "long\n",
    "files/with space.txt": "space\n",
}
TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "names.full" . }}
data:
{{ range $path, $_ := .Files.Glob "files/**" }}
  {{ sha256sum $path }}: {{ $.Files.Get $path | quote }}
{{ end }}
  chart: {{ .Chart.Name }}-{{ .Chart.Version }}
"""
NAMES = '{{- define "names.full" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}\n'
NEEDS = """dependencies:
  - name: names
    version: ~1.0.0
    repository: file://../names
"""
VERSION = "1.4.0+build.7"  # registries know no plus, and S3 takes one in a URL for a space


def write_charts(sandbox: Sandbox) -> None:
    """Write a chart on a library, with names of files that archives find hard."""
    sandbox.write_chart("names", library=True)
    sandbox.write("charts/names/templates/_names.tpl", NAMES)
    sandbox.write_chart("shop", VERSION, more=NEEDS)
    sandbox.write("charts/shop/templates/configmap.yaml", TEMPLATE)
    for path, text in FILES.items():
        sandbox.write(f"charts/shop/{path}", text)
    sandbox.commit("Add shop")
    sandbox.push()


def helm(*words: str | Path) -> str:
    """Run the real Helm."""
    command = [sys.executable, helm_sdk.__file__, *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered_source(sandbox: Sandbox, copy: Path) -> Mapping[str, str]:
    """Return what Helm renders of the source, its dependencies brought in by Helm."""
    shutil.copytree(sandbox.path / "charts", copy)
    helm("build", copy / "shop")
    manifests: Mapping[str, str] = json.loads(helm("render", copy / "shop"))
    return manifests


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as any web server does."""
    port = free_port()
    words = ["-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def pull_from_registry(sandbox: Sandbox, target: Path) -> None:
    helm("pull", f"oci://{sandbox.registry}/shop", VERSION, target)


def pull_from_bucket(sandbox: Sandbox, target: Path) -> None:
    s3 = sandbox.s3()
    for each in s3.list_objects_v2(Bucket=sandbox.bucket)["Contents"]:
        s3.put_object_acl(Bucket=sandbox.bucket, Key=each["Key"], ACL="public-read")
    helm("pull", "shop", VERSION, target, f"{sandbox.endpoint}/{sandbox.bucket}/helm")


def pull_from_folder(sandbox: Sandbox, target: Path) -> None:
    with served(sandbox.path / "backup") as url:
        helm("pull", "shop", VERSION, target, url)


@pytest.mark.parametrize("pull", [pull_from_registry, pull_from_bucket, pull_from_folder])
def test_renders_what_helm_pulls_as_from_the_source(
    platform: Sandbox, tmp_path: Path, pull: Callable[[Sandbox, Path], None]
) -> None:
    write_charts(platform)
    source = rendered_source(platform, tmp_path / "copy")
    if pull is pull_from_folder:
        platform.environ["KARGO_RELEASE_BACKUP"] = "backup"
    released = platform.run("release-chart", "names", "shop", "--json")
    target = tmp_path / "pulled"
    target.mkdir()

    pull(platform, target)

    assert released.exit_code == 0, released.err
    [archive] = target.iterdir()
    shop = next(each for each in released.document["charts"] if each["name"] == "shop")
    assert sha256(archive.read_bytes()).hexdigest() == shop["archive"]["sha256"]
    assert json.loads(helm("render", archive)) == source
    assert all(text.strip() in source["shop/templates/configmap.yaml"] for text in FILES.values())
