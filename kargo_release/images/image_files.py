"""The files of a built image, as far as they decide who may do what in it.

Sources: passwd(5), group(5), path_resolution(7); opencontainers/runc ``libcontainer/user`` for
what USER may hold.
"""

import posixpath
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kargo_release.docker.image import ImageFile

_MOST_LINKS = 40  # as Linux follows
_MOST_USERS = 10_000
PASSWD, GROUP = "etc/passwd", "etc/group"


@dataclass(frozen=True)
class User:
    """Who a process is."""

    uid: int
    gid: int
    groups: Collection[int] = ()


@dataclass(frozen=True)
class ImageFiles:
    """The files of an image.

    Args:
        files: By path, without a slash in front; ``etc/passwd`` and ``etc/group`` with content.
    """

    files: Mapping[str, ImageFile]

    @property
    def set_ids(self) -> Mapping[str, int]:
        """The bits of plain files that are set-uid or set-gid, by their paths."""
        return {path: each.set_ids for path, each in self.files.items() if each.set_ids}

    def user(self, text: str) -> User | None:
        """Return who ``USER text`` is; None for a name that is not in the image's passwd."""
        name, _, group = text.partition(":")
        known = self._known(name or "0")
        if known is None:
            return None
        gid = self._gid(group) if group else known.gid
        groups = {
            each[1] for each in self._groups() if known.name and known.name in each[2]
        }  # of whom a group is a supplementary one
        return User(known.uid, known.gid if gid is None else gid, groups)

    def file(self, path: str) -> ImageFile | None:
        """Return the plain file at a path, links followed inside of the image."""
        resolved = self._resolved(path)
        found = self.files.get(resolved) if resolved is not None else None
        return found if found is not None and stat.S_ISREG(found.mode) else None

    def is_executable(self, path: str, user: User) -> bool:
        """Whether a user may start the file, and enter all folders above it."""
        resolved = self._resolved(path)
        file = self.file(path)
        if resolved is None or file is None:
            return False
        above = resolved
        while above := posixpath.dirname(above):
            folder = self.files.get(above)
            if folder is not None and not _may_execute(folder, user):
                return False
        return _may_execute(file, user)

    def _resolved(self, path: str) -> str | None:
        """Return the path without symbolic links; None where they lead in a circle."""
        waiting = path.split("/")[::-1]
        resolved = ""
        links = 0
        while waiting and links <= _MOST_LINKS:
            resolved, link = self._entered(resolved, waiting.pop())
            if link:
                links += 1
                waiting += link.split("/")[::-1]
        return resolved if links <= _MOST_LINKS else None

    def _entered(self, folder: str, part: str) -> tuple[str, str]:
        """Return where a part of a path leads from a folder, and the link to follow from there."""
        if part in ("", "."):
            return folder, ""
        if part == "..":
            return posixpath.dirname(folder), ""
        here = posixpath.join(folder, part)
        found = self.files.get(here)
        if found is None or not stat.S_ISLNK(found.mode):
            return here, ""
        return "" if found.link.startswith("/") else folder, found.link

    def _known(self, name: str) -> "_Account | None":
        number = int(name[:10]) if name.isascii() and name.isdecimal() else None
        for line in self._lines(PASSWD):
            if _is_number(line[_GID]) and name in (line[0], line[_UID]):
                return _Account(line[0], int(line[_UID]), int(line[_GID]))
        return None if number is None else _Account("", number, 0)

    def _gid(self, name: str) -> int | None:
        if name.isascii() and name.isdecimal():
            return int(name[:10])
        return next((gid for group, gid, _ in self._groups() if group == name), None)

    def _groups(self) -> Iterable[tuple[str, int, list[str]]]:
        for line in self._lines(GROUP):
            if len(line) > _MEMBERS:
                yield line[0], int(line[_UID]), line[_MEMBERS].split(",")

    def _lines(self, file: str) -> Iterable[list[str]]:
        found = self.files.get(file)
        text = found.content.decode(errors="replace") if found else ""
        lines = text.splitlines()[:_MOST_USERS]
        parts = (line.split(":") for line in lines)
        return (each for each in parts if len(each) > _MEMBERS and _is_number(each[_UID]))


_UID, _GID, _MEMBERS = 2, 3, 3


@dataclass(frozen=True)
class _Account:
    name: str
    uid: int
    gid: int


def _may_execute(file: ImageFile, user: User) -> bool:
    if user.uid == 0:
        return True
    if file.uid == user.uid:
        return bool(file.mode & 0o100)
    if file.gid == user.gid or file.gid in user.groups:
        return bool(file.mode & 0o010)
    return bool(file.mode & 0o001)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len("4294967295")
