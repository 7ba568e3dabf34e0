"""Images as an engine may describe them, for checks that need no engine."""

import stat

from kargo_release.docker.image import ImageFile, LocalImage
from kargo_release.git.repository import Commit
from kargo_release.images.desired import ImageBuild, Origin
from kargo_release.images.git_context import GitContext
from kargo_release.images.image import Image
from kargo_release.images.image_files import ImageFiles
from kargo_release.images.inputs import Inputs

SOURCE = "https://example.com/k.git"
COMMIT = Commit("a" * 40, 1_700_000_000)
PASSWD = "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"
GROUP = "root:x:0:\nnode:x:1000:\nweb:x:33:node,other\n"


def image(*, size_limit: int | None = None, version: str = "1.0") -> Image:
    return Image(
        app="kano", folder="images/kano", version=version, repository="kano", append="latest",
        tag_template="{version}-{append}", arguments={}, context="images/kano", target=None,
        platforms=(), size_limit=size_limit, smoke=(),
    )  # fmt: skip


def build(
    *, size_limit: int | None = None, source: str = "https://example.com/k.git"
) -> ImageBuild:
    inputs = Inputs(
        context="c", dockerfile="d", arguments={}, target="", platforms=("linux/amd64",),
        bases={}, version="1.0",
    )  # fmt: skip
    return ImageBuild(
        image=image(size_limit=size_limit), tag="1.0-latest", reference="kano:1.0-latest",
        origin=Origin(source, COMMIT), inputs=inputs,
        context=GitContext("https://example.com/k.git", "b" * 40), dockerfile=b"FROM scratch\n",
        root="", own_bases=(), own_references={}, names=("kano:1.0-latest",), bases=(),
    )  # fmt: skip


def local_image(**changes: object) -> LocalImage:
    values: dict[str, object] = {
        "id": "sha256:1", "repo_digests": (), "labels": build().labels, "user": "node",
        "ports": ("8080/tcp",), "entrypoint": (), "command": ("serve",),
        "environment": ("PATH=/usr/bin:/opt/bin",), "working_directory": "/srv",
        "platform": "linux/amd64", "size": 1000,
    }  # fmt: skip
    return LocalImage(**{**values, **changes})  # type: ignore[arg-type]  # by their names


def file(path: str, mode: int = 0o755, *, uid: int = 0, gid: int = 0, text: str = "") -> ImageFile:
    return ImageFile(path, stat.S_IFREG | mode, uid, gid, 1, "", text.encode())


def folder(path: str, mode: int = 0o755) -> ImageFile:
    return ImageFile(path, stat.S_IFDIR | mode, 0, 0, 0, "")


def link(path: str, target: str) -> ImageFile:
    return ImageFile(path, stat.S_IFLNK | 0o777, 0, 0, 0, target)


def files(*held: ImageFile, passwd: str = PASSWD, group: str = GROUP) -> ImageFiles:
    known = file("etc/passwd", text=passwd), file("etc/group", text=group)
    return ImageFiles({each.path: each for each in (*known, *held)})
