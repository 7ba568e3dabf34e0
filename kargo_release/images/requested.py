"""What is to be built because commits ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kargo_release.errors import InvalidError, excerpt
from kargo_release.git.repository import Repository, short
from kargo_release.images.commits import Message, Source, messages
from kargo_release.images.image import Image, Images
from kargo_release.images.recipes import Recipes, Wanted
from kargo_release.images.trigger import Found, Request, requests_in

# GitHub Actions makes no more jobs of one matrix (its documentation, "Actions limits").
_MOST = 256
_DIGITS = 16  # of a digest: enough to tell jobs apart


@dataclass(frozen=True)
class Build:
    """An image to build; ``append`` is None for its default, ``tag`` the one that it gets."""

    image: Image
    append: str | None
    tag: str

    @property
    def wanted(self) -> Wanted:
        """The image under its tag."""
        return Wanted(self.image, self.tag)

    @property
    def marker(self) -> str:
        """What a message says to ask for it."""
        words = filter(None, ("build", self.image.app, self.append))
        return f"[{' '.join(words)}]"


@dataclass(frozen=True)
class Requested:
    """What to build, in the order of the requests, and what was passed over."""

    builds: tuple[Build, ...]
    warnings: tuple[str, ...]

    def outputs(self, recipes: Recipes) -> dict[str, Any]:
        """Return the contract's outputs for GitHub Actions.

        Of ``jobs`` a matrix is made: images of which one is another's base, or that have a base of
        this repository in common, are built in one, for jobs do not wait for each other. Their
        ``group`` is the same for the same images.
        """
        images = [
            {"app": build.image.app, "append": build.append or "", "tag": build.tag}
            for build in self.builds
        ]
        return {"images": images, "has_images": bool(images), "jobs": self._jobs(recipes)}

    def _jobs(self, recipes: Recipes) -> list[dict[str, str]]:
        markers = {build.wanted.title: build.marker for build in self.builds}
        groups = recipes.together([build.wanted for build in self.builds])
        titles = [[each.title for each in group] for group in groups]
        return [
            {
                "name": excerpt(", ".join(each)),
                "message": " ".join(markers[one] for one in each),
                "group": sha256("\n".join(sorted(each)).encode()).hexdigest()[:_DIGITS],
            }
            for each in titles
        ]


def requested(repository: Repository, images: Images, source: Source) -> Requested:
    """Return what the messages of a source ask for; the same tag of an image is built once.

    Args:
        repository: Holds the commits.
        images: The images of ``source.revision``.
        source: Which messages are read.

    Raises:
        InvalidError: A commit is not there, or what is asked for is: an app, or a possible tag.
        KargoError: An image that is asked for can't be read.
    """
    warnings: dict[str, None] = {}
    builds: dict[tuple[str, str], Build] = {}
    for message in messages(repository, source):
        found = requests_in(message.text, images)
        warnings.update((f"{_where(message)}{each}", None) for each in found.warnings)
        _check(message, found)
        for build in _builds(message, found.requests, images):
            builds.setdefault((build.image.app, build.tag), build)
    if len(builds) > _MOST:
        raise InvalidError(
            f"{len(builds):,} builds are asked for, over the limit of {_MOST}",
            "Ask for fewer, or build them with `build-image --all`.",
        )
    return Requested(tuple(builds.values()), tuple(warnings))


def _check(message: Message, found: Found) -> None:
    if found.errors:
        first, *more = found.errors
        others = f" (and {len(more)} more such)" if more else ""
        raise InvalidError(f"{_where(message)}{first.message}{others}", first.remedy)


def _builds(message: Message, requests: tuple[Request, ...], images: Images) -> Iterator[Build]:
    for request in requests:
        [image] = images.named([request.app])
        try:
            yield Build(image, request.append, image.tag(request.append))
        except InvalidError as error:
            raise InvalidError(f"{_where(message)}{error.message}", error.remedy) from None


def _where(message: Message) -> str:
    return f"commit {short(message.commit)}: " if message.commit else ""
