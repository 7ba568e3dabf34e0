"""What an image is, and the images of a repository by their apps."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kargo_release.errors import InvalidError, KargoError, nearest
from kargo_release.images.git_context import GitContext
from kargo_release.oci import names

FIELD = re.compile(r"\{(version|append)\}")  # of a tag's template
_WORD = re.compile(r"[a-z0-9._-]+")
_SHOWN = 60  # characters of a wrong name that a message repeats
_LISTED = 20  # names


@dataclass(frozen=True)
class Image:
    """An image as its folder describes it, every value checked.

    Args:
        app: The folder's name.
        folder: Its path from the repository's root.
        version: The version of what the image holds, as its upstream writes it.
        repository: The repository's path in the registry of images.
        tag_template: A tag with the fields ``{version}`` and ``{append}``.
        append: What ``{append}`` is when nothing else is asked for.
        arguments: Build arguments by name.
        context: A folder from the repository's root, ``.`` for the root, or another repository.
        target: The stage to build; None for the last.
        platforms: Such as ``linux/amd64``; none for the builder's own.
        size_limit: Bytes; None for no limit.
        smoke: The command that must succeed in the built image, word by word; empty for none.
    """

    app: str
    folder: str
    version: str
    repository: str
    tag_template: str
    append: str
    arguments: Mapping[str, str]
    context: str | GitContext
    target: str | None
    platforms: tuple[str, ...]
    size_limit: int | None
    smoke: tuple[str, ...]

    @property
    def is_pinned(self) -> bool:
        """Whether the tag stands for one upstream version, and may never get another content."""
        return "{append}" not in self.tag_template

    def tag(self, append: str | None) -> str:
        """Return the tag for what is asked to be appended; None for the image's default.

        Raises:
            InvalidError: It is no OCI tag, or the tag of this image has nothing appended.
        """
        if append is not None and self.is_pinned:
            raise InvalidError(
                f"the tag of {self.app} is `{self.tag_template}`, and takes no {append[:_SHOWN]!r}",
                f"Ask for {self.app} alone, or put {{append}} into its `tag`.",
            )
        fields = {"version": self.version, "append": self.append if append is None else append}
        try:
            names.check_tag(fields["append"])
            return names.check_tag(FIELD.sub(lambda field: fields[field[1]], self.tag_template))
        except InvalidError as error:
            raise InvalidError(f"{self.app}: {error.message}", error.remedy) from None


class Images(Mapping[str, Image | KargoError]):
    """The images of a tree by their apps, in order; the error of each that can't be read."""

    def __init__(self, found: Mapping[str, Image | KargoError]) -> None:
        self._found = dict(sorted(found.items()))

    def __getitem__(self, app: str) -> Image | KargoError:
        return self._found[app]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def named(self, apps: Iterable[str]) -> list[Image]:
        """Return the images of these apps, in this order, each once.

        Raises:
            InvalidError: One is not there; the nearest name is told.
            KargoError: One can't be read.
        """
        return [self._image(app) for app in dict.fromkeys(apps)]

    def _image(self, app: str) -> Image:
        image = self._found.get(app)
        if image is None:
            raise unknown_app(app, self)
        if isinstance(image, KargoError):
            raise image
        return image


def unknown_app(app: str, known: Iterable[str]) -> InvalidError:
    """Return the error that tells that there is no such image, and the nearest name."""
    apps = list(known)
    # `kano:prod` and `images/kano` are near to no name as a whole.
    words = [app[:_SHOWN].lower(), *_WORD.findall(app[:_SHOWN].lower())]
    near = next(filter(None, (nearest(word, apps) for word in words)), "")
    shown = app if len(app) <= _SHOWN else f"{app[:_SHOWN]}…"
    return InvalidError(
        f"there is no image {shown!r}", f"Perhaps you meant {near}." if near else _listed(apps)
    )


def _listed(apps: list[str]) -> str:
    if not apps:
        return "There is none at all: each is a folder with a Dockerfile and an image.yaml."
    more = ", …" if len(apps) > _LISTED else ""
    return f"There are: {', '.join(apps[:_LISTED])}{more}."
