"""The recipes of a repository's images, which may stand upon each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kargo_release.docker.names import full_name
from kargo_release.errors import InvalidError
from kargo_release.images.dockerfile import SCRATCH, Dockerfile, Reference, Stage, parse_reference
from kargo_release.images.dockerfile_parser import parse_dockerfile
from kargo_release.images.image import Image
from kargo_release.images.image_names import apps_by_name
from kargo_release.images.lint.recipe import OWN_BASES_LIMIT, Fetched, Recipe, base_of
from kargo_release.images.lint.slim_bases import official_name
from kargo_release.images.lint.steps import NOTHING, Surroundings, Walk


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
            self._recipes[app] = self._made(self._sources[app], (*above, app))
        return self._recipes[app]

    def _made(self, source: Source, above: tuple[str, ...]) -> Recipe:
        image = source.image
        dockerfile = parse_dockerfile(source.data, source.file, image.arguments)
        target = dockerfile.target(image.target)
        parents = {each.index: self._parent(base_of(each), above) for each in dockerfile.stages}
        walk = Walk(dockerfile, image.arguments, lambda stage: _begin(stage, parents[stage.index]))
        return Recipe(
            app=image.app,
            dockerfile=dockerfile,
            target=target,
            arguments=image.arguments,
            steps=walk.steps(),
            end=walk.ends[target.index],
            fetched=tuple(self._fetched(dockerfile)),
            parent=parents[dockerfile.lineage(target)[0].index],
        )

    def _fetched(self, dockerfile: Dockerfile) -> Iterator[Fetched]:
        for stage in dockerfile.stages:
            copied = dockerfile.copied_images(stage)
            found = [(place, parse_reference(name)) for place, name in copied]
            for place, image in [(stage.start, base_of(stage)), *found]:
                if image is not None:
                    yield Fetched(place, image, is_own=self._app(image) is not None)

    def _app(self, base: Reference | None) -> str | None:
        """Return the image of this repository that a base is."""
        if base is None:
            return None
        name = full_name(base.name)
        return self._apps.get(name) or self._apps.get(f"{name}:{base.tag}")

    def _parent(self, base: Reference | None, above: tuple[str, ...]) -> Recipe | None:
        """Return the recipe of a base that is an image of this repository, and can be read."""
        app = self._app(base)
        if app is None or app in above or len(above) > OWN_BASES_LIMIT:  # a circle, or as good
            return None
        try:
            return self._recipe(app, above)
        except InvalidError:
            return None  # told where it stands: at the Dockerfile of that image


def _begin(stage: Stage, parent: Recipe | None) -> Surroundings:
    """Return what a stage finds that begins with an image; ARGs end with an image."""
    if parent is not None:
        return replace(parent.end, arguments={})
    base = base_of(stage)
    is_scratch = stage.base.is_sure and stage.base.text == SCRATCH
    # Docker's official images set no variable that another Dockerfile uses.
    is_known = is_scratch or bool(base and official_name(base))
    return replace(NOTHING, is_known=is_known)
