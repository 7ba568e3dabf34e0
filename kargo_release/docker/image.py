"""What the engine says of an image, of its files and of a container that ended."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LocalImage:
    """An image in the engine.

    Args:
        id: ``sha256:…`` of its configuration, or of its manifest, as the engine keeps images.
        repo_digests: ``host/repository@sha256:…`` of each place it was pulled from or pushed to.
        labels: Its labels.
        user: The ``USER`` in effect, a name or a number, perhaps with a group; empty for root.
        ports: Exposed ports such as ``8080/tcp``.
        entrypoint: The entry point, word by word.
        command: What is run, or what the entry point gets.
        environment: ``NAME=value`` of each variable.
        working_directory: Where it starts; empty for ``/``.
        platform: Such as ``linux/amd64`` or ``linux/arm64/v8``.
        size: Bytes of all layers, unpacked.
    """

    id: str
    repo_digests: tuple[str, ...]
    labels: Mapping[str, str]
    user: str
    ports: tuple[str, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[str, ...]
    working_directory: str
    platform: str
    size: int


@dataclass(frozen=True)
class ImageFile:
    """A file, folder or link in an image.

    Args:
        path: From the root, without a slash in front: ``usr/bin/su``.
        mode: Kind and permissions, as ``st_mode``.
        uid: Number of the owner.
        gid: Number of the group.
        size: Bytes.
        link: Where a symbolic or hard link leads; empty for everything else.
        content: The beginning of what it holds, where that was asked for; else empty.
    """

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str
    content: bytes = b""

    @property
    def set_ids(self) -> int:
        """The bits by which a file runs as its owner or its group, whoever starts it; or 0."""
        return self.mode & (stat.S_ISUID | stat.S_ISGID) if stat.S_ISREG(self.mode) else 0


@dataclass(frozen=True)
class Ended:
    """How a container ended.

    Args:
        exit_code: Its exit code; None when it was killed at the end of its time.
        output: The end of what it wrote, both streams.
        out_of_memory: Whether the kernel killed it at its memory limit.
    """

    exit_code: int | None
    output: str
    out_of_memory: bool = False
