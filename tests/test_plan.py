"""Desired state, actual state, the difference: with destinations that are only dictionaries."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from kargo_release import plan
from kargo_release.errors import FailedError, InvalidError, KargoError, RefusedError
from kargo_release.plan import Answer, Found, Outcome, Row, State


@dataclass
class Shelf:
    """A destination: what it holds by name, what it refuses, and what was put there."""

    name: str
    held: dict[str, State] = field(default_factory=dict)
    refuses: dict[str, KargoError] = field(default_factory=dict)
    broken: KargoError | None = None
    log: list[str] = field(default_factory=list)

    def find(self, desired: Sequence[str]) -> Sequence[Answer]:
        return [Found(self.held.get(item, State.ABSENT), f"{self.name}/{item}") for item in desired]

    def publish(
        self, rows: Sequence[Row[str]], done: Callable[[Row[str], Answer], None]
    ) -> Sequence[Answer]:
        if self.broken is not None:
            raise self.broken
        return plan.each(self._put, rows, 1, done)

    def _put(self, row: Row[str]) -> Found:
        if row.desired in self.refuses:
            raise self.refuses[row.desired]
        self.log.append(row.desired)
        return Found(State.SAME, f"{self.name}/{row.desired}", sha256="new")


def nobody(row: Row[str], destination: str) -> None:
    pass


def outcomes(rows: Sequence[Row[str]]) -> list[dict[str, str]]:
    return [{name: str(outcome) for name, outcome in row.outcomes.items()} for row in rows]


def test_plans_what_is_missing() -> None:
    first, second = Shelf("first", {"a": State.SAME}), Shelf("second", {"b": State.DIFFERENT})

    rows = plan.compare([first, second], ["a", "b"])

    assert [row.desired for row in rows] == ["a", "b"]
    assert outcomes(rows) == [
        {"first": "unchanged", "second": "planned"},
        {"first": "planned", "second": "planned"},
    ]
    assert [row.lacks("second") for row in rows] == [True, True]
    assert first.log == second.log == []


def test_compares_nothing_with_nothing() -> None:
    assert plan.compare([], []) == []
    assert plan.compare([Shelf("first")], []) == []
    assert plan.compare([], ["a"]) == [Row("a")]


def test_does_only_what_is_missing_in_the_order_of_destinations() -> None:
    first, second = Shelf("first", {"a": State.SAME}), Shelf("second", {"b": State.DIFFERENT})
    told: list[tuple[str, str, str]] = []

    rows = plan.carry_out(
        [first, second],
        plan.compare([first, second], ["a", "b"]),
        lambda row, name: told.append((row.desired, name, str(row.outcomes[name]))),
    )

    assert (first.log, second.log) == (["b"], ["a", "b"])
    assert outcomes(rows) == [
        {"first": "unchanged", "second": "published"},
        {"first": "published", "second": "replaced"},
    ]
    assert told == [
        ("b", "first", "published"),
        ("a", "second", "published"),
        ("b", "second", "replaced"),
    ]
    assert all(row.is_complete for row in rows)


def test_a_row_that_failed_goes_to_no_later_destination() -> None:
    fault = RefusedError("no", "Ask.")
    first, second = Shelf("first", refuses={"a": fault}), Shelf("second")

    rows = plan.carry_out([first, second], plan.compare([first, second], ["a", "b"]), nobody)

    assert outcomes(rows) == [
        {"first": "refused", "second": "refused"},
        {"first": "published", "second": "published"},
    ]
    assert rows[0].error is fault
    assert not rows[0].is_complete
    assert second.log == ["b"]


def test_what_fails_for_all_rows_is_told_for_each() -> None:
    first, second = Shelf("first"), Shelf("second", broken=FailedError("away", "Wait."))
    third, told = Shelf("third"), list[str]()
    shelves = [first, second, third]

    rows = plan.carry_out(
        shelves,
        plan.compare(shelves, ["a", "b"]),
        lambda row, name: told.append(f"{row.desired} {name} {row.outcomes[name]}"),
    )

    assert outcomes(rows) == [{"first": "published", "second": "failed", "third": "planned"}] * 2
    assert told[2:] == ["a second failed", "b second failed"]
    assert third.log == []


def test_a_row_that_could_not_be_compared_is_left_alone() -> None:
    class Blind(Shelf):
        def find(self, desired: Sequence[str]) -> Sequence[Answer]:
            return [InvalidError("unreadable") for _ in desired]

    first, blind = Shelf("first"), Blind("blind")

    rows = plan.compare([first, blind], ["a"])
    after = plan.carry_out([first, blind], rows, nobody)

    assert str(rows[0].error) == "unreadable"
    assert not rows[0].is_complete
    assert after == rows
    assert first.log == []


def test_asks_all_destinations_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)

    class Slow(Shelf):
        def find(self, desired: Sequence[str]) -> Sequence[Answer]:
            meeting.wait()
            return super().find(desired)

    assert len(plan.compare([Slow("first"), Slow("second")], ["a"])) == 1


def test_a_destination_that_can_not_be_asked_ends_the_comparison() -> None:
    class Away(Shelf):
        def find(self, desired: Sequence[str]) -> Sequence[Answer]:
            raise FailedError(f"away with {desired}")

    with pytest.raises(FailedError, match="away"):
        plan.compare([Shelf("first"), Away("second")], ["a"])


def test_works_on_as_many_items_at_once_as_there_are_jobs() -> None:
    meeting = threading.Barrier(3, timeout=20)
    busy, most, lock = [0], [0], threading.Lock()

    def work(item: int) -> int:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        meeting.wait()
        with lock:
            busy[0] -= 1
        return item * 2

    assert plan.each(work, list(range(9)), 3) == [item * 2 for item in range(9)]
    assert most[0] == 3


def test_one_item_that_fails_does_not_stop_the_others() -> None:
    def work(item: int) -> int:
        if item == 1:
            raise InvalidError("odd")
        return item

    done: list[tuple[int, object]] = []
    zero, one, two = plan.each(work, [0, 1, 2], 2, lambda item, result: done.append((item, result)))

    assert (zero, str(one), two) == (0, "odd", 2)
    assert sorted(item for item, _ in done) == [0, 1, 2]


def test_a_defect_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        plan.each(lambda item: 1 // item, [0, 1], 2)


def test_an_interrupt_cancels_what_has_not_begun_and_awaits_what_has() -> None:
    began, ended = list[int](), list[int]()

    def work(item: int) -> int:
        began.append(item)
        if item == 0:
            raise KeyboardInterrupt
        time.sleep(0.02)
        ended.append(item)
        return item

    with pytest.raises(KeyboardInterrupt):
        plan.each(work, list(range(1000)), 2)

    assert len(began) < 1000
    assert sorted(ended) == sorted(set(began) - {0})


def test_looks_the_first_item_up_alone_and_gives_up_when_that_fails() -> None:
    asked: list[str] = []

    def away(item: str) -> Found:
        asked.append(item)
        raise FailedError("away")

    with pytest.raises(FailedError):
        plan.look_up(away, ["a", "b", "c"], 3)

    assert asked == ["a"]


def test_looks_the_others_up_when_the_first_is_only_bad_itself() -> None:
    def find(item: str) -> Found:
        if item == "a":
            raise InvalidError("bad")
        return Found(State.ABSENT, item)

    first, second = plan.look_up(find, ["a", "b"], 2)

    assert isinstance(first, InvalidError)
    assert second == Found(State.ABSENT, "b")


def test_looks_nothing_up() -> None:
    assert plan.look_up(lambda item: Found(State.SAME, item), [], 2) == []


def test_the_outcomes_are_the_words_of_the_contract() -> None:
    assert {str(each) for each in Outcome} == {
        *("planned", "published", "replaced", "unchanged", "refused", "failed"),
    }
