"""Trying again: what is worth it, how often, and how long to wait in between."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from kargo_release.errors import KargoError

T = TypeVar("T")
_log = logging.getLogger("kargo_release")
_TOLD = 1.0  # seconds: who waits longer is told for what


@dataclass(frozen=True)
class TimeLimits:
    """How long a registry is waited for, in seconds.

    Args:
        connect: For a connection.
        read: Between two parts of an answer.
        answer: For a whole answer; and for a whole body, besides the time by ``slowest``.
        slowest: How fast a body must leave, in bytes a second.
        backoff: The first wait before another try; each further one is twice as long.
        longest_wait: The longest wait, also where a registry asks for more.
        broken: All waits together while connections are refused or broken.
        busy: All waits together while a registry says that it is busy or away.
    """

    connect: float = 4.0
    read: float = 30.0
    answer: float = 600.0
    slowest: float = 65536.0
    backoff: float = 0.3
    longest_wait: float = 20.0
    broken: float = 3.0
    busy: float = 60.0


class TransientError(Exception):
    """A failure that another try may mend.

    Args:
        error: What the user is told when no try is left.
        patience: Seconds of waiting that it is worth.
        asked: Seconds that the server asks to be left alone.
    """

    def __init__(self, error: KargoError, patience: float, asked: float = 0) -> None:
        super().__init__(error.message)
        self.error = error
        self.patience = patience
        self.asked = asked


def retry(operation: Callable[[], T], limits: TimeLimits) -> T:
    """Return what ``operation`` returns, tried again with growing waits while it is worth it.

    Raises:
        KargoError: The last failure.
    """
    waited, backoff = 0.0, limits.backoff
    while True:
        try:
            return operation()
        except TransientError as failure:
            wait = min(max(backoff, failure.asked), limits.longest_wait)
            waited += wait
            if waited > failure.patience:
                raise failure.error from failure
            if wait >= _TOLD:
                _log.warning("%s; trying again in %.0f s", failure.error.message, wait)
            # Releasers that failed together must not come back together.
            time.sleep(wait * random.uniform(1, 1.2))  # noqa: S311 - not for secrets
            backoff *= 2


def retry_after(value: str | None) -> float:
    """Return the seconds that a ``Retry-After`` header asks for, 0 when it says nothing useful.

    Source: RFC 9110, section 10.2.3: a number of seconds, or an HTTP date.
    """
    if not value:
        return 0
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
