"""Where the symbolic links of a build context lead: through each other, and never out of it.

Source: path_resolution(7).
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from kargo_release.errors import InvalidError

_MOST = 40  # links one behind the other, as Linux follows
_STRAIGHT = "Let it name the file itself."


@dataclass(frozen=True)
class Link:
    """A symbolic link: its path from the repository's root, and what it holds."""

    name: str
    target: str


def check_links(links: Mapping[str, Link]) -> None:
    """Refuse links that could mean a file outside of the context, or can't mean any.

    Args:
        links: All of the context, by their paths from its top.

    Raises:
        InvalidError: One leaves the context, leads in a circle, or holds no path.
    """
    followed = _Followed(links)
    for path in links:
        followed.end(path)


@dataclass(frozen=True)
class _Followed:
    """Follows each link once, so that what is followed takes no longer than it is long."""

    links: Mapping[str, Link]
    ends: dict[str, str | None] = field(default_factory=dict)

    def end(self, path: str, before: int = 0) -> str | None:
        """Return the path that a link leads to; None for one of the image's own files."""
        if path not in self.ends:
            if before == _MOST:
                raise _wrong(self.links[path], "leads in a circle or on and on", _STRAIGHT)
            self.ends[path] = self._follow(path, before)
        return self.ends[path]

    def _follow(self, path: str, before: int) -> str | None:
        link, here = self.links[path], posixpath.dirname(path)
        parts = _parts(link)
        if link.target.startswith("/"):
            return None
        for part in parts:
            if part == ".." and not here:
                remedy = "Copy what it names, or set `context` to a folder that holds both."
                raise _wrong(link, "leaves the context", remedy)
            here = posixpath.dirname(here) if part == ".." else f"{here}/{part}".lstrip("/")
            if here in self.links:
                end = self.end(here, before + 1)
                if end is None:
                    return None
                here = end
        return here


def _parts(link: Link) -> list[str]:
    if not link.target or "\0" in link.target:  # as Git's objects may hold, but no folder
        raise _wrong(link, "is empty or has a NUL in it", "Make it anew with `ln -s`.")
    return [part for part in link.target.split("/") if part not in {"", "."}]


def _wrong(link: Link, fault: str, remedy: str) -> InvalidError:
    return InvalidError(f"{link.name} is a symbolic link that {fault}", remedy)
