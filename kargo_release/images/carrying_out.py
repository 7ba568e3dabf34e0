"""Makes what is missing: each image behind its bases, independent ones side by side."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from kargo_release import plan
from kargo_release.errors import InterruptError, KargoError
from kargo_release.images.audience import Audience
from kargo_release.images.desired import ImageBuild
from kargo_release.images.destinations import has_every_name
from kargo_release.images.halting import Halting
from kargo_release.images.making import Maker
from kargo_release.images.order import held_back, side_by_side
from kargo_release.plan import Destination, Row

ImageRow = Row[ImageBuild]


@dataclass
class CarryingOut:
    """One run.

    Args:
        destination: Where the images go.
        maker: Makes them.
        halting: What the maker tells.
        audience: Told of each image as it is done.
        jobs: How many are made at once.
    """

    destination: Destination[ImageBuild]
    maker: Maker
    halting: Halting
    audience: Audience
    jobs: int
    _done: dict[str, ImageRow] = field(default_factory=dict)

    def run(self, rows: Sequence[ImageRow]) -> list[ImageRow]:
        """Return the rows as they are when all is done that can be.

        Raises:
            InterruptError: Ctrl-C; the message says what is done.
        """
        known = {row.desired.title: row for row in rows}
        bases = {title: row.desired.own_bases for title, row in known.items()}
        work = partial(self._carry_out, known=known, needed=_needed(rows))
        try:
            side_by_side(bases, self.jobs, work, self.halting.halt)
        except (KeyboardInterrupt, InterruptError):
            raise self._interrupted() from None
        return [self._done[row.desired.title] for row in rows]

    def _carry_out(
        self, title: str, known: Mapping[str, ImageRow], needed: Container[str]
    ) -> ImageRow:
        """Return an image's row, made if it must be; one that failed is told, not raised."""
        row = known[title]
        failed = [title for title in row.desired.own_bases if self._done[title].error]
        if failed and row.error is None and not row.is_complete:
            row = row.stopped(held_back(title, failed))
            self.audience.done(row, self.destination.name)
        elif row.error is None and row.lacks(self.destination.name):
            [row] = plan.carry_out([self.destination], [row], self.audience.done)
        elif row.error is None and title in needed:
            row = self._provided(row)
        self._done[title] = row
        return row

    def _provided(self, row: ImageRow) -> ImageRow:
        """Make sure that an image that is out can be built upon: the engine has it by its names."""
        build = row.desired
        if not self.maker.builder.sees_engine:  # it takes the base from the registry
            return row
        held = self.maker.engine.image(build.reference)
        if (held is None and build.names == (build.reference,)) or has_every_name(
            self.maker, build
        ):
            return row
        try:
            self.maker.make(build)
        except KargoError as error:
            failed = {self.destination.name: plan.Outcome.FAILED}
            row = replace(row, error=error, outcomes=failed)
            self.audience.done(row, self.destination.name)
        return row

    def _interrupted(self) -> InterruptError:
        done = [row.desired.title for row in self._done.values() if row.is_complete]
        return InterruptError(
            f"interrupted; done: {', '.join(done) or 'nothing'}",
            "Run the same command again: it does what is missing.",
        )


def _needed(rows: Sequence[ImageRow]) -> set[str]:
    """Return the titles of those that something is built upon, at any depth.

    One of them may have to be built again for that, and then needs its own bases.
    """
    known = {row.desired.title: row.desired.own_bases for row in rows}
    waiting = [row.desired.title for row in rows if row.error is None and not row.is_complete]
    found: set[str] = set()
    while waiting:
        bases = set(known[waiting.pop()]) - found
        found |= bases
        waiting += bases
    return found
