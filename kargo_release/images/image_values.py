"""Takes the values of an ``image.yaml`` by their kinds, and says what a wrong one must be."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NoReturn

from kargo_release.errors import InvalidError, hint, printable, redact

_SHOWN = 60  # characters of a wrong value that a message repeats
# A program's argument ends at 128 KiB on Linux; nothing that a person writes here is as long.
_LONGEST = 4096
_UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([kMGT]?B|[KMGT]iB)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
SIZE_FORM = "a number and a unit, such as `250 MB` or `1.5 GiB`"


class Values:
    """The keys and values of one file.

    Args:
        given: What the file holds.
        source: How messages name the file.
        known: The keys that it may hold.

    Raises:
        InvalidError: It holds another key.
    """

    def __init__(self, given: Mapping[str, Any], source: str, known: tuple[str, ...]) -> None:
        self._given = given
        self._source = source
        for key in given:
            if key not in known:
                shown = printable(key[:_SHOWN])
                remedy = hint(key[:_SHOWN], known) or f"Known are: {', '.join(known)}."
                raise InvalidError(f"{source}: unknown key `{shown}`", remedy)

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def text(self, key: str) -> str | None:
        """Return a text that is not empty, on one line; None where the key is not given."""
        return self._text(key, self._given[key]) if key in self._given else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; an empty one where the key is not given."""
        values = self._given.get(key, [])
        if not isinstance(values, list) or (key in self._given and not values):
            self.refuse(key, "a list of texts, such as `[one, two]`", values)
        return tuple(self._text(f"{key}[{at}]", value) for at, value in enumerate(values))

    def mapping(self, key: str) -> Mapping[str, str]:
        """Return texts by their names; none where the key is not given."""
        values = self._given.get(key, {})
        if not isinstance(values, dict):
            self.refuse(key, "a mapping of names to texts", values)
        return {
            self._text(key, name): self._text(f"{key}.{name}", value, may_be_empty=True)
            for name, value in values.items()
        }

    def size(self, key: str) -> int | None:
        """Return a size in bytes, at least one; None where the key is not given."""
        if key not in self._given:
            return None
        value = self._given[key]
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        size = int(Fraction(match[1]) * _UNITS[match[2]]) if match else 0
        return size or self.refuse(key, f"{SIZE_FORM}, above zero", value)

    def refuse(self, key: str, wanted: str, value: Any = None) -> NoReturn:
        """Refuse the value of a key.

        Args:
            key: The key; an item's with its number, ``smoke[1]``.
            wanted: What it must be: ``a folder inside the repository``.
            value: The value, where it is not that of the key itself.

        Raises:
            InvalidError: Always.
        """
        value = self._given.get(key) if value is None else value
        # Before it is cut: of a password without its end nobody could tell that it is one.
        shown = "empty" if value is None else redact(f"{value!r:.4096}")
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise InvalidError(
            f"{self._source}: `{printable(key[:_SHOWN])}` is {shown}", f"It must be {wanted}."
        )

    def _text(self, key: str, value: Any, *, may_be_empty: bool = False) -> str:
        if isinstance(value, bool | int | float):
            self._refuse_unquoted(key, value)
        if not isinstance(value, str) or not (value.strip() or may_be_empty):
            self.refuse(key, "a text that is not empty", value)
        if _CONTROL.search(value) or len(value) > _LONGEST:
            self.refuse(key, f"a text on one line of at most {_LONGEST} characters", value)
        return value

    def _refuse_unquoted(self, key: str, value: bool | float) -> NoReturn:
        kind = "a truth value" if isinstance(value, bool) else "a number"
        name = printable(key[:_SHOWN])
        raise InvalidError(
            f"{self._source}: `{name}` is {kind} to YAML, which reads {value!r:.30}",
            'Put quotes around it as you mean it: "1.10" stays 1.10, and 1.10 becomes 1.1.',
        )
