"""Rules on the files that are copied into the image."""

import re
from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.slim_bases import official_name
from kargo_release.images.lint.steps import Step

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

_COPYING = ("ADD", "COPY")
_URL = re.compile(r"(?:https?|ftp|git|ssh)://|git@[\w.-]+:", re.IGNORECASE)
_COMMIT = re.compile(r".*\.git#[0-9a-f]{40}(?::.*)?|.*[?&](?:checksum|commit)=[0-9a-f]{40}.*")
# Programs and settings of the system, which are root's for good reason.
_SYSTEM = re.compile(r"/(?:bin|sbin|lib|etc|usr/(?!src(?:/|$))[^/]+)(?:/.*)?")


def _no_chown(recipe: Recipe) -> Iterator[Spot]:
    base = recipe.root.base
    if base is None or official_name(base) != "node":
        return
    steps = list(recipe.final_steps)
    given_away = max((at for at, step in enumerate(steps) if _gives_away(step)), default=-1)
    for step in steps[given_away + 1 :]:
        if _copies_for_root(step):
            keyword = step.instruction.keyword
            what = f"{keyword} without --chown: the files belong to root"
            yield Spot(step.instruction, what, f"Write {keyword} --chown=node:node.")


def _gives_away(step: Step) -> bool:
    return any(each.program == "chown" for each in step.commands)


def _copies_for_root(step: Step) -> bool:
    copy = step.instruction
    if copy.keyword not in _COPYING or step.is_trigger or copy.flag("chown") is not None:
        return False
    if "$" in copy.words[-1] and not step.is_sure:
        return False
    return not _SYSTEM.fullmatch(_paths(step)[-1])


def _add_url(recipe: Recipe) -> Iterator[Spot]:
    for step in recipe.steps:
        add = step.instruction
        if add.keyword == "ADD" and add.flag("checksum") is None:
            for source in _paths(step)[:-1]:
                if _URL.match(source) and not _COMMIT.fullmatch(source):
                    yield Spot(add, "ADD fetches a URL, and nothing checks what comes")


def _paths(step: Step) -> list[str]:
    """Return the sources of an ADD or COPY, and where they go."""
    return step.text.split("\n")


CHECKS = (Check(NO_CHOWN, _no_chown), Check(ADD_URL, _add_url))
