"""A Dockerfile as rules look at it: its steps, which of them are in the image, and its bases."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kargo_release.findings import Rule
from kargo_release.images.dockerfile import (
    SCRATCH,
    Dockerfile,
    Instruction,
    Reference,
    Stage,
    parse_reference,
)
from kargo_release.images.lint.steps import Step, Surroundings

OWN_BASES_LIMIT = 20
"""How many images of the repository may stand upon each other; those below are like others."""


@dataclass(frozen=True)
class Fetched:
    """An image that the instruction at ``place`` begins with or copies from."""

    place: Instruction
    image: Reference
    is_own: bool
    """Whether it is one of this repository."""


@dataclass(frozen=True)
class Recipe:
    """The Dockerfile of an image.

    Attributes:
        app: The image.
        dockerfile: What it says.
        target: The stage that becomes the image.
        arguments: The build arguments of the image.
        steps: All stages' steps.
        end: What the target leaves to images that are based on it.
        fetched: The images that stages begin with or copy from, where it is sure which.
        parent: The recipe of the base, where the base is another image of this repository.
    """

    app: str
    dockerfile: Dockerfile
    target: Stage
    arguments: Mapping[str, str]
    steps: tuple[Step, ...]
    end: Surroundings
    fetched: tuple[Fetched, ...] = ()
    parent: "Recipe | None" = None

    @property
    def line(self) -> list[Stage]:
        """The stages whose layers are in the image, the first one first."""
        return self.dockerfile.lineage(self.target)

    @property
    def final_steps(self) -> Iterator[Step]:
        """The steps whose result is in the image, in their order; triggers are in others."""
        indexes = {stage.index for stage in self.line}
        return (each for each in self.steps if each.stage in indexes)

    @property
    def base(self) -> Reference | None:
        """The image that this one begins with; None for scratch, and where it is not sure."""
        return base_of(self.line[0])

    @property
    def root(self) -> "Recipe":
        """The recipe of the first image of this repository that this one is built upon."""
        recipe = self
        for _ in range(OWN_BASES_LIMIT + 1):
            recipe = recipe.parent or recipe
        return recipe


@dataclass(frozen=True)
class Spot:
    """Where a rule is broken, and what is wrong there; the remedy is the rule's when empty."""

    instruction: Instruction
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A rule, and the function that finds what breaks it."""

    rule: Rule
    find: Callable[[Recipe], Iterator[Spot]]


def base_of(stage: Stage) -> Reference | None:
    """Return the image that a stage begins with; None for scratch, and where it is not sure."""
    is_known = stage.parent is None and stage.base.is_sure and stage.base.text != SCRATCH
    return parse_reference(stage.base.text) if is_known else None
