"""A registry and a bucket in memory, of which each request is a call that an actor stops at."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from kargo_release.bucket.store import Listed, LostRaceError, Stored
from kargo_release.errors import FailedError, RefusedError
from kargo_release.oci.artifact import Artifact, Manifest

from .gates import Actor, Value


@cache
def content_of(tgz: bytes) -> str:
    """Return what tells a chart's content, its own version left out, worked out by other means."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(tgz))) as tar:
        files = {each.name: _read(tar, each) for each in tar}
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return b"".join(line for line in file if not line.startswith(b"version: "))


@dataclass
class RegistryState:
    """What a registry holds: artifacts by repository and tag."""

    tags: dict[tuple[str, str], Artifact] = field(default_factory=dict)

    def contents(self) -> dict[tuple[str, str], str]:
        """Return the content of each chart's version."""
        return {
            key: content_of(b"".join(each.layers[0].pieces())) for key, each in self.tags.items()
        }


@dataclass
class RegistryDouble:
    """What a release asks of a ``Store``, as a registry is one: looks and writes are apart."""

    state: RegistryState
    actor: Actor[Any]

    def reference(self, repository: str, tag: str) -> str:
        return f"registry.example.com/charts/{repository}:{tag}"

    def manifest(self, repository: str, tag: str) -> Manifest | None:
        artifact = self._held(f"read of manifest {repository}:{tag}", repository, tag)
        if artifact is None:
            return None
        return Manifest(artifact.manifest.digest, json.loads(artifact.manifest.data))

    def blob(self, repository: str, digest: str, limit: int) -> bytes:
        data = self._call(f"read of blob {digest}", lambda: self._layer(repository, digest))
        assert len(data) <= limit
        return data

    def push(self, repository: str, tag: str, artifact: Artifact, *, replace: bool) -> str:
        digest = artifact.manifest.digest
        held = None if replace else self._held(f"look at {repository}:{tag}", repository, tag)
        if held is None:
            write = f"write of {repository}:{tag}"
            self._call(write, lambda: self.state.tags.update({(repository, tag): artifact}))
        elif held.manifest.digest != digest:
            raise RefusedError(f"{self.reference(repository, tag)} is already out", "Raise it.")
        return digest

    def tags(self, repository: str) -> list[str]:
        held = (tag for name, tag in self.state.tags if name == repository)
        return self._call(f"list of {repository}", lambda: sorted(held))

    def _held(self, what: str, repository: str, tag: str) -> Artifact | None:
        return self._call(what, lambda: self.state.tags.get((repository, tag)))

    def _layer(self, repository: str, digest: str) -> bytes:
        held = (each for (name, _), each in self.state.tags.items() if name == repository)
        layers = (layer for each in held for layer in each.layers)
        return next(b"".join(layer.pieces()) for layer in layers if layer.digest == digest)

    def _call(self, what: str, effect: Callable[[], Value]) -> Value:
        failure = FailedError("registry.example.com does not answer", "Run it again.")
        return self.actor.call(f"registry: {what}", effect, lambda: failure)


@dataclass
class BucketState:
    """What a bucket holds: bytes and metadata by key."""

    objects: dict[str, tuple[bytes, Stored]] = field(default_factory=dict)

    def contents(self) -> dict[str, str]:
        """Return the content of each archive by its key."""
        archives = {key: data for key, (data, _) in self.objects.items() if key.endswith(".tgz")}
        return {key: content_of(data) for key, data in archives.items()}

    def digests(self) -> dict[str, str]:
        """Return the sha256 of each archive by its key."""
        archives = {key: data for key, (data, _) in self.objects.items() if key.endswith(".tgz")}
        return {key: hashlib.sha256(data).hexdigest() for key, data in archives.items()}

    def listed(self) -> list[tuple[str, str]]:
        """Return the file and the digest of each version in the index."""
        data, _ = self.objects.get("index.yaml", (b'{"entries": {}}', None))
        charts = json.loads(data)["entries"].values()
        return [(each["urls"][0], each["digest"]) for versions in charts for each in versions]


@dataclass
class BucketDouble:
    """What a release asks of an ``ObjectStore``, as S3 is one; without metadata, as a folder."""

    state: BucketState
    actor: Actor[Any]
    keeps_metadata: bool

    @property
    def address(self) -> str:
        return "s3://bucket/charts/"

    def list(self) -> Iterator[Listed]:
        return iter(self._call("list", self._listed))

    def location(self, key: str) -> str:
        return f"s3://bucket/charts/{key}"

    def head(self, key: str) -> Stored | None:
        found = self._call(f"head of {key}", lambda: self.state.objects.get(key))
        return found and found[1]

    def get(self, key: str, limit: int) -> tuple[bytes, Stored] | None:
        found = self._call(f"read of {key}", lambda: self.state.objects.get(key))
        assert found is None or len(found[0]) <= limit
        return found

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Stored:
        assert content_type
        kept = (metadata or {}) if self.keeps_metadata else {}
        stored = Stored(f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"', kept)

        def write() -> Stored:
            held = self.state.objects.get(key)
            if (held and held[1].etag) != if_match:
                raise LostRaceError(self.location(key))
            self.state.objects[key] = (data, stored)
            return stored

        # S3's client sends a write again whose answer was lost; then it loses against itself.
        return self._call(f"write of {key}", write, lambda: LostRaceError(self.location(key)))

    def _listed(self) -> Sequence[Listed]:
        objects = sorted(self.state.objects.items())
        return [Listed(key, len(data), held.etag) for key, (data, held) in objects]

    def check_writable(self) -> None:
        self._call("probe", lambda: None)

    def _call(
        self,
        what: str,
        effect: Callable[[], Value],
        sent_twice: Callable[[], Exception] | None = None,
    ) -> Value:
        failure = FailedError("s3.example.com does not answer", "Run it again.")
        return self.actor.call(f"bucket: {what}", effect, lambda: failure, sent_twice)
