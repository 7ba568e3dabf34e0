"""How one released version stands: what each destination holds, held against its content."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.inventory.known import Known
from kargo_release.errors import KargoError
from kargo_release.plan import Answer, Found, Outcome, Row, State

OUT = (State.SAME, State.PARTIAL)


@dataclass(frozen=True)
class Standing:
    """A version of a chart, and what each destination holds of it.

    Args:
        known: Where it is known from.
        app_version: Of what it deploys; empty where nobody says.
        commit: Where it comes from; empty where that is not known.
        ref: How ``--ref`` takes the commit: by its tag, where the clone has that.
        sha256: Of the archive; empty where none is known.
        content_digest: Of the archive's files; empty where that was not needed to compare.
        size: Of the archive in bytes; None where none is known.
        found: What each destination holds.
        outcomes: What a release would find to do: ``planned`` is not there, ``refused`` differs.
        is_current: Whether it is what HEAD holds.
        error: Why something of it could not be told.
    """

    known: Known
    app_version: str
    commit: str
    ref: str
    sha256: str
    content_digest: str
    size: int | None
    found: Mapping[str, Found]
    outcomes: Mapping[str, Outcome]
    is_current: bool
    error: KargoError | None = None

    @property
    def differs(self) -> bool:
        """Whether something that is out is other than it should be; not, whether it may be read."""
        return any(found.state is State.DIFFERENT for found in self.found.values())

    @property
    def is_complete(self) -> bool:
        """Whether every destination holds it, and nothing could not be told."""
        done = all(outcome is Outcome.UNCHANGED for outcome in self.outcomes.values())
        return done and self.error is None

    @property
    def is_begun(self) -> bool:
        """Whether it is claimed, and no tag has ended the claim."""
        return self.known.claim is not None and self.known.tag is None

    @property
    def is_half_out(self) -> bool:
        """Whether some of it is out, and nothing differs."""
        somewhere = any(found.state in OUT for found in self.found.values())
        return somewhere and not (self.differs or self.is_complete or self.error)


def of_row(row: Row[ChartRelease], known: Known) -> Standing:
    """Return how HEAD's own version stands."""
    release = row.desired
    if "claim" in row.found and row.found["claim"].state is State.DIFFERENT:
        known = replace(known, claim=None)  # of other content: that is told by itself
    return Standing(
        known,
        app_version=release.metadata.app_version,
        commit=release.commit.sha,
        ref="HEAD",
        sha256=release.archive.sha256,
        content_digest=release.archive.content_digest,
        size=len(release.archive.tgz),
        found={name: found for name, found in row.found.items() if name != "claim"},
        outcomes={
            name: outcome_of(row.found[name]) if name in row.found else outcome
            for name, outcome in row.outcomes.items()
            if name != "claim"
        },
        is_current=True,
        error=row.error,
    )


def outcome_of(answer: Answer) -> Outcome:
    """Return what a release would find to do about what is there."""
    if isinstance(answer, KargoError):
        return Outcome.FAILED
    if answer.state is State.SAME:
        return Outcome.UNCHANGED
    return Outcome.REFUSED if answer.state is State.DIFFERENT else Outcome.PLANNED
