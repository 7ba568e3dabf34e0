import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kargo_release.errors import InvalidError
from kargo_release.images.order import side_by_side, sorted_by_base


def family(numbers: list[set[int]]) -> dict[str, list[str]]:
    """Return apps with numbers for names, each based on some with lower ones: never a circle."""
    return {
        str(app): [str(base) for base in sorted(bases) if base < app]
        for app, bases in enumerate(numbers)
    }


FAMILIES = st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8).map(family)


@given(FAMILIES, st.integers(1, 3))
def test_begins_with_an_image_when_all_its_bases_are_done(
    bases: Mapping[str, list[str]], jobs: int
) -> None:
    done: list[str] = []

    def work(app: str) -> str:
        assert set(bases[app]) <= set(done)
        done.append(app)
        return app.upper()

    assert side_by_side(bases, jobs, work) == {app: app.upper() for app in bases}
    assert sorted(done) == sorted(bases) == sorted(sorted_by_base(bases))


def test_works_on_independent_images_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)

    side_by_side({"a": [], "b": []}, 2, lambda _: meeting.wait())


def test_works_on_no_more_than_it_may() -> None:
    lock = threading.Lock()

    def work(_: str) -> bool:
        alone = lock.acquire(blocking=False)
        lock.release()
        return alone

    assert side_by_side({"a": [], "b": [], "c": []}, 1, work) == dict.fromkeys("abc", True)


def test_tells_the_circle() -> None:
    with pytest.raises(InvalidError) as caught:
        sorted_by_base({"a": ["b"], "b": ["c"], "c": ["a"], "d": []})

    circle = caught.value.message.rpartition(": ")[2].split(" → ")
    assert (set(circle), len(circle)) == ({"a", "b", "c"}, 4)
    assert "none of them" in caught.value.remedy


def test_stops_at_an_interrupt_and_begins_nothing_more() -> None:
    begun: list[str] = []
    both, halted = threading.Barrier(2, timeout=20), threading.Event()

    def work(name: str) -> None:
        begun.append(name)
        both.wait()
        if name == "a":
            raise KeyboardInterrupt
        assert halted.wait(20)

    with pytest.raises(KeyboardInterrupt):
        side_by_side({"a": [], "b": [], "c": ["a"]}, 2, work, halted.set)
    assert sorted(begun) == ["a", "b"]


def test_works_on_a_single_image_where_an_interrupt_reaches_it() -> None:
    worker = side_by_side({"a": []}, 2, lambda _: threading.current_thread())

    assert worker["a"] is threading.current_thread()
