"""In which order images are built: one that is another's base comes before it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from kargo_release.errors import FailedError, InvalidError

Result = TypeVar("Result")


def sorted_by_base(bases: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the images, each behind those that it is based on.

    Args:
        bases: For each image those that its Dockerfile means.

    Raises:
        InvalidError: Some are based on each other in a circle.
    """
    try:
        return list(TopologicalSorter(bases).static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InvalidError(
            f"images are based on each other in a circle: {circle}",
            "Let one of them begin with an image that is none of them.",
        ) from None


def held_back(title: str, failed: Sequence[str]) -> FailedError:
    """Return the error for an image whose bases were not built."""
    return FailedError(
        f"{title} is held back, for {', '.join(failed)}, which it is based on, was not built",
        "Mend that first; then run this again.",
    )


def side_by_side(
    bases: Mapping[str, Sequence[str]],
    jobs: int,
    work: Callable[[str], Result],
    halt: Callable[[], None] = lambda: None,
) -> dict[str, Result]:
    """Return what ``work`` returns for each image, begun as soon as its bases are done.

    An interrupt cancels what has not begun, and waits for what has.

    Args:
        bases: For each image those that must be done before; all are in this mapping.
        jobs: How many are worked on at once.
        work: Must not raise what only one image is to suffer from.
        halt: Told of an interrupt, before what runs is waited for.
    """
    if len(bases) == 1:  # here an interrupt reaches the work itself
        return {name: work(name) for name in bases}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return _worked(TopologicalSorter(bases), lambda name: pool.submit(work, name))
        except BaseException:
            halt()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _worked(
    waiting: "TopologicalSorter[str]", begin: Callable[[str], Future[Result]]
) -> dict[str, Result]:
    """Return all results; each image is begun when those before it are done."""
    waiting.prepare()
    done: dict[str, Result] = {}
    running: dict[Future[Result], str] = {}
    while waiting.is_active():
        running.update((begin(name), name) for name in waiting.get_ready())
        ended, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ended:
            name = running.pop(future)
            done[name] = future.result()
            waiting.done(name)
    return done
