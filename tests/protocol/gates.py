"""Runs commands side by side, one call to the outside at a time, as somebody else decides."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from enum import Enum
from typing import Any, Generic, TypeVar

from kargo_release.errors import KargoError

Result = TypeVar("Result")
Value = TypeVar("Value")

_SECONDS = 60  # until a command that neither calls nor ends is given up


class Order(Enum):
    """What becomes of a call: of its effect, and of who made it."""

    GO = "carried out and answered"
    FAIL_BEFORE = "not carried out, an error"
    FAIL_AFTER = "carried out, an error"
    SENT_TWICE = "carried out, its answer lost, sent again by the client"
    DIE_BEFORE = "not carried out, its sender dead"
    DIE_AFTER = "carried out, its sender dead"


class Death(BaseException):
    """Unwinds a command that was killed: nothing that it does from here on reaches the outside."""


class Actor(Generic[Result]):
    """A command in a thread, which stops before each of its calls to the outside.

    ``calls`` is what it stopped before last, None once it has ended; ``result`` and ``error`` are
    then what it returned or raised, neither for one that died.
    """

    def __init__(self, name: str, work: "Callable[[Actor[Result]], Result]") -> None:
        self.name = name
        self.calls: str | None = "nothing yet"
        self.result: Result | None = None
        self.error: KargoError | None = None
        self.met_fault = False
        self.is_dead = False
        self._order = Order.GO
        self._may_go, self._has_stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()
        self._wait()

    def resume(self, order: Order = Order.GO) -> None:
        """Let the next call have its way; return when the command stops again, or has ended.

        An error that no user may meet is raised here.
        """
        self.met_fault |= order is not Order.GO
        self._order = order
        self._may_go.release()
        self._wait()

    def call(
        self,
        what: str,
        effect: Callable[[], Value],
        failure: Callable[[], Exception],
        sent_twice: Callable[[], Exception] | None = None,
    ) -> Value:
        """Do what the outside is asked for, as it is ordered then: called in the actor's thread."""
        if self.is_dead:
            raise Death
        self.calls = what
        self._has_stopped.release()
        self._may_go.acquire()
        order = self._order
        if order is Order.FAIL_BEFORE:
            raise failure()
        if order is not Order.DIE_BEFORE:
            value = effect()
        if order in (Order.DIE_BEFORE, Order.DIE_AFTER):
            self.is_dead = True
            raise Death
        if order is Order.SENT_TWICE and sent_twice is not None:
            raise sent_twice()
        if order is Order.FAIL_AFTER:
            raise failure()
        return value

    def _run(self, work: "Callable[[Actor[Result]], Result]") -> None:
        try:
            self.result = work(self)
        except KargoError as error:
            self.error = error
        except Death:
            pass
        except BaseException as fault:  # noqa: BLE001 - raised where the test sees it
            self._fault = fault
        self.calls = None
        self._has_stopped.release()

    def _wait(self) -> None:
        assert self._has_stopped.acquire(timeout=_SECONDS), f"{self.name} hangs at {self.calls}"
        if self._fault is not None:
            raise self._fault


class Serial(Executor):
    """Stands for a pool of threads: does at once, in its order, what it is given."""

    def __init__(self, _workers: int) -> None:
        super().__init__()

    def submit(
        self, work: Callable[..., Value], /, *arguments: Any, **named: Any
    ) -> "Future[Value]":
        future: Future[Value] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - it is the future's, as in a thread
            future.set_exception(error)
        return future
