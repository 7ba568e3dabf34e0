"""Moments as servers and disks tell them, made fit for calendars: in UTC, from 1970 to 9999."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253402300799  # seconds since 1970: the last of the year 9999


def moment(seconds: float) -> datetime:
    """Return the moment so many seconds after 1970 began, or the nearest that a calendar has."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC)


def in_utc(time: datetime) -> datetime:
    """Return the moment of a time of any zone, or the nearest; one without a zone is of UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    # Unlike astimezone, a difference of two times has no end at the year 9999.
    return moment((aware - EPOCH).total_seconds())


def told_moment(header: str) -> datetime | None:
    """Return the moment that a ``Date`` header tells (RFC 9110, section 5.6.7); None for none."""
    try:
        return in_utc(parsedate_to_datetime(header))
    except (ValueError, OverflowError):
        return None
