"""Rules on packages of Debian and Ubuntu."""

import re
from collections.abc import Iterator

from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.installs import APT, verb
from kargo_release.images.lint.mounts import is_mounted
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.steps import Step
from kargo_release.images.shell import Command

RECOMMENDS = Rule(
    "KR030",
    Severity.WARNING,
    "apt installs recommended packages, too",
    "They are often several times as large as what is needed, and nobody asked for them.",
    "Write apt-get install --no-install-recommends, and name what is missing then.",
)
LISTS = Rule(
    "KR031",
    Severity.WARNING,
    "the lists of apt stay in the image",
    "They take some 20 MB, are old tomorrow, and a later RUN can't take them out of the layer.",
    "End the same RUN with: && rm -rf /var/lib/apt/lists/*",
)

_LISTS = "/var/lib/apt/lists"
# Debian/apt ``apt-pkg/contrib/strutl.cc`` (``StringToBool``): what stands for no.
_TURNED_OFF = re.compile(
    r"APT::Install-Recommends[\s=\"'\\]*(?:0|no|false|without|off|disable)\b", re.IGNORECASE
)
_WRITES = re.compile(r">|<<|\btee\b")


def _recommends(recipe: Recipe) -> Iterator[Spot]:
    for step in recipe.final_steps:
        if _turns_off(step):
            return
        if any(map(_installs_recommended, step.commands)):
            yield Spot(step.instruction, RECOMMENDS.title)


def _turns_off(step: Step) -> bool:
    """Whether a file of apt's settings is written that turns recommended packages off.

    What an option of apt says counts for that command alone.
    """
    others = (each for each in step.commands if each.program not in APT)
    texts = [each.text for each in step.instruction.heredocs]
    texts += [word for each in others for word in each.arguments]
    is_written = bool(_WRITES.search(step.instruction.text))
    return is_written and any(map(_TURNED_OFF.search, texts))


def _installs_recommended(command: Command) -> bool:
    if command.program not in APT or verb(command) != "install":
        return False
    is_off = any(_TURNED_OFF.search(each) for each in command.arguments)
    return not is_off and not command.has("--no-install-recommends", "--without-recommends", "-R")


def _lists(recipe: Recipe) -> Iterator[Spot]:
    for step in recipe.final_steps:
        if _leaves_lists(step) and not is_mounted(step.instruction, _LISTS):
            yield Spot(step.instruction, LISTS.title)


def _leaves_lists(step: Step) -> bool:
    """Whether lists are fetched, and not removed behind that in the same layer."""
    left = False
    for command in step.commands:
        if command.program in APT and verb(command) in ("update", "upgrade", "dist-upgrade"):
            left = left or verb(command) == "update"
        elif _removes_lists(command):
            left = False
    return left


def _removes_lists(command: Command) -> bool:
    if command.program in APT:
        return verb(command) in ("distclean", "dist-clean")
    if command.program == "find" and not _finds_all(command):
        return any(each.startswith(_LISTS) for each in command.operands)
    return command.program in ("rm", "find") and any(map(_holds_lists, command.operands))


def _finds_all(command: Command) -> bool:
    """Whether ``find`` removes all that it finds in a folder."""
    return command.has("-delete", "-exec") and not command.has("-name", "-iname", "-path")


def _holds_lists(path: str) -> bool:
    """Whether who removes this removes the lists: the folder, all in it, or one around it."""
    folder = path.rstrip("*").rstrip("/")
    return folder in ("/var/lib", "/var/lib/apt", _LISTS) or path.startswith(f"{_LISTS}/*")


CHECKS = (Check(RECOMMENDS, _recommends), Check(LISTS, _lists))
