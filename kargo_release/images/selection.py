"""From what is asked for to what is to be built: contexts, bases and inputs looked up."""

from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from hashlib import sha256

from kargo_release.errors import InvalidError, KargoError
from kargo_release.images.bases import Bases, base_name, names_of
from kargo_release.images.context import Context, read_context
from kargo_release.images.desired import CACHE_TAG, ImageBuild, Origin
from kargo_release.images.git_commit import pinned
from kargo_release.images.git_context import GitContext
from kargo_release.images.guards import changed_of
from kargo_release.images.image import Image
from kargo_release.images.image_file import DOCKERFILE
from kargo_release.images.inputs import Inputs
from kargo_release.images.order import held_back, sorted_by_base
from kargo_release.images.project import Project
from kargo_release.images.recipes import Recipe, Recipes, Wanted
from kargo_release.images.source import Source
from kargo_release.plan import each


class Selection:
    """Makes the builds of what is wanted, bases first.

    Args:
        project: Where the images are.
        source: What they are built from.
        bases: Looks up what the Dockerfiles begin with.
        platform: The builder's own, for images that name none.
    """

    def __init__(self, project: Project, source: Source, bases: Bases, platform: str) -> None:
        self._project = project
        self._source = source
        self._tree = source.tree
        self._bases = bases
        self._platform = platform
        self._recipes = Recipes(project, source, platform)
        self._references: dict[str, str] = {}
        self._pinned: dict[GitContext, GitContext] = {}
        self._unreachable: dict[str | GitContext, KargoError] = {}

    def builds(self, wanted: Sequence[Wanted]) -> list[ImageBuild]:
        """Return the builds in the order in which they can be made.

        Images of this repository that are begun with are among them, asked for or not: what the
        engine has under their names may be of another commit, or of none.

        What can't be had from elsewhere, a base or the repository of a Git context, is the fault of
        the builds that need it, and of those that are based on them.

        Raises:
            InvalidError: A Dockerfile or a context can't be read, or images are based on each
                other in a circle.
        """
        by_title, recipes = self._recipes.with_bases(wanted)
        meant = self._recipes.meant(by_title.values())
        own = {title: _own_bases(by_title[title], each, meant) for title, each in recipes.items()}
        called = {name for names in own.values() for name in names}
        _check_apart(self._project, [*by_title.values()], self._source.readable)
        ordered = sorted_by_base({each: [*names.values()] for each, names in own.items()})
        self._look_up(by_title.values(), recipes.values(), called)
        builds: dict[str, ImageBuild] = {}
        for title in ordered:
            build = self._build(by_title[title], recipes[title], own[title], called)
            builds[title] = _held_back(build, builds)
        return [*builds.values()]

    def _look_up(
        self, wanted: Iterable[Wanted], recipes: Iterable[Recipe], own: Container[str]
    ) -> None:
        """Ask for what is elsewhere, side by side: bases, and the commits of Git contexts."""
        named = {text: base_name(text) for recipe in recipes for text in recipe.bases}
        self._bases.look_up(text for text, name in named.items() if name and name.tagged not in own)
        found = (one.image.context for one in wanted)
        contexts = {context for context in found if isinstance(context, GitContext)}
        repository, jobs = self._project.repository, self._project.settings.jobs
        answers = each(partial(pinned, repository), [*contexts], jobs)
        for context, answer in zip(contexts, answers, strict=True):
            if isinstance(answer, KargoError):
                self._unreachable[context] = answer
            else:
                self._pinned[context] = answer

    def _build(
        self, wanted: Wanted, recipe: Recipe, own: Mapping[str, str], called: Set[str]
    ) -> ImageBuild:
        image = wanted.image
        context = self._context(image)
        inputs = self._inputs(image, recipe, context)
        reference = self._project.reference(image.repository, wanted.tag)
        self._references[wanted.title] = reference
        names = names_of(image, wanted.tag, self._project.prefix)
        self._bases.own.update(dict.fromkeys(names, inputs.digest))
        return ImageBuild(
            image=image,
            tag=wanted.tag,
            reference=reference,
            origin=self._origin(image),
            inputs=inputs,
            context=context,
            dockerfile=recipe.data,
            root=recipe.root,
            own_bases=tuple(dict.fromkeys(own.values())),
            own_references={name: self._references[title] for name, title in own.items()},
            names=(reference, *sorted(names & called - {reference})),
            bases=recipe.bases,
            demand=recipe.demand,
            fault=self._unreachable.get(image.context) or self._bases.fault(recipe.bases),
        )

    def _inputs(self, image: Image, recipe: Recipe, context: Context | GitContext) -> Inputs:
        return Inputs(
            context=context.digest if isinstance(context, Context) else str(context),
            dockerfile=sha256(recipe.data).hexdigest(),
            arguments=dict(image.arguments),
            target=image.target or "",
            platforms=image.platforms or (self._platform,),
            bases=self._bases.digests(recipe.bases),
            version=image.version,
        )

    def _origin(self, image: Image) -> Origin:
        is_changed = bool(changed_of(image, self._source.changed))
        return replace(self._source.origin, is_changed=is_changed)

    def _context(self, image: Image) -> Context | GitContext:
        """Return what the builder sees; another repository's commit where that could be told."""
        if isinstance(image.context, GitContext):
            return self._pinned.get(image.context, image.context)
        return read_context(self._tree, image.context, f"{image.folder}/{DOCKERFILE}")


def _check_apart(project: Project, wanted: Sequence[Wanted], images: Iterable[Image]) -> None:
    """Raise InvalidError where one would have the name of another image, asked for or not.

    That of the cache is nobody's, too.
    """
    known = {
        project.reference(image.repository, image.tag(None)): Wanted(image, image.tag(None))
        for image in images
        if image.app not in {one.image.app for one in wanted}
    }
    for one in wanted:
        reference = project.reference(one.image.repository, one.tag)
        if reference in known:
            raise InvalidError(
                f"{known[reference].title} and {one.title} would both be {reference}",
                "Give one of them another `repository` or `tag`.",
            )
        if one.tag == CACHE_TAG:
            raise InvalidError(f"{reference} is the name of the cache", "Append something else.")
        known[reference] = one


def _held_back(build: ImageBuild, before: Mapping[str, ImageBuild]) -> ImageBuild:
    """Return the build, at fault where one that it is based on is."""
    failed = [title for title in build.own_bases if before[title].fault]
    return replace(build, fault=held_back(build.title, failed)) if failed else build


def _own_bases(wanted: Wanted, recipe: Recipe, meant: Mapping[str, Wanted]) -> dict[str, str]:
    """Return the titles of the images that a Dockerfile means, by their whole names.

    What bears the image's own name is what somebody else made of it, such as the upstream.
    """
    found = {name: meant[name] for name in recipe.names if name in meant}
    return {name: one.title for name, one in found.items() if one.image.app != wanted.image.app}
