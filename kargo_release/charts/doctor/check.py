"""One thing that was looked at, and how it stands."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from kargo_release.errors import KargoError


class Standing(StrEnum):
    """How a thing stands; the words of the documents."""

    OK = "ok"
    WARNING = "warning"  # a release goes on, and there is something to know
    ERROR = "error"  # a release would be refused, or would fail
    NOT_NEEDED = "not needed"  # with these settings
    UNKNOWN = "unknown"  # it could not be asked


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, what was found, and what to do about it.

    ``error`` is what a release would end with; only where the state is ERROR.
    """

    name: str
    state: Standing
    message: str
    remedy: str = ""
    error: KargoError | None = None


def ok(name: str, message: str) -> Check:
    """Return the check of something that is as it should be."""
    return Check(name, Standing.OK, message)


def warning(name: str, message: str, remedy: str = "") -> Check:
    """Return the check of something that is legal, and doubtful."""
    return Check(name, Standing.WARNING, message, remedy)


def unknown(name: str, message: str, remedy: str = "") -> Check:
    """Return the check of something that could not be found out."""
    return Check(name, Standing.UNKNOWN, message, remedy)


def not_needed(name: str, message: str) -> Check:
    """Return the check of something that these settings do without."""
    return Check(name, Standing.NOT_NEEDED, message)


def failed(name: str, error: KargoError) -> Check:
    """Return the check of something that a release would end with this error for."""
    return Check(name, Standing.ERROR, error.message, error.remedy, error)


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """Return what ``look`` finds, or the error that it raises, as a check called ``name``."""
    try:
        return look()
    except KargoError as error:
        return failed(name, error)
