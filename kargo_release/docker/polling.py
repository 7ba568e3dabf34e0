"""Reads what a connection brings, without losing sight of who wants to stop."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from kargo_release.docker.order import Pulse

Item = TypeVar("Item")

TICK = 0.2
"""Seconds between two pulses."""


def polled(
    items: Generator[Item, None, None], pulse: Pulse, hang_up: Callable[[], None]
) -> Iterator[Item]:
    """Yield items as they come, with a pulse in between when none does.

    They are read by a thread of their own, which outlasts no reader that leaves early.

    Args:
        items: Closed at the end.
        pulse: What it raises ends the reading.
        hang_up: Breaks a connection that is silent.
    """
    found: SimpleQueue[Item | _Ended] = SimpleQueue()
    is_over = Event()
    Thread(target=_read, args=(items, found, is_over), daemon=True).start()
    try:
        while True:
            try:
                item = found.get(timeout=TICK)
            except Empty:
                pulse()
                continue
            if isinstance(item, _Ended):
                if item.error:
                    raise item.error
                return
            yield item
    finally:
        is_over.set()
        hang_up()


class _Ended:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _read(
    items: Generator[Item, None, None], found: "SimpleQueue[Item | _Ended]", is_over: Event
) -> None:
    try:
        with closing(items):
            for item in items:
                found.put(item)
                if is_over.is_set():
                    return
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are read
        found.put(_Ended(error))
    else:
        found.put(_Ended(None))
