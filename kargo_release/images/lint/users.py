"""Rules on the user that the image runs as."""

from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.dockerfile import Reference
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.slim_bases import official_name
from kargo_release.images.lint.steps import Step

NO_USER = Rule(
    "KR001",
    Severity.ERROR,
    "no USER is set, so that the image runs as root",
    "Who breaks out of a program that runs as root is root; clusters refuse such images.",
    "Create a user, or take the base's (node's is 1000), and write USER before CMD.",
)
ROOT_USER = Rule(
    "KR002",
    Severity.ERROR,
    "the last USER is root",
    "What is installed as root is there for all; the program needs no such rights to run.",
    "Write USER with the unprivileged user again behind what needs root.",
)

_ROOT = "root"
_UNLESS = ", unless its base sets one"
# GoogleContainerTools/distroless README.md: tags that set the user nonroot.
_UNPRIVILEGED_TAG = "nonroot"


def _no_user(recipe: Recipe) -> Iterator[Spot]:
    base = recipe.root.base
    if last_user(recipe) is None and not (base and _is_unprivileged(base)):
        # Docker's official images leave it to who builds upon them, and scratch has no user.
        is_known = bool(official_name(base)) if base else recipe.root.line[0].base.is_sure
        yield Spot(recipe.target.start, NO_USER.title + ("" if is_known else _UNLESS))


def _root_user(recipe: Recipe) -> Iterator[Spot]:
    last = last_user(recipe)
    if last is None or not last.is_sure or not is_root(last.text):
        return
    if last in recipe.steps:
        shown = last.text.strip() or "empty, for its variable has no value"
        yield Spot(last.instruction, f"the last USER is {shown[:40]}")
    else:
        yield Spot(
            recipe.target.start, "the base, an image of this repository, ends with USER root"
        )


def last_user(recipe: Recipe) -> Step | None:
    """Return the USER that counts: of the stages, else of a base of this repository."""
    users = [each for each in recipe.final_steps if _is_user(each) and not each.is_trigger]
    if users:
        return users[-1]
    if recipe.parent is None:
        return None
    triggered = [each for each in recipe.parent.final_steps if _is_user(each) and each.is_trigger]
    return triggered[-1] if triggered else last_user(recipe.parent)


def is_root(user: str) -> bool:
    """Whether a USER is root: by name or number, with or without a group, or empty."""
    name = user.strip().partition(":")[0]
    return name in ("", _ROOT) or (name.isdecimal() and int(name[:20]) == 0)


def _is_user(step: Step) -> bool:
    return step.instruction.keyword == "USER"


def _is_unprivileged(base: Reference) -> bool:
    return _UNPRIVILEGED_TAG in base.tag.split("-")


CHECKS = (Check(NO_USER, _no_user), Check(ROOT_USER, _root_user))
