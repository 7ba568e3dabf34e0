"""Rules on compilers and build tools in the image."""

from collections.abc import Iterator

from kargo_release.errors import few
from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.installs import build_tools
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.slim_bases import build_tools_in

_REASON = (
    "They make the image larger by hundreds of megabytes, are never used in it, and are tools for "
    "who breaks in."
)
ONE_STAGE = Rule(
    "KR020",
    Severity.WARNING,
    "build tools are installed, and there is only one stage",
    _REASON,
    "Build in a stage of its own, and copy what was built: COPY --from=STAGE.",
)
LEFT_BEHIND = Rule(
    "KR021",
    Severity.WARNING,
    "build tools are left in the final stage",
    _REASON,
    "Install them in the stage that builds, or remove them in the same RUN.",
)

_SHOWN = 5  # packages in a message
_LONGEST = 40  # characters of a name


def _one_stage(recipe: Recipe) -> Iterator[Spot]:
    if len(recipe.dockerfile.stages) == 1:
        yield from _build_tools(recipe)


def _left_behind(recipe: Recipe) -> Iterator[Spot]:
    if len(recipe.dockerfile.stages) > 1:
        yield from _build_tools(recipe)


def _build_tools(recipe: Recipe) -> Iterator[Spot]:
    held = build_tools_in(recipe.base) if recipe.base and not recipe.parent else ""
    if held:
        yield Spot(recipe.line[0].start, f"the base holds {held}, and the image is built upon it")
    for step in recipe.final_steps:
        found = [] if step.is_trigger else build_tools(step.commands)
        if found:
            shown = few([each[:_LONGEST] for each in found], _SHOWN)
            yield Spot(step.instruction, f"build tools stay in the image: {shown}")


CHECKS = (Check(ONE_STAGE, _one_stage), Check(LEFT_BEHIND, _left_behind))
