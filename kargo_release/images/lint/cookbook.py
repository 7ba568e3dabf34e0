"""The recipes of a repository's images, which may stand upon each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from kargo_release.docker.names import full_name
from kargo_release.errors import InvalidError
from kargo_release.images.dockerfile import Reference
from kargo_release.images.dockerfile_parser import parse_dockerfile
from kargo_release.images.image import Image
from kargo_release.images.image_names import apps_by_name
from kargo_release.images.lint.recipe import OWN_BASES_LIMIT, Recipe, steps_of


@dataclass(frozen=True)
class Source:
    """An image and the bytes of its Dockerfile, which ``file`` names."""

    image: Image
    file: str
    data: bytes


class Cookbook:
    """Makes the recipe of each image once.

    Args:
        sources: All images of the repository, by app.
        prefix: What their names in a registry begin with, ``docker.io/kalisio/``; or empty.
    """

    def __init__(self, sources: Mapping[str, Source], prefix: str) -> None:
        self._sources = sources
        self._recipes: dict[str, Recipe] = {}
        self._apps = apps_by_name((each.image for each in sources.values()), prefix)

    def recipe(self, app: str) -> Recipe:
        """Return the recipe of an image.

        Raises:
            InvalidError: Its Dockerfile can't be read, or has no stage of the target's name.
        """
        return self._recipe(app, ())

    def _recipe(self, app: str, above: tuple[str, ...]) -> Recipe:
        if app not in self._recipes:
            image, source = self._sources[app].image, self._sources[app]
            dockerfile = parse_dockerfile(source.data, source.file, image.arguments)
            target = dockerfile.target(image.target)
            steps = steps_of(dockerfile, image.arguments)
            alone = Recipe(app, dockerfile, target, image.arguments, steps)
            parent = self._parent(alone.base, (*above, app))
            self._recipes[app] = Recipe(app, dockerfile, target, image.arguments, steps, parent)
        return self._recipes[app]

    def _parent(self, base: Reference | None, above: tuple[str, ...]) -> Recipe | None:
        """Return the recipe of a base that is an image of this repository, and can be read."""
        app = self._apps.get(full_name(base.name)) if base else None
        if app is None or app in above or len(above) > OWN_BASES_LIMIT:  # a circle, or as good
            return None
        try:
            return self._recipe(app, above)
        except InvalidError:
            return None  # told where it stands: at the Dockerfile of that image
