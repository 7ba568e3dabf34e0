"""Rules on secrets in ARG and ENV. No message repeats a value."""

from collections.abc import Iterator
from dataclasses import dataclass

from kargo_release.findings import Rule, Severity
from kargo_release.images.dockerfile import Instruction
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.secret_forms import is_secret_name, kind_of_secret, may_be_secret

_REMEDY = (
    "Mount it where it is needed in the build: RUN --mount=type=secret,id=NAME; what the program "
    "needs is given when it runs."
)
BY_NAME = Rule(
    "KR060",
    Severity.ERROR,
    "a secret is asked for by ARG, or set by ENV",
    "Both are part of the image: docker history and docker inspect tell them to everybody who has "
    "it, even where a later ENV unsets them.",
    _REMEDY,
)
BY_FORM = Rule(
    "KR061",
    Severity.ERROR,
    "a value has the form of a secret",
    "It is part of the image and of the repository; who sees either can use it.",
    f"Revoke it, for it is known. {_REMEDY}",
)
_KEYWORDS = ("ARG", "ENV")


@dataclass(frozen=True)
class _Variable:
    instruction: Instruction
    shown: str
    name: str
    value: str | None


def _variables(recipe: Recipe) -> Iterator[_Variable]:
    """Yield what ARG and ENV set, and what image.yaml does, where that is first asked for."""
    asked: dict[str, Instruction] = {}
    for instruction in _setting(recipe):
        for name, value in instruction.pairs:
            if instruction.keyword == "ARG":
                asked.setdefault(name, instruction)
            if value is not None or name not in recipe.arguments:
                shown = f"{instruction.keyword} {name[:60]}"
                yield _Variable(instruction, shown, name, value)
    for name, value in recipe.arguments.items():
        place = asked.get(name, recipe.target.start)
        yield _Variable(place, f"the argument {name[:60]} in image.yaml", name, value)


def _setting(recipe: Recipe) -> Iterator[Instruction]:
    steps = (step.instruction for step in recipe.steps)
    return (each for each in (*recipe.dockerfile.arguments, *steps) if each.keyword in _KEYWORDS)


def _by_name(recipe: Recipe) -> Iterator[Spot]:
    for each in _variables(recipe):
        if is_secret_name(each.name) and may_be_secret(each.name, each.value):
            does = "asks for" if each.shown.startswith("ARG") else "holds"
            yield Spot(each.instruction, f"{each.shown} {does} a secret, by its name")


def _by_form(recipe: Recipe) -> Iterator[Spot]:
    for each in _variables(recipe):
        if kind := kind_of_secret(each.value or ""):
            yield Spot(each.instruction, f"{each.shown} looks like {kind}")


CHECKS = (Check(BY_NAME, _by_name), Check(BY_FORM, _by_form))
