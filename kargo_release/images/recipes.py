"""What the repository's Dockerfiles begin with and copy from: which of its images they need."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

from kargo_release.docker.order import Demand
from kargo_release.errors import KargoError
from kargo_release.images.bases import base_name, names_of
from kargo_release.images.context import read_dockerfile
from kargo_release.images.demands import demand_of
from kargo_release.images.dockerfile import SCRATCH, Dockerfile, platform_arguments
from kargo_release.images.dockerfile_lines import DockerfileError
from kargo_release.images.dockerfile_parser import parse_dockerfile
from kargo_release.images.image import Image
from kargo_release.images.image_file import DOCKERFILE
from kargo_release.images.project import Project
from kargo_release.images.source import Source


@dataclass(frozen=True)
class Wanted:
    """An image that is asked for, and the tag that it is to get."""

    image: Image
    tag: str

    @property
    def title(self) -> str:
        """How a person names what is built."""
        return f"{self.image.app} {self.tag}"


@dataclass(frozen=True)
class Recipe:
    """What a Dockerfile says.

    Args:
        data: Its bytes.
        bases: The images that it begins with and copies from.
        root: The first of all; empty for scratch, and where it can't be told.
        demand: What it asks of its builder.
    """

    data: bytes
    bases: tuple[str, ...]
    root: str
    demand: Demand

    @property
    def names(self) -> list[str]:
        """The whole names of the images that it names by a tag."""
        found = map(base_name, self.bases)
        return [name.tagged for name in found if name and not name.digest]


class Recipes:
    """Reads Dockerfiles.

    Args:
        project: Where the images are.
        source: What they are built from.
        platform: The builder's own, for images that name none.
    """

    def __init__(self, project: Project, source: Source, platform: str) -> None:
        self._prefix = project.prefix
        self._source = source
        self._tree = source.tree
        self._platform = platform
        self._recipes: dict[tuple[str, tuple[str, ...]], Recipe] = {}

    def with_bases(
        self, wanted: Sequence[Wanted], beside: Sequence[Wanted] = ()
    ) -> tuple[dict[str, Wanted], dict[str, Recipe]]:
        """Return what is wanted and the images under it, and their recipes, by their titles.

        Args:
            wanted: Some images.
            beside: Others that their Dockerfiles may mean, under tags that are not the default.

        Raises:
            InvalidError: A Dockerfile can't be read.
        """
        meant, known = self.meant([*beside, *wanted]), self._by_default_name
        found = {each.title: each for each in wanted}
        recipes: dict[str, Recipe] = {}
        todo = list(found.values())
        while todo:
            each = todo.pop(0)
            recipes[each.title] = recipe = self._known(each.image)
            for name in recipe.names:
                base = meant.get(name) or known.get(name)
                if base and base.image.app != each.image.app and base.title not in found:
                    base = base if name in meant else _for_platforms_of(base, each)
                    found[base.title] = base
                    todo.append(base)
        return found, recipes

    def together(self, wanted: Sequence[Wanted]) -> list[list[Wanted]]:
        """Return what is wanted in groups, such that none needs an image that another builds.

        What has a Dockerfile that can't be read stands alone.
        """
        groups: list[tuple[Set[str], list[Wanted]]] = []
        for one in wanted:
            titles, members = self._under(one, wanted), [one]
            for group in [each for each in groups if each[0] & titles]:
                groups.remove(group)
                titles, members = titles | group[0], [*group[1], *members]
            groups.append((titles, members))
        return [members for _, members in groups]

    def _under(self, one: Wanted, wanted: Sequence[Wanted]) -> Set[str]:
        """Return the titles of an image and of all of the repository under it."""
        try:
            found, _ = self.with_bases([one], wanted)
        except KargoError:
            return {one.title}
        return found.keys()

    def meant(self, wanted: Iterable[Wanted]) -> dict[str, Wanted]:
        """Return the image that each whole name means."""
        return {
            name: each for each in wanted for name in names_of(each.image, each.tag, self._prefix)
        }

    @cached_property
    def _by_default_name(self) -> dict[str, Wanted]:
        """Return every image of the repository, by the whole names that it has by default."""
        return self.meant(Wanted(image, image.tag(None)) for image in self._source.readable)

    def _known(self, image: Image) -> Recipe:
        """Return what a Dockerfile says, read once: one image may be under many."""
        key = image.app, image.platforms
        if key not in self._recipes:
            self._recipes[key] = self._recipe(image)
        return self._recipes[key]

    def _recipe(self, image: Image) -> Recipe:
        file = f"{image.folder}/{DOCKERFILE}"
        entries = {each.path: each for each in self._tree.entries(image.folder)}
        data = read_dockerfile(self._tree, entries, file)
        platforms = image.platforms or (self._platform,)
        all_of = [self._dockerfile(data, file, image, each) for each in platforms]
        bases = [base for each in all_of for base in each.bases(each.target(image.target))]
        first = all_of[0]
        root = first.lineage(first.target(image.target))[0].base
        known = root.text if root.is_sure and root.text != SCRATCH else ""
        demand = demand_of(first, image.arguments)
        return Recipe(data, tuple(dict.fromkeys(bases)), known, demand)

    def _dockerfile(self, data: bytes, file: str, image: Image, platform: str) -> Dockerfile:
        """Return what a Dockerfile says where it is built for a platform."""
        automatic = platform_arguments(platform, self._platform)
        dockerfile = parse_dockerfile(data, file, {**automatic, **image.arguments})
        for stage in dockerfile.needed(dockerfile.target(image.target)):
            if not stage.base.is_sure:
                raise DockerfileError(
                    file,
                    stage.start.line,
                    "with which image this begins can't be told",
                    "Write it without `#`, `%` or `/` behind a variable's name.",
                )
        return dockerfile


def _for_platforms_of(base: Wanted, image: Wanted) -> Wanted:
    """Return a base that nobody asked for by name, built for what is built upon it."""
    platforms = image.image.platforms
    return Wanted(replace(base.image, platforms=platforms), base.tag) if platforms else base
