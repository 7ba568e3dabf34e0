"""SemVer, and the version ranges of Helm.

Helm reads versions and ranges with github.com/Masterminds/semver v3.5.0 (``version.go``,
``constraints.go``). What that library accepts, and what it answers, holds here too.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from semver import Version

from kargo_release.errors import InvalidError

MAX_VERSION_LENGTH = 256
MAX_RANGE_LENGTH = 512
MAX_ALTERNATIVES = 32

MAJOR, MINOR, PATCH, WHOLE = 1, 2, 3, 5
"""How much of a version's precedence is looked at: leading numbers, or all there is."""

_MAX_NUMBER = 2**64 - 1
_SHOWN = 80

Precedence: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
"""Compares as the versions do: numbers, then whether it is a full release, then identifiers."""

Item = TypeVar("Item")

_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_LOOSE = re.compile(
    r"v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?"
    rf"(?:-(?P<prerelease>{_IDENTIFIERS}))?(?:\+(?P<build>{_IDENTIFIERS}))?"
)
_WHOLE_NUMBER = r"(0|[1-9][0-9]*)"
_STRICT_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_STRICT = re.compile(
    rf"{_WHOLE_NUMBER}\.{_WHOLE_NUMBER}\.{_WHOLE_NUMBER}"
    rf"(?:-{_STRICT_IDENTIFIER}(?:\.{_STRICT_IDENTIFIER})*)?(?:\+{_IDENTIFIERS})?"
)

# Go's \s: without the vertical tab, and ASCII only. The numbers of a range may hold a bar, which
# is odd, but decides what a hyphen range takes in; no number with a bar can be read later.
_SPACE = r"[\t\n\f\r ]"
_NUMBER = r"[0-9|xX*]+"
_BOUND = rf"v?{_NUMBER}(?:\.{_NUMBER}){{0,2}}(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
_HYPHEN = re.compile(rf"{_SPACE}*(?P<low>{_BOUND}){_SPACE}+-{_SPACE}+(?P<high>{_BOUND}){_SPACE}*")
_COMPARATOR = re.compile(
    rf"{_SPACE}*(?P<operator>=>|=<|!=|>=|<=|~>|[=<>~^]|){_SPACE}*"
    rf"(?P<version>v?(?P<major>{_NUMBER})(?:\.(?P<minor>{_NUMBER}))?(?:\.(?P<patch>{_NUMBER}))?"
    rf"(?P<prerelease>-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?)"
    rf"(?:{_SPACE}*,(?!{_SPACE}*\Z)|{_SPACE}+|\Z)"
)
_OPEN = (None, "x", "X", "*")
_SYNONYMS = {"": "=", "=>": ">=", "=<": "<=", "~>": "~"}


def parse_loose(text: str) -> Version:
    """Return the version as Helm reads it: ``v1``, ``1.2`` and ``01.2.3`` are versions too.

    Raises:
        InvalidError: It is no version, longer than 256 characters, or a number is over 64 bits.
    """
    if (version := _read(text)) is None:
        raise InvalidError(
            f"{_quoted(text)} is not a version",
            "Write MAJOR.MINOR.PATCH, for example 1.2.0 or 1.2.0-rc.1.",
        )
    return version


def parse_strict(text: str) -> Version:
    """Return the version, which is written as SemVer 2.0.0 wants it: ``1.2.0``, not ``v1.2``.

    Raises:
        InvalidError: It is not; or Helm could not read it, being too long or over 64 bits.
    """
    version = _read(text)
    if version is None or not is_strict(text):
        meant = "MAJOR.MINOR.PATCH, for example 1.2.0" if version is None else version
        raise InvalidError(f"{_quoted(text)} is not a SemVer 2.0.0 version", f"Write {meant}.")
    return version


def is_strict(text: str) -> bool:
    """Tell whether `parse_strict` takes the text, and faster than it: of thousands of tags.

    Source: semver.org, SemVer 2.0.0, its grammar; and the limits of Masterminds.
    """
    found = _STRICT.fullmatch(text) if len(text) <= MAX_VERSION_LENGTH else None
    return found is not None and max(map(int, found.groups())) <= _MAX_NUMBER


def precedence(version: Version) -> Precedence:
    """Return the key by which versions compare; those that differ only in ``+build`` are equal.

    As Masterminds has it, an identifier of digits only that is over 64 bits compares as text.
    """
    return _precedence(version.major, version.minor, version.patch, version.prerelease)


def precedence_of(text: str) -> Precedence | None:
    """Return the key of what `parse_loose` takes, and None for what it does not.

    To make a Version of each would take most of the time to compare many.
    """
    parts = _parts(text)
    return None if parts is None else _precedence(*parts[:4])


def newest_first(items: Iterable[Item], version: Callable[[Item], str] = str) -> list[Item]:
    """Return the items, the newest version first; what is not a version comes last.

    Args:
        items: Versions, or what bears one, such as the entries of an index.
        version: Gives an item's version.

    Equal versions follow each other by their text, the lexically greater first, so that the
    order is the same whatever order the items came in.
    """
    return sorted(items, key=lambda item: _age(version(item)), reverse=True)


@dataclass(frozen=True)
class Comparator:
    """One comparison of a range: ``>=1.2`` has the bound 1.2.0, of which two parts were given.

    ``parts`` counts the numbers before the first that is absent or a wildcard, 0 to 3. The
    operator is one of ``= != < <= > >= ~ ^``.
    """

    operator: str
    bound: Version
    parts: int

    def admits(self, version: Version) -> bool:
        """Tell whether the version satisfies it, a pre-release being compared like any other."""
        theirs, bound = precedence(version), precedence(self.bound)
        leading, wanted = theirs[: self._significant], bound[: self._significant]
        match self.operator:
            case "<":
                return theirs < bound
            case "<=":
                return leading <= wanted
            case ">":
                return leading > wanted
            case ">=":
                return theirs >= bound
            case "!=":
                return leading != wanted or (self.parts == MINOR and theirs[3:] != bound[3:])
            case _:
                return theirs >= bound and leading == wanted

    @property
    def _significant(self) -> int:
        """How much of the precedence is compared, where a part of the bound may be open.

        Upstream's oddities are kept: ``^*`` admits 0.0.0 alone, ``<=*`` only 0.0.x, and ``~0.0.0``
        everything.
        """
        if self.operator == "^":
            return self._pinned_by_caret
        if self.operator == "~":
            return self._pinned_by_tilde
        if self.operator == "<=" and self.parts == 0:
            return MINOR
        return self.parts if self.parts in {MAJOR, MINOR} else WHOLE

    @property
    def _pinned_by_tilde(self) -> int:
        if self.parts in {0, PATCH} and precedence(self.bound)[:PATCH] == (0, 0, 0):
            return 0
        return MAJOR if self.parts == MAJOR else MINOR

    @property
    def _pinned_by_caret(self) -> int:
        if self.bound.major or self.parts == MAJOR:
            return MAJOR
        return MINOR if self.bound.minor or self.parts == MINOR else PATCH


@dataclass(frozen=True)
class Range:
    """What a version must satisfy: all comparators of one of the alternatives."""

    alternatives: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Return the range that a chart's dependency states, such as ``>=1.2, <2 || ^3.1.0-0``.

        Raises:
            InvalidError: It is no range, longer than 512 characters or has over 32 alternatives.
        """
        if len(text) > MAX_RANGE_LENGTH:
            raise _bad_range(text, f"is longer than {MAX_RANGE_LENGTH} characters")
        alternatives = _HYPHEN.sub(r">= \g<low>, <= \g<high> ", text).split("||")
        if len(alternatives) > MAX_ALTERNATIVES:
            raise _bad_range(text, f"has more than {MAX_ALTERNATIVES} alternatives")
        return cls(tuple(tuple(_comparators(each, text)) for each in alternatives))

    def admits(self, version: Version) -> bool:
        """Tell whether the version satisfies the range.

        A pre-release does only by an alternative in which some comparator names a pre-release.
        """
        return any(
            all(comparator.admits(version) for comparator in alternative)
            for alternative in self.alternatives
            if not version.prerelease or any(each.bound.prerelease for each in alternative)
        )


def satisfies(version: str, range_: str) -> bool:
    """Tell whether Helm would take the version for a dependency with this range.

    Raises:
        InvalidError: One of the two cannot be read.
    """
    return Range.parse(range_).admits(parse_loose(version))


def _read(text: str) -> Version | None:
    parts = _parts(text)
    return None if parts is None else Version(*parts)


def _parts(text: str) -> tuple[int, int, int, str | None, str | None] | None:
    """Return the numbers, the pre-release and the build of a version; None for what is none."""
    found = _LOOSE.fullmatch(text) if len(text) <= MAX_VERSION_LENGTH else None
    if found is None:
        return None
    major, minor, patch = (int(found[part] or 0) for part in ("major", "minor", "patch"))
    if max(major, minor, patch) > _MAX_NUMBER or _has_leading_zero(found["prerelease"] or ""):
        return None
    return major, minor, patch, found["prerelease"], found["build"]


def _precedence(major: int, minor: int, patch: int, prerelease: str | None) -> Precedence:
    identifiers = tuple(_identifier(each) for each in (prerelease or "").split("."))
    return major, minor, patch, not prerelease, identifiers


def _has_leading_zero(prerelease: str) -> bool:
    identifiers = prerelease.split(".")
    return any(len(each) > 1 and each[0] == "0" and each.isdigit() for each in identifiers)


def _identifier(text: str) -> tuple[bool, int, str]:
    if text.isdigit() and (number := int(text)) <= _MAX_NUMBER:
        return False, number, ""
    return True, 0, text


def _age(text: str) -> tuple[bool, Precedence | tuple[()], str]:
    found = precedence_of(text)
    return found is not None, found or (), text


def _comparators(alternative: str, text: str) -> Iterator[Comparator]:
    position = 0
    while position < len(alternative) or position == 0:
        found = _COMPARATOR.match(alternative, position)
        if found is None:
            raise _bad_range(text, f"is not a version range: {_quoted(alternative)}")
        yield _comparator(found, text)
        position = found.end()


def _comparator(found: re.Match[str], text: str) -> Comparator:
    given = [found["major"], found["minor"], found["patch"]]
    parts = next((at for at, part in enumerate(given) if part in _OPEN), PATCH)
    # An open version loses its build, and what follows the open part is not even looked at.
    numbers = ".".join((given[:parts] + ["0"] * PATCH)[:PATCH])
    bound = _read(found["version"] if parts == PATCH else numbers + (found["prerelease"] or ""))
    if bound is None:
        raise _bad_range(text, f"holds what is not a version: {_quoted(found['version'])}")
    operator = _SYNONYMS.get(found["operator"], found["operator"])
    return Comparator("~" if operator == "=" and parts < PATCH else operator, bound, parts)


def _bad_range(text: str, fault: str) -> InvalidError:
    return InvalidError(
        f"The version range {_quoted(text)} {fault}",
        "Write it as Helm reads it, for example ^1.2.0, ~1.2, 1.x, 1.2 - 1.5 or >=1.2.0, <2.",
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
