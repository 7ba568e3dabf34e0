"""What a bump changes in charts: their own versions, and the ranges of those that pack them."""

from collections.abc import Sequence
from dataclasses import dataclass

from kargo_release.bump import Part


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Args:
        names: The charts; none for those that ``changed`` says.
        part: The part to raise; None for what is proposed.
        to: The version itself; empty for none.
        app_version: The appVersion to write; empty to leave it.
        changed: Take the charts that changed themselves since they were released.
        cascade: Bump the charts, too, that pack a bumped one and render otherwise.
    """

    names: Sequence[str] = ()
    part: Part | None = None
    to: str = ""
    app_version: str = ""
    changed: bool = False
    cascade: bool = False


@dataclass(frozen=True)
class RangeChange:
    """The range of a dependency, ``position`` of Chart.yaml's list, that a new version broke."""

    position: int
    dependency: str
    old: str
    new: str


@dataclass(frozen=True)
class Bump:
    """A chart, and what is changed in its Chart.yaml.

    Args:
        name: The chart's name.
        folder: Where it is, from the repository's root.
        old: Its version.
        new: What that becomes; the same where it stays.
        reasons: Why, or why not.
        app_version: What appVersion becomes; empty where that stays.
        ranges: The ranges that a new version of a dependency needs.
        has_stale_lock: Whether its Chart.lock names another version of a dependency now.
    """

    name: str
    folder: str
    old: str
    new: str
    reasons: tuple[str, ...] = ()
    app_version: str = ""
    ranges: tuple[RangeChange, ...] = ()
    has_stale_lock: bool = False

    @property
    def is_raised(self) -> bool:
        """Whether the version changes."""
        return self.new != self.old

    @property
    def is_change(self) -> bool:
        """Whether Chart.yaml changes."""
        return self.is_raised or bool(self.app_version or self.ranges)
