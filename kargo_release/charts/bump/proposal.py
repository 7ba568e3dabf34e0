"""Proposes which part of a chart's version to raise, and says why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kargo_release import conventional, versions
from kargo_release.bump import Evidence, Part, evidence, is_newer, raised, weighed
from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.bump import interface
from kargo_release.charts.changes.change import ChartChange
from kargo_release.charts.changes.difference import compared_resources
from kargo_release.charts.changes.pairs import RenderedPair
from kargo_release.errors import InvalidError
from kargo_release.git.history import Message

_MOST = 8  # reasons that are told


@dataclass(frozen=True)
class Past:
    """What a chart was when it was last released, what it is, and what commits said between.

    ``rendered`` is what Helm makes of both; None of a library.
    """

    before: ChartArchive
    after: ChartArchive
    rendered: RenderedPair | None
    messages: Sequence[Message]


@dataclass(frozen=True)
class Proposal:
    """A version, the part that is raised for it, and why: the strongest reason first."""

    version: str
    part: Part
    reasons: tuple[str, ...]


def propose(change: ChartChange, past: Past, charts: set[str]) -> Proposal | None:
    """Return what a chart's next version should be; None where it is that already.

    Args:
        change: What became of the chart since its last release.
        past: What there was, and is.
        charts: The names of all charts.
    """
    assert change.last is not None  # noqa: S101 - what was never released has no past
    last = change.last.version
    part, found = weighed(_evidence(past, change.name, charts))
    reasons = found[:_MOST] or ["patch: what is packed differs"]
    if part is Part.MAJOR and versions.parse_strict(last).major == 0:
        part = Part.MINOR
        reasons.append("minor, not major: before 1.0.0 anything may change (SemVer 2.0.0, 4)")
    version = raised(last, part)
    is_enough = change.version != last and not is_newer(version, change.version)
    return None if is_enough else Proposal(version, part, tuple(reasons))


def _evidence(past: Past, name: str, charts: set[str]) -> Iterator[Evidence]:
    yield from interface.evidence_of(past.before, past.after)
    if past.rendered and not past.rendered.error:
        yield from _of_resources(past.rendered)
    yield from conventional.evidence_of(past.messages, name, charts)


def _of_resources(rendered: RenderedPair) -> Iterator[Evidence]:
    try:
        found, random = compared_resources(rendered)
    except InvalidError:  # no YAML, as a cluster would find
        return
    changed = [key for key in found.changed if key not in random]
    yield from evidence(Part.MAJOR, "resources removed", found.removed)
    yield from evidence(Part.MINOR, "resources added", found.added)
    yield from evidence(Part.PATCH, "resources changed", changed)
