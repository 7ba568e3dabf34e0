"""A clock of this machine that jumps, as one does that is set while a release runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo

import botocore.auth
import pytest

from kargo_release.charts import project
from kargo_release.oci import retry


class Clock:
    """What this process takes for the time; the monotonic clock is not touched by a jump."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def jump(self, by: timedelta) -> None:
        """Set the clock."""
        self._ahead += by

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let everything in this process that asks for the time ask this clock."""
        clock, real = self, time.time

        class Time(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Time":
                return cls.fromtimestamp(real() + clock._ahead.total_seconds(), tz)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + self._ahead.total_seconds())
            patch.setattr(project, "datetime", Time)
            patch.setattr(retry, "datetime", Time)
            patch.setattr(botocore.auth, "get_current_datetime", lambda: Time.now(UTC))
            yield
