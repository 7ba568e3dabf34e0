"""What the commands of a step install and remove, by the package managers of distributions."""

import re
from collections.abc import Callable, Iterator, Sequence

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
    left: dict[str, str] = {}  # by package, how it would be removed as a group
    for command in commands:
        verbs = _VERBS.get(command.program)
        if verbs is None:
            continue
        named = packages(command)
        if verb(command) in verbs[0]:
            left |= {each: _group(command) for each in named if _BUILD_TOOL.fullmatch(each)}
        elif verb(command) in verbs[1]:
            left = {} if _removes_unmarked(command, commands) else _without(left, named)
    return list(left)


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


def _without(left: dict[str, str], named: Sequence[str]) -> dict[str, str]:
    gone: Callable[[str], bool] = set(named).__contains__
    return {name: group for name, group in left.items() if not gone(name) and not gone(group)}


def _removes_unmarked(command: Command, commands: Sequence[Command]) -> bool:
    """Whether packages are removed that were marked as automatic, as official images do it."""
    marks = any(each.program == "apt-mark" and "auto" in each.operands for each in commands)
    return marks and (command.has("--auto-remove", "--autoremove") or "auto" in verb(command))
