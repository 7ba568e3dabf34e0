"""Rules on the images that stages begin with and copy from."""

from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.recipe import Check, Fetched, Recipe, Spot
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
    for each in recipe.fetched:
        if not each.image.tag and not each.image.digest:
            yield Spot(each.place, f"{_shown(each)} has no tag")


def _latest(recipe: Recipe) -> Iterator[Spot]:
    for each in recipe.fetched:
        if each.image.tag == "latest" and not each.image.digest and not each.is_own:
            yield Spot(each.place, f"{_shown(each)} has the tag latest")


def _shown(fetched: Fetched) -> str:
    role = "base" if fetched.place.keyword == "FROM" else "image"
    return f"the {role} {fetched.image.name}"


def _not_slim(recipe: Recipe) -> Iterator[Spot]:
    base = recipe.base
    if base is None or recipe.parent or not base.tag or base.tag == "latest":
        return
    name = official_name(base)
    if name in SLIM_TAGS and name not in BUILD_BASES and not is_small(base.tag):
        remedy = f"Take a slim variant, such as {name}:{SLIM_TAGS[name]}; install what is missing."
        yield Spot(recipe.line[0].start, f"{name}:{base.tag} is not slim", remedy)


CHECKS = (Check(NO_TAG, _no_tag), Check(LATEST, _latest), Check(NOT_SLIM, _not_slim))
