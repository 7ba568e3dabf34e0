"""Shortens what a release waits for, in the same proportions: nobody waits for minutes in a test.

The pauses between tries are shortened for all. A time limit is shortened only where something is
silent on purpose: what is well but slow, on a busy machine, must not be taken for broken.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

from kargo_release.bucket import s3_client, s3_session
from kargo_release.git import remote
from kargo_release.oci import faults, registry
from kargo_release.oci.retry import TimeLimits

LIMITS = TimeLimits()
_FACTOR = 20
_PAUSES = {
    name: getattr(LIMITS, name) / _FACTOR for name in ("backoff", "longest_wait", "broken", "busy")
}
# Each has a length of its own, by which it is known in a message.
_CONNECT, _READ, _ANSWER = 2.1, 3.1, 7.3
_S3_SECONDS, _S3_ANSWER = 2.4, 7.4
_GIT = 8.2
_REAL_S3_ANSWER = s3_session.LONGEST_ANSWER
_REAL_GIT = remote._TIME_LIMIT


@contextmanager
def hurried(silent: str | None) -> Iterator[None]:
    """Shorten the pauses, and every time limit of the destination that is silent on purpose."""
    limits = replace(LIMITS, **_PAUSES)
    with ExitStack() as stack:
        if silent == "registry":
            limits = replace(limits, connect=_CONNECT, read=_READ, answer=_ANSWER)
        elif silent == "backup":
            stack.enter_context(patch.object(s3_client, "_CONNECT_TIMEOUT", _S3_SECONDS))
            stack.enter_context(patch.object(s3_client, "_READ_TIMEOUT", _S3_SECONDS))
            stack.enter_context(patch.object(s3_session, "LONGEST_ANSWER", _S3_ANSWER))
        elif silent == "git":
            stack.enter_context(patch.object(remote, "_TIME_LIMIT", _GIT))
        stack.enter_context(patch.object(registry, "TimeLimits", lambda: limits))
        stack.enter_context(patch.object(faults, "_RETRIED_ONCE", faults._RETRIED_ONCE / _FACTOR))
        yield


def as_told(text: str) -> str:
    """Return a message with the limits as they really are."""
    lengths = {
        _CONNECT: LIMITS.connect,
        _READ: LIMITS.read,
        _ANSWER: LIMITS.answer,
        _S3_ANSWER: _REAL_S3_ANSWER,
        _GIT: _REAL_GIT,
    }
    for short, real in lengths.items():
        text = text.replace(f"{short:g} s", f"{real:g} s")
    return text
