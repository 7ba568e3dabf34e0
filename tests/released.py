"""What is out of a release, as any reader of the destinations finds it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import requests
from sandbox import Sandbox

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def archives_in_registry(sandbox: Sandbox, name: str) -> dict[str, str]:
    """Return the sha256 of the archive of each version of a chart that the registry holds."""
    tags = _registry(sandbox, name, "tags/list").json().get("tags") or ()
    held = {tag: manifest(sandbox, name, tag) for tag in tags}
    # A registry lists a tag a moment before it has its manifest.
    return {tag: _layer(document) for tag, document in held.items() if "layers" in document}


def manifest(sandbox: Sandbox, name: str, tag: str) -> Mapping[str, Any]:
    """Return a manifest as the registry holds it."""
    document: Mapping[str, Any] = _registry(sandbox, name, f"manifests/{tag}").json()
    return document


def manifest_digest(sandbox: Sandbox, name: str, tag: str) -> str:
    """Return the sha256 of a manifest's bytes, in hexadecimal."""
    return hashlib.sha256(_registry(sandbox, name, f"manifests/{tag}").content).hexdigest()


def _layer(document: Mapping[str, Any]) -> str:
    digest: str = document["layers"][0]["digest"]
    return digest.removeprefix("sha256:")


def _registry(sandbox: Sandbox, name: str, what: str) -> requests.Response:
    host, _, path = sandbox.registry.partition("/")
    url = f"http://{host}/v2/{path}/{name}/{what}"
    return requests.get(url, headers={"Accept": _MANIFEST}, timeout=30)


def archives_in_bucket(sandbox: Sandbox) -> dict[str, str]:
    """Return the sha256 of every archive in the bucket by its file name."""
    listing = sandbox.s3().list_objects_v2(Bucket=sandbox.bucket)
    keys = [each["Key"] for each in listing.get("Contents", ())]
    return {
        key.removeprefix("helm/"): hashlib.sha256(_object(sandbox, key)).hexdigest()
        for key in keys
        if key.endswith(".tgz")
    }


def index(sandbox: Sandbox) -> Mapping[str, list[Mapping[str, Any]]]:
    """Return the entries of the index in the bucket."""
    entries: Mapping[str, list[Mapping[str, Any]]]
    entries = json.loads(_object(sandbox, "helm/index.yaml"))["entries"]
    return entries


def _object(sandbox: Sandbox, key: str) -> bytes:
    body: bytes = sandbox.s3().get_object(Bucket=sandbox.bucket, Key=key)["Body"].read()
    return body


def tagged_commits(sandbox: Sandbox) -> dict[str, str]:
    """Return the commit that each tag of the remote stands for."""
    form = "--format=%(refname:strip=2) %(*objectname)"
    lines = sandbox.remote_git("for-each-ref", form, "refs/tags").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def claims(sandbox: Sandbox) -> list[str]:
    """Return the claims on the remote."""
    return [ref for ref in sandbox.remote_refs() if ref.startswith("refs/kargo-release/")]


def check_released(sandbox: Sandbox, commit: str, archives: Mapping[str, str]) -> None:
    """Fail unless exactly these archives of version 1.0.0 are out, once each, at the commit.

    ``archives`` gives the sha256 of each chart's archive.
    """
    for name, sha256 in archives.items():
        assert archives_in_registry(sandbox, name) == {"1.0.0": sha256}
    assert archives_in_bucket(sandbox) == {f"{n}-1.0.0.tgz": sha for n, sha in archives.items()}
    listed = {
        name: [(each["version"], each["digest"]) for each in versions]
        for name, versions in index(sandbox).items()
    }
    assert listed == {name: [("1.0.0", sha256)] for name, sha256 in archives.items()}
    assert tagged_commits(sandbox) == {f"{name}-1.0.0": commit for name in archives}
    assert claims(sandbox) == []
