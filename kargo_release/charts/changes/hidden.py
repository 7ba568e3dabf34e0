"""Manifests without what Secrets hold: of each value only whether it is another than before."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from kargo_release import yamlfile
from kargo_release.errors import InvalidError

_KIND = "Secret"
_HOLD = ("data", "stringData")
# YAML can write the word with escapes, too. What is found here is read, and mostly left as it is.
_SUSPECT = re.compile(rf"{_KIND}|\\")

_WIDTH = 1 << 20  # no line is to be broken
_Place = tuple[str, ...]


class Hiding:
    """Puts ``(hidden 1)`` in the place of a value, and ``(hidden 2)`` where it is another there.

    A number tells nothing of the value; a digest of a weak password would give it away. Equal
    values of two places have nothing in common.
    """

    def __init__(self) -> None:
        self._known: dict[_Place, list[str]] = {}

    def hidden(self, document: str, path: str) -> str:
        """Return the text of a document without what Secrets in it hold, at any depth.

        One with a Secret is written anew, without its comments, which may repeat a value. One that
        may have some and can't be read is hidden as a whole.

        Args:
            document: The text.
            path: Of the template that it is of.
        """
        if not _SUSPECT.search(document):
            return document
        try:
            found = yamlfile.read(document.encode(errors="replace"), path)
        except InvalidError:
            return f"# may hold a Secret, and can't be read: {self._marker((path,), document)}\n"
        shown = self._without(found)
        return document if shown == found else yaml.safe_dump(shown, sort_keys=False, width=_WIDTH)

    @staticmethod
    def _is_secret(value: Mapping[str, Any], *, in_list: bool) -> bool:
        """Whether it is a Secret; in a SecretList its items need not say so."""
        return bool(value.get("kind", _KIND if in_list else "") == _KIND)

    def _without(self, value: Any, *, in_list: bool = False) -> Any:
        if isinstance(value, list):
            return [self._without(each, in_list=in_list) for each in value]
        if not isinstance(value, dict):
            return value
        if not self._is_secret(value, in_list=in_list):
            is_list = value.get("kind") == f"{_KIND}List"
            return {key: self._without(each, in_list=is_list) for key, each in value.items()}
        meta = value.get("metadata")
        names = meta if isinstance(meta, dict) else {}
        place = (str(names.get("namespace")), str(names.get("name")))
        return {
            key: self._held(each, (*place, key)) if key in _HOLD else self._without(each)
            for key, each in value.items()
        }

    def _held(self, value: Any, place: _Place) -> Any:
        if isinstance(value, dict):
            return {key: self._marker((*place, str(key)), each) for key, each in value.items()}
        return value if value is None else self._marker(place, value)

    def _marker(self, place: _Place, value: Any) -> str:
        known = self._known.setdefault(place, [])
        if (text := repr(value)) not in known:
            known.append(text)
        return f"(hidden {known.index(text) + 1})"
