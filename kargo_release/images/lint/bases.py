"""Rules on the images that stages begin with."""

from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.dockerfile import Reference, Stage
from kargo_release.images.lint.recipe import Check, Recipe, Spot, base_of
from kargo_release.images.lint.slim_bases import BUILD_BASES, SLIM_TAGS, is_small, official_name

NO_TAG = Rule(
    "KR010",
    Severity.ERROR,
    "the base has no tag",
    "Docker then takes latest, which is another image tomorrow.",
    "Write the tag of a version: debian:bookworm-slim.",
)
LATEST = Rule(
    "KR011",
    Severity.ERROR,
    "the base has the tag latest",
    "It is another image tomorrow: what was built can't be built again.",
    "Write the tag of a version: debian:bookworm-slim.",
)
NOT_SLIM = Rule(
    "KR012",
    Severity.WARNING,
    "the base is not slim, and there is a slim one",
    "The full variant brings compilers and headers: several hundred megabytes more to pull, and "
    "more that can be attacked.",
    "Take the slim variant, and install what is missing.",
)


def _no_tag(recipe: Recipe) -> Iterator[Spot]:
    for stage, base in _outer_bases(recipe):
        if not base.tag and not base.digest:
            yield Spot(stage.start, f"the base {base.name} has no tag")


def _latest(recipe: Recipe) -> Iterator[Spot]:
    for stage, base in _outer_bases(recipe):
        if base.tag == "latest" and not base.digest and stage.index not in recipe.own:
            yield Spot(stage.start, f"the base {base.name} has the tag latest")


def _not_slim(recipe: Recipe) -> Iterator[Spot]:
    base = recipe.base
    if base is None or recipe.parent or not base.tag or base.tag == "latest":
        return
    name = official_name(base)
    if name in SLIM_TAGS and name not in BUILD_BASES and not is_small(base.tag):
        remedy = f"Take a slim variant, such as {name}:{SLIM_TAGS[name]}; install what is missing."
        yield Spot(recipe.line[0].start, f"{name}:{base.tag} is not slim", remedy)


def _outer_bases(recipe: Recipe) -> Iterator[tuple[Stage, Reference]]:
    """Yield the stages that begin with an image, where it is sure with which."""
    for stage in recipe.dockerfile.stages:
        if base := base_of(stage):
            yield stage, base


CHECKS = (Check(NO_TAG, _no_tag), Check(LATEST, _latest), Check(NOT_SLIM, _not_slim))
