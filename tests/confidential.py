"""The mark that every secret of the tests bears, and the search for it."""

import subprocess
from base64 import b64encode
from collections.abc import Callable
from typing import Any

MARK = "s3cret"
"""Whatever a test gives away as a secret has it in it, and nothing else has."""

# Programs whose words are ours; what Git or a credential helper prints may hold secrets.
_OURS = ("kargo-release", "kargo", "invoke", "dying.py")


def _forms() -> tuple[str, ...]:
    """Return the mark as it is, and in the middle of base64, where it may begin at three places."""
    mark = MARK.encode()
    at_start = b64encode(mark).decode()
    # Only whole characters of ours count: others hold bits of what stands before and after.
    after_one = b64encode(b"?" + mark).decode()[2:9]
    after_two = b64encode(b"??" + mark).decode()[3:10]
    return MARK, at_start, after_one, after_two


FORMS = _forms()


def betrayed(text: str) -> list[str]:
    """Return the forms of a secret that a text holds."""
    return [form for form in FORMS if form in text]


def check(text: str, where: str) -> None:
    """Fail if a text holds a secret."""
    assert not betrayed(text), f"{where} holds a secret: {text}"


def checked_communicate(
    communicate: Callable[..., tuple[Any, Any]],
) -> Callable[..., tuple[Any, Any]]:
    """Return ``Popen.communicate`` with a look at what programs of ours say."""

    def checked(self: "subprocess.Popen[Any]", *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        streams = communicate(self, *args, **kwargs)
        if _is_ours(self.args):
            for each in streams:
                text = each.decode(errors="replace") if isinstance(each, bytes) else each or ""
                check(text, "what a command printed")
        return streams

    return checked


def _is_ours(arguments: Any) -> bool:
    words = [arguments] if isinstance(arguments, str | bytes) else list(arguments)
    return any(str(word).endswith(_OURS) for word in words)
