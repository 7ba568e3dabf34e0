"""The next version: which part of one is raised, and what may not be."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from kargo_release import versions
from kargo_release.errors import InvalidError, RefusedError, UsageError, few

_SHOWN = 3  # names that a reason tells


class Part(IntEnum):
    """A part of a version; the stronger is the greater."""

    PRERELEASE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Evidence:
    """Why a part should be raised: ``major``, because ``values removed: image.tag``."""

    part: Part
    reason: str

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}"


def evidence(part: Part, what: str, names: Iterable[object]) -> Iterator[Evidence]:
    """Yield the evidence that there are such names, if there are any: ``values removed: a, b``."""
    if found := sorted(map(str, names)):
        yield Evidence(part, f"{what}: {few(found, _SHOWN)}")


def weighed(found: Iterable[Evidence]) -> tuple[Part, list[str]]:
    """Return the strongest part, PATCH without evidence, and the reasons, the strongest first."""
    ordered = sorted(found, key=lambda each: -each.part)
    part = ordered[0].part if ordered else Part.PATCH
    return part, [str(each) for each in ordered]


def part_named(text: str) -> Part:
    """Return the part that is called so.

    Raises:
        UsageError: There is none.
    """
    for part in Part:
        if str(part) == text:
            return part
    names = ", ".join(str(part) for part in reversed(Part))
    raise UsageError(f"{text!r:.80} is no part of a version", f"Choose of {names}.")


def raised(version: str, part: Part) -> str:
    """Return the version with a part raised, and what stands behind that reset (SemVer 2.0.0, 6-8).

    A pre-release of 1.5.0 becomes 1.5.0 by PATCH, and by MINOR too, for that is what it leads to.

    Raises:
        InvalidError: The version is none.
    """
    return str(versions.parse_strict(version).next_version(str(part)))


def is_newer(version: str, other: str) -> bool:
    """Whether a version has precedence over another.

    Raises:
        InvalidError: One of them is none.
    """
    ours, theirs = (versions.precedence(versions.parse_strict(each)) for each in (version, other))
    return ours > theirs


def check_forward(subject: str, old: str, new: str) -> None:
    """Refuse to go backwards.

    Args:
        subject: What is bumped, for messages.
        old: Its version.
        new: What it would become.

    Raises:
        InvalidError: One of them is no version.
        RefusedError: The new one is not newer.
    """
    try:
        is_forward = is_newer(new, old)
    except InvalidError as error:
        raise InvalidError(f"{subject}: {error.message}", error.remedy) from None
    if not is_forward:
        raise RefusedError(
            f"{subject} is {old} already, and {new} is not newer", "Name a newer version by --to."
        )
