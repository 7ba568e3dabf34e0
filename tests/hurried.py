"""Shortens what a release waits for, in the same proportions: nobody waits for minutes in a test.

The module's own process is changed for good; run it in one that ends with the tests.
"""

from dataclasses import fields, replace
from functools import cache

from kargo_release.bucket import s3_client, s3_session
from kargo_release.git import remote
from kargo_release.oci import faults, registry
from kargo_release.oci.retry import TimeLimits

LIMITS = TimeLimits()
_FACTOR = 20
# Loopback needs no more to connect, but a busy machine does; each has a length of its own, by
# which it is known in a message.
_SHORTENED = {each.name: getattr(LIMITS, each.name) / _FACTOR for each in fields(LIMITS)}
HURRIED = replace(LIMITS, **{**_SHORTENED, "connect": 1.1, "read": 1.6, "answer": 6.3})
_S3_SECONDS = 1.2
_S3_ANSWER_SECONDS = 6.4
_GIT_SECONDS = 4.2


@cache
def hurry() -> None:
    """Shorten every limit of this process."""
    _set(registry, "TimeLimits", lambda: HURRIED)
    _set(faults, "_RETRIED_ONCE", faults._RETRIED_ONCE / _FACTOR)
    _set(s3_client, "_CONNECT_TIMEOUT", _S3_SECONDS)
    _set(s3_client, "_READ_TIMEOUT", _S3_SECONDS)
    _set(s3_session, "LONGEST_ANSWER", _S3_ANSWER_SECONDS)
    _set(remote, "_TIME_LIMIT", _GIT_SECONDS)


def as_told(text: str) -> str:
    """Return a message with the limits as they really are."""
    lengths = {
        HURRIED.connect: LIMITS.connect,
        HURRIED.read: LIMITS.read,
        HURRIED.answer: LIMITS.answer,
        _S3_ANSWER_SECONDS: _REAL_S3_ANSWER_SECONDS,
        _GIT_SECONDS: _REAL_GIT_SECONDS,
    }
    for short, real in lengths.items():
        text = text.replace(f"{short:g} s", f"{real:g} s")
    return text


_REAL_GIT_SECONDS = remote._TIME_LIMIT
_REAL_S3_ANSWER_SECONDS = s3_session.LONGEST_ANSWER


def _set(module: object, name: str, value: object) -> None:
    assert hasattr(module, name), name
    setattr(module, name, value)
