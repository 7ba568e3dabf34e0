"""What the commands of a step install and remove, by the package managers of distributions."""

import re
from collections.abc import Iterable, Iterator, Sequence

from kargo_release.images.shell import Command

APT = ("apt-get", "apt", "aptitude")
_VALUED = (
    *("-o", "--option", "-t", "--target-release", "-c", "--config-file", "--virtual"),
    *("-X", "--repository", "-p", "--root", "--arch", "--keys-dir"),
)
_VERBS = {
    "apt-get": (("install",), ("remove", "purge", "autoremove", "autopurge")),
    "apt": (("install",), ("remove", "purge", "autoremove", "autopurge")),
    "aptitude": (("install",), ("remove", "purge")),
    "apk": (("add",), ("del",)),
    "dnf": (("install", "groupinstall"), ("remove", "erase", "autoremove")),
    "microdnf": (("install",), ("remove",)),
    "yum": (("install", "groupinstall"), ("remove", "erase", "autoremove")),
    "zypper": (("install", "in"), ("remove", "rm")),
}
# Compilers, build systems, and what only they need: headers.
_BUILD_TOOL = re.compile(
    r"build-essential|build-base|alpine-sdk|(?:gcc|g\+\+|clang|gfortran|llvm)(?:-\d[\d.]*)?|gcc-c\+\+"
    r"|make|cmake|ninja-build|meson|autoconf|automake|libtool|cargo(?:-\d[\d.]*)?|rustc|rust"
    r"|golang(?:-\d[\d.]*)?(?:-go)?|go|ghc|maven|gradle|ant|default-jdk(?:-headless)?"
    r"|openjdk-?\d+-jdk(?:-headless)?|java-\d[\w.]*-openjdk-devel|linux-headers(?:-\S+)?"
    r"|@?development[- ]tools|[\w.+]+(?:-[\w.+]+)*-(?:dev|devel)"
)


def build_tools(commands: Sequence[Command]) -> list[str]:
    """Return the build tools that the commands of one step install and leave in place."""
    left = _Left()
    marks = any(each.program == "apt-mark" and "auto" in each.operands for each in commands)
    for command in commands:
        verbs = _VERBS.get(command.program)
        if verbs is None:
            continue
        named = packages(command)
        if verb(command) in verbs[0]:
            left.add((each for each in named if _BUILD_TOOL.fullmatch(each)), _group(command))
        elif verb(command) in verbs[1]:
            left = _Left() if marks and _removes_unmarked(command) else left
            left.remove(named)
    return left.packages


class _Left:
    """The packages that are installed, each perhaps as one of a group."""

    def __init__(self) -> None:
        self._groups: dict[str, str] = {}  # by package
        self._members: dict[str, list[str]] = {}  # by group, those too that have left it

    @property
    def packages(self) -> list[str]:
        return list(self._groups)

    def add(self, packages: Iterable[str], group: str) -> None:
        for each in packages:
            self._groups[each] = group
            self._members.setdefault(group, []).append(each)

    def remove(self, names: Iterable[str]) -> None:
        """Remove packages by their names, or by that of their group."""
        for name in names:
            self._groups.pop(name, None)
            for each in self._members.pop(name, ()) if name else ():
                if self._groups.get(each) == name:
                    del self._groups[each]


def verb(command: Command) -> str:
    """Return what a package manager is told to do."""
    return next(_arguments(command), "")


def packages(command: Command) -> list[str]:
    """Return the packages that a command names, without versions, releases and architectures."""
    named = list(_arguments(command))[1:]
    return [re.split(r"[=<>~/]|:(?=\w+$)", each, maxsplit=1)[0].lower() for each in named]


def _arguments(command: Command) -> Iterator[str]:
    """Yield what is no option, nor the value of one."""
    is_value = False
    for each in command.arguments:
        if not is_value and not each.startswith("-"):
            yield each
        is_value = each in _VALUED or (each == "-t" and command.program == "apk")


def _group(command: Command) -> str:
    """Return the name under which ``apk add --virtual`` installs."""
    for at, each in enumerate(command.arguments):
        if each.startswith("--virtual="):
            return each.partition("=")[2]
        if each in ("-t", "--virtual"):
            return next(iter(command.arguments[at + 1 : at + 2]), "")
    return ""


def _removes_unmarked(command: Command) -> bool:
    """Whether packages are removed that are marked as automatic, as official images do it."""
    return command.has("--auto-remove", "--autoremove") or "auto" in verb(command)
