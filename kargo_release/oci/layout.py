"""A folder as a store of artifacts: one OCI image layout for each repository.

Format: OCI image specification 1.1, ``image-layout.md``.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.oci.access import Access
from kargo_release.oci.artifact import Artifact, Content, Manifest, descriptor, encode, file_blob
from kargo_release.oci.manifest import LONGEST, is_descriptor, read_manifest
from kargo_release.oci.names import (
    check_digest,
    check_repository,
    check_tag,
    check_tag_or_digest,
    is_digest,
)

REF_NAME = "org.opencontainers.image.ref.name"

_LAYOUT = encode({"imageLayoutVersion": "1.0.0"})
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_LONGEST_INDEX = 16 << 20
_UNFINISHED = ".unfinished"
_DAMAGED = "The layout is damaged: put it back from a copy, or remove it and release again."
_LOCK = ".lock"
_LOCK_SECONDS = 60.0


class Layouts:
    """A store of OCI image layouts, one folder for each repository, the tags as ref names.

    A process that is killed leaves valid layouts: files appear whole, the blobs before the index
    that names them. Of several writers one works at a time. What no tag names stays behind.

    Args:
        folder: Where the layouts are; made when something is stored.
        called: How references name the folder; by its path when empty.
    """

    def __init__(self, folder: Path, called: str = "") -> None:
        self._folder = folder
        self._called = called or str(folder)

    def reference(self, repository: str, tag: str) -> str:
        """Return how a person names the artifact: ``.kargo/registry/kano:1.4.0``."""
        name = self._layout(repository).name
        return f"{self._called}/{name}{'@' if is_digest(tag) else ':'}{tag}"

    def manifest(self, repository: str, tag: str) -> Manifest | None:
        """Return the manifest that ``tag`` (or a digest) names, or None when there is none.

        Raises:
            InvalidError: The layout is damaged.
        """
        layout = self._layout(repository)
        found = _find(_entries(layout), check_tag_or_digest(tag))
        if found is None:
            return None
        path = _blob_path(layout, found)
        return read_manifest(_verified(path, found, LONGEST), str(path))

    def blob(self, repository: str, digest: str, limit: int) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest checked.

        Raises:
            InvalidError: It is missing, longer, or its bytes are others.
        """
        digest = check_digest(digest)
        return _verified(_blob_path(self._layout(repository), digest), digest, limit)

    def push(self, repository: str, tag: str, artifact: Artifact, *, replace: bool) -> str:
        """Store the artifact under ``tag`` and return its manifest's digest.

        Raises:
            RefusedError: The tag names something else and ``replace`` is false.
            InvalidError: The layout is damaged; it is left as it is.
            FailedError: The disk is full, another writer does not come to an end, or a file that
                is stored changed meanwhile.
        """
        layout = self._layout(repository)
        digest = artifact.manifest.digest
        with _writing(layout):
            entries = _entries(layout)
            held = _find(entries, check_tag(tag))
            if held and held != digest and not replace:
                raise RefusedError(
                    f"{self.reference(repository, tag)} is already out with other content ({held})",
                    "Give it a new version.",
                )
            for blob in (artifact.config, *artifact.layers, artifact.manifest):
                _store(layout, blob)
            if held != digest:
                index = _index([*_others(entries, tag), _named(tag, artifact)])
                _write(layout, layout / "index.json", [index])
        return digest

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags; empty when there is no such repository."""
        names = (_ref_name(entry) for entry in _entries(self._layout(repository)))
        return [name for name in names if name]

    def access(self, repository: str) -> Access:
        """Return whether the layout's folder may be read and written, or made; nothing is made.

        Raises:
            InvalidError: The layout is damaged.
        """
        self.tags(repository)
        layout = self._layout(repository)
        nearest = next(each for each in (layout, *layout.absolute().parents) if each.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            return Access(pull=None, push=None)
        remedy = "Correct its rights, or set another registry."
        return Access(pull=None, push=RefusedError(f"{nearest} cannot be written to", remedy))

    def _layout(self, repository: str) -> Path:
        # A layout within a layout would mix their files.
        if "/" in repository:
            raise InvalidError(f"{repository[:80]!r} is not the name of one repository")
        return self._folder / check_repository(repository)


@contextmanager
def _writing(layout: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with FileLock(layout / _LOCK, timeout=_LOCK_SECONDS):
            _begin(layout)
            yield
    except Timeout:
        raise FailedError(
            f"another process has been writing to {layout} for {_LOCK_SECONDS:g} s",
            "Wait for it to end, then run the command again.",
        ) from None
    except OSError as error:
        raise FailedError(
            f"{layout} cannot be written to: {error.strerror}",
            "Make room or correct the rights, then run the command again.",
        ) from error


def _begin(layout: Path) -> None:
    # oci-layout comes last: with it the folder is a layout.
    if not (layout / "oci-layout").exists():
        if not (layout / "index.json").exists():
            _write(layout, layout / "index.json", [_index([])])
        _write(layout, layout / "oci-layout", [_LAYOUT])


def _index(entries: list[Mapping[str, Any]]) -> bytes:
    return encode({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": entries})


def _named(tag: str, artifact: Artifact) -> Mapping[str, Any]:
    return {**descriptor(artifact.manifest), "annotations": {REF_NAME: tag}}


def _others(entries: list[dict[str, Any]], tag: str) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if _ref_name(entry) != tag]


def _ref_name(entry: Mapping[str, Any]) -> str:
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else ""


def _find(entries: list[dict[str, Any]], name: str) -> str | None:
    """Return the digest of the manifest that bears ``name``, its tag or digest."""
    for entry in entries:
        if name in {_ref_name(entry), entry["digest"]}:
            digest: str = entry["digest"]
            return digest
    return None


def _entries(layout: Path) -> list[dict[str, Any]]:
    if not (layout / "oci-layout").exists():
        return []
    path = layout / "index.json"
    try:
        entries = json.loads(_read(path, _LONGEST_INDEX))["manifests"]
    except (ValueError, TypeError, KeyError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(is_descriptor(entry) for entry in entries):
        raise InvalidError(f"{path} is not the index of an OCI layout", _DAMAGED)
    return entries


def _verified(path: Path, digest: str, limit: int) -> bytes:
    data = _read(path, limit)
    if f"sha256:{sha256(data).hexdigest()}" != digest:
        raise InvalidError(f"{path} does not hold the bytes of its name", _DAMAGED)
    return data


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}", _DAMAGED) from None
    if len(data) > limit:
        raise InvalidError(f"{path} is longer than {limit} bytes", _DAMAGED)
    return data


def _blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _store(layout: Path, blob: Content) -> None:
    path = _blob_path(layout, blob.digest)
    try:
        is_there = file_blob(blob.media_type, path).digest == blob.digest
    except InvalidError:
        is_there = False
    if not is_there:
        _write(layout, path, _checked(blob))


def _checked(blob: Content) -> Iterator[bytes]:
    """Yield the blob's bytes; at their end it is known whether they are those of its digest."""
    seen = sha256()
    for piece in blob.pieces():
        seen.update(piece)
        yield piece
    if f"sha256:{seen.hexdigest()}" != blob.digest:
        raise FailedError(f"the file of {blob.digest} changed while it was read", "Run it again.")


def _write(layout: Path, path: Path, pieces: Iterable[bytes]) -> None:
    """Put the whole file in place at once; its first name is free, for one writes at a time."""
    unfinished = layout / _UNFINISHED
    with unfinished.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
