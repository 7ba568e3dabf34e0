"""Desired state, actual state, the difference: one mechanism for all that is published.

A destination is asked what it holds, the answers make a plan, and carrying the plan out does
only what is missing, destination after destination in their order.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from kargo_release.errors import FailedError, KargoError, RefusedError

Item = TypeVar("Item")
Result = TypeVar("Result")


class State(StrEnum):
    """What a destination answers about one desired item."""

    ABSENT = "absent"
    PARTIAL = "partial"  # of the same content, and something is still to be done
    SAME = "same"
    DIFFERENT = "different"


class Outcome(StrEnum):
    """What became of an item at a destination; the words of the contract's documents."""

    PLANNED = "planned"
    PUBLISHED = "published"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Found:
    """What a destination holds of an item.

    Args:
        state: How it compares to what is desired.
        reference: How a person names it there.
        digest: How a program names it there, where the destination has digests.
        sha256: Of the bytes that are out, in hexadecimal; empty when not known.
        mark: What the destination needs to replace exactly what it found.
        note: What a person should know beside the state.
        is_met: Whether somebody else put it there while we were about to.
    """

    state: State
    reference: str
    digest: str = ""
    sha256: str = ""
    mark: str = ""
    note: str = ""
    is_met: bool = False


@dataclass(frozen=True)
class Row(Generic[Item]):
    """One item: what is desired, what each destination holds of it, and what became of it."""

    desired: Item
    found: Mapping[str, Found] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    error: KargoError | None = None

    def lacks(self, destination: str) -> bool:
        """Whether something is to be done at the destination."""
        return self.found[destination].state is not State.SAME

    def stopped(self, error: KargoError) -> "Row[Item]":
        """Return the row with the reason why no destination gets what it lacks."""
        outcome = Outcome.REFUSED if isinstance(error, RefusedError) else Outcome.FAILED
        lacking = {name: outcome for name in self.found if self.lacks(name)}
        return replace(self, error=error, outcomes={**self.outcomes, **lacking})

    @property
    def is_complete(self) -> bool:
        """Whether every destination holds what is desired."""
        return self.error is None and not any(map(self.lacks, self.found))


Answer = Found | KargoError
Report = Callable[[Row[Item], str], None]


class Destination(Protocol[Item]):
    """One place where items are published. Both methods answer in the order they are asked."""

    name: str

    def find(self, desired: Sequence[Item]) -> Sequence[Answer]:
        """Return what the destination holds of each item, or why that can't be told."""
        ...

    def publish(
        self, rows: Sequence[Row[Item]], done: Callable[[Row[Item], Answer], None]
    ) -> Sequence[Answer]:
        """Make the destination hold each item; tell ``done`` of each as it ends."""
        ...


def each(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    done: Callable[[Item, Result | KargoError], None] = lambda *_: None,
) -> list[Result | KargoError]:
    """Return ``work(item)``, or the KargoError it raised, for each item, ``jobs`` at a time.

    An interrupt cancels what has not begun, and waits for what has.
    """

    def attempt(item: Item) -> Result | KargoError:
        try:
            result: Result | KargoError = work(item)
        except KargoError as error:
            result = error
        done(item, result)
        return result

    if len(items) <= 1:
        return [attempt(item) for item in items]
    with ThreadPoolExecutor(jobs) as pool:
        futures: list[Future[Result | KargoError]] = [pool.submit(attempt, it) for it in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def look_up(
    work: Callable[[Item], Found], items: Sequence[Item], jobs: int
) -> list[Found | KargoError]:
    """Return what ``each`` does, but the first item alone.

    What is out of reach is so for all: it is told once, at once, and a log-in happens once.

    Raises:
        FailedError: The destination could not be asked about the first item.
    """
    first = each(work, items[:1], 1)
    for answer in first:
        if isinstance(answer, FailedError):
            raise answer
    return first + each(work, items[1:], jobs)


def compare(destinations: Sequence[Destination[Item]], desired: Sequence[Item]) -> list[Row[Item]]:
    """Ask all destinations at once what they hold, and return a row for each item.

    Raises:
        KargoError: A destination could not be asked at all.
    """
    with ThreadPoolExecutor(max(1, len(destinations))) as pool:
        answers = list(pool.map(lambda destination: destination.find(desired), destinations))
    names = [destination.name for destination in destinations]
    return [
        _row(item, dict(zip(names, found, strict=True)))
        for item, *found in zip(desired, *answers, strict=True)
    ]


def unasked(item: Item, destination: str, error: KargoError) -> Row[Item]:
    """Return the row of an item that was not compared with what a destination holds, and why."""
    return Row(item, {}, {destination: _outcome(error)}, error)


def _row(item: Item, answers: Mapping[str, Answer]) -> Row[Item]:
    found = {name: answer for name, answer in answers.items() if isinstance(answer, Found)}
    errors = [answer for answer in answers.values() if isinstance(answer, KargoError)]
    outcomes = {name: _outcome(answer) for name, answer in answers.items()}
    return Row(item, found, outcomes, errors[0] if errors else None)


def _outcome(answer: Answer) -> Outcome:
    """Return how an item stands at a destination before anything is done."""
    if isinstance(answer, Found):
        return Outcome.UNCHANGED if answer.state is State.SAME else Outcome.PLANNED
    return Outcome.REFUSED if isinstance(answer, RefusedError) else Outcome.FAILED


def carry_out(
    destinations: Sequence[Destination[Item]], rows: Sequence[Row[Item]], report: Report[Item]
) -> list[Row[Item]]:
    """Publish what is missing and return the rows as they then are.

    Args:
        destinations: In the order of publishing; a row that failed at one goes to no later one.
        rows: What ``compare`` returned.
        report: Told of every row at every destination as soon as it is done there.
    """
    current = dict(enumerate(rows))
    for destination in destinations:
        todo = {
            i: row for i, row in current.items() if not row.error and row.lacks(destination.name)
        }
        if todo:
            told = _reporter(report, destination.name)
            answers = _publish(destination, list(todo.values()), told)
            for (index, row), answer in zip(todo.items(), answers, strict=True):
                current[index] = _after(row, destination.name, answer)
    return list(current.values())


def _publish(
    destination: Destination[Item],
    rows: Sequence[Row[Item]],
    done: Callable[[Row[Item], Answer], None],
) -> Sequence[Answer]:
    """Return the destination's answers; what fails for all at once is every row's answer."""
    try:
        return destination.publish(rows, done)
    except KargoError as error:
        for row in rows:
            done(row, error)
        return [error] * len(rows)


def _reporter(report: Report[Item], destination: str) -> Callable[[Row[Item], Answer], None]:
    return lambda row, answer: report(_after(row, destination, answer), destination)


def _after(row: Row[Item], destination: str, answer: Answer) -> Row[Item]:
    if isinstance(answer, RefusedError):
        return row.stopped(answer)
    if isinstance(answer, KargoError):
        outcomes = {**row.outcomes, destination: Outcome.FAILED}
        return replace(row, error=answer, outcomes=outcomes)
    replaced = row.found[destination].state is State.DIFFERENT
    outcome = Outcome.REPLACED if replaced else Outcome.PUBLISHED
    outcome = Outcome.UNCHANGED if answer.is_met else outcome
    return replace(
        row,
        found={**row.found, destination: answer},
        outcomes={**row.outcomes, destination: outcome},
    )
