from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from kargo_release.errors import FailedError
from kargo_release.oci.retry import TimeLimits, TransientError, retry, retry_after


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, in seconds; none of them is waited."""
    waited: list[float] = []
    monkeypatch.setattr("kargo_release.oci.retry.time.sleep", waited.append)
    monkeypatch.setattr("kargo_release.oci.retry.random.uniform", lambda least, _: least)
    return waited


def failing(patience: float, asked: float = 0) -> None:
    raise TransientError(FailedError("it is away"), patience, asked)


def test_doubles_its_waits_until_its_patience_ends(waits: list[float]) -> None:
    with pytest.raises(FailedError, match="it is away"):
        retry(lambda: failing(60), TimeLimits())
    assert waits == pytest.approx([0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 20.0])


def test_tells_a_refused_connection_within_five_seconds(waits: list[float]) -> None:
    limits = TimeLimits()
    with pytest.raises(FailedError):
        retry(lambda: failing(limits.broken), limits)
    assert waits == pytest.approx([0.3, 0.6, 1.2])


def test_waits_as_long_as_it_is_asked_up_to_a_limit(waits: list[float]) -> None:
    with pytest.raises(FailedError):
        retry(lambda: failing(60, asked=7), TimeLimits())
    with pytest.raises(FailedError):
        retry(lambda: failing(60, asked=86400), TimeLimits())
    assert waits[0] == 7
    assert max(waits) == TimeLimits().longest_wait


def test_returns_what_a_later_try_returns(waits: list[float]) -> None:
    tries: list[int] = []

    def third() -> str:
        tries.append(1)
        if len(tries) < 3:
            failing(60)
        return "done"

    assert retry(third, TimeLimits()) == "done"
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 0 ", 0), ("86400", 86400), (None, 0), ("", 0), ("-5", 0), ("soon", 0),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 99 Oct 2015 07:28:00 GMT", 0),
     ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0), ("1" * 400, float("inf"))],
)  # fmt: skip
def test_reads_seconds_to_wait(header: str | None, seconds: float) -> None:
    assert retry_after(header) == seconds


def test_reads_a_date_to_wait_for() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < retry_after(format_datetime(moment, usegmt=True)) <= 100
