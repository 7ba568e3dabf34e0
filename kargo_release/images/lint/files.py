"""Rules on the files that are copied into the image."""

import re
from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.recipe import Check, Recipe, Spot, Step
from kargo_release.images.lint.slim_bases import official_name

NO_CHOWN = Rule(
    "KR050",
    Severity.WARNING,
    "files are copied into an image of Node without --chown",
    "They belong to root, whatever USER is, so that the program can't write beside them.",
    "Write COPY --chown=node:node.",
)
ADD_URL = Rule(
    "KR051",
    Severity.ERROR,
    "ADD fetches a URL",
    "Nothing checks that what comes is what came before, and what it replaces stays in the layer.",
    "Fetch it in a RUN that compares its checksum, or write ADD --checksum=sha256:…",
)

_URL = re.compile(r"(?:https?|ftp|git|ssh)://|git@[\w.-]+:", re.IGNORECASE)
_COMMIT = re.compile(r".*\.git#[0-9a-f]{40}(?::.*)?|.*[?&](?:checksum|commit)=[0-9a-f]{40}.*")
# Programs and settings of the system, which are root's for good reason.
_SYSTEM = re.compile(r"/(?:bin|sbin|lib|etc|usr/(?!src(?:/|$))[^/]+)(?:/.*)?")


def _no_chown(recipe: Recipe) -> Iterator[Spot]:
    base = recipe.root.base
    if base is None or official_name(base) != "node":
        return
    steps = list(recipe.final_steps)
    for at, step in enumerate(steps):
        if _copies_for_root(step) and not any(map(_gives_away, steps[at + 1 :])):
            yield Spot(step.instruction, "COPY without --chown: the files belong to root")


def _copies_for_root(step: Step) -> bool:
    copy = step.instruction
    if copy.keyword != "COPY" or step.is_trigger or copy.flag("chown") is not None:
        return False
    return not _SYSTEM.fullmatch(copy.words[-1])


def _gives_away(step: Step) -> bool:
    return any(each.program == "chown" for each in step.commands)


def _add_url(recipe: Recipe) -> Iterator[Spot]:
    for step in recipe.steps:
        add = step.instruction
        if add.keyword == "ADD" and add.flag("checksum") is None:
            for source in _sources(step):
                if _URL.match(source) and not _COMMIT.fullmatch(source):
                    yield Spot(add, "ADD fetches a URL, and nothing checks what comes")


def _sources(step: Step) -> tuple[str, ...]:
    words = step.instruction.json or tuple(step.text.split())
    return words[:-1]


CHECKS = (Check(NO_CHOWN, _no_chown), Check(ADD_URL, _add_url))
