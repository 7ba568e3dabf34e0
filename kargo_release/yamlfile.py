"""Reads small YAML files safely, and edits one scalar without touching another byte."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from kargo_release.errors import InvalidError

# Files that people write by hand: anything larger is a mistake or an attack.
SIZE_LIMIT = 1024 * 1024
_NODE_LIMIT = 100_000
_DEPTH_LIMIT = 100
# Each collection takes one of these of its own, and each further item or pair too: a text with
# few of them is neither deep nor large (YAML 1.2.2, 7.4 and 8.2).
_INDICATORS = "-?:,[{"
_NUMBER_LIMIT = 100  # characters; making numbers of longer ones takes time by the square
_BOM = b"\xef\xbb\xbf"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What JSON has too, and merge keys: Helm turns YAML into JSON before it reads it.
_KINDS = ("str", "bool", "null", "map", "seq", "merge")
_TAGS = (*_NUMBERS, *(f"tag:yaml.org,2002:{kind}" for kind in _KINDS))
# What the YAML of Go may take for a number or a date though PyYAML does not (go-yaml v3,
# ``resolve.go``): 12e45, 0o17, 2024-01-01; nothing with two dots.
_NUMBER = re.compile(r"[-+.0-9][-+.:_0-9a-fA-FoOxX]*|[yYnN]")
_DOTS = 2
Path = tuple[str | int, ...]
"""Where a value is: keys of mappings and positions in lists, from the top."""

_BaseLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc]  # which of the two is known at run time only
    """PyYAML's safe loader without time stamps: Helm reads them as text, and so do we."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
}


def read(data: bytes, source: str) -> Any:
    """Return what one YAML document holds, as dictionaries, lists and scalars.

    Args:
        data: The file's bytes, UTF-8 with or without a byte order mark.
        source: How messages name the file.

    Raises:
        InvalidError: Not UTF-8, not one YAML document, over 1 MiB, a key given twice, a tag
            that JSON has no kind for, nested over 100 deep, or over 100,000 nodes, aliases
            written out.
    """
    return _construct(_compose(data, source), source)


def _construct(node: yaml.Node | None, source: str) -> Any:
    if node is None:
        return None
    try:
        return _Loader("").construct_document(node)
    except yaml.YAMLError as error:
        raise InvalidError(f"{source} can't be read: {_reason(error)}", "Mend the YAML.") from None
    except (ValueError, LookupError):  # PyYAML's own, of `!!bool maybe` and `!!int ""`
        message = f"{source} holds a value that is not of the kind its tag says"
        raise InvalidError(message, "Remove the tag, the word after `!!`.") from None


def read_mapping(data: bytes, source: str) -> dict[str, Any]:
    """Return a document that must be a mapping with text as keys.

    Raises:
        InvalidError: As ``read`` does, or the document is something else.
    """
    return _mapping(_compose(data, source), source)


def _mapping(node: yaml.Node | None, source: str) -> dict[str, Any]:
    document = _construct(node, source)
    if document is None:
        raise InvalidError(f"{source} is empty", "Write the keys that it needs.")
    if not isinstance(document, dict):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise InvalidError(f"{source} holds {kind}", "It must be a mapping: `key: value` lines.")
    for key in document:
        if not isinstance(key, str):
            raise InvalidError(f"{source} has the key {key!r}, which is no text", "Quote it.")
    return document


def replace_scalar(data: bytes, key: str, value: str, source: str) -> bytes:
    """Return ``data`` with the top-level scalar ``key`` made ``value``; no other byte changes.

    Quotes stay as they are. What has none gets double ones where it would be read as another text.

    Raises:
        InvalidError: The document can't be read, has no such scalar, or one that can't be
            replaced without a change elsewhere.
    """
    return replace_at(data, (key,), value, source)


def replace_at(data: bytes, path: Path, value: str, source: str) -> bytes:
    """Return ``data`` with the scalar at a path made ``value``, as `replace_scalar` does.

    Args:
        data: The file's bytes.
        path: Where it is: ``("dependencies", 0, "version")``.
        value: The text.
        source: How messages name the file.

    Raises:
        InvalidError: As `replace_scalar`.
    """
    if not value.isprintable():
        raise InvalidError(f"{value!r:.100} can't be written into {source}", "Give it on one line.")
    node = _compose(data, source)
    scalar = _scalar(node, path, source)
    replaced = _replaced(data, scalar, value)
    try:
        is_alone = not _has_properties(data, scalar) and read_mapping(replaced, source) == _with(
            _mapping(node, source), path, value
        )
    except InvalidError:
        is_alone = False
    if not is_alone:
        raise InvalidError(
            f"{source}: `{path[-1]}` can't be changed without changing more",
            f"Write it on one line, without an anchor, alias or tag: `{path[-1]}: …`.",
        )
    return replaced


def _with(document: Any, path: Path, value: str) -> Any:
    """Return a copy of a document with another value at a path."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = _with(document[path[0]], path[1:], value)
    return copy


def _scalar(node: yaml.Node | None, path: Path, source: str) -> yaml.ScalarNode:
    found = node
    for step in path:
        found = _step(found, step)
    if not isinstance(found, yaml.ScalarNode):
        raise InvalidError(f"{source} has no `{path[-1]}`", f"Add the line `{path[-1]}: …`.")
    return found


def _step(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == step), None)
    return None


def _has_properties(data: bytes, scalar: yaml.ScalarNode) -> bool:
    """Whether an anchor or a tag stands before a scalar (YAML 1.2.2, 6.9), which would be lost."""
    return data.removeprefix(_BOM).decode()[scalar.start_mark.index :][:1] in {"&", "!"}


def _replaced(data: bytes, scalar: yaml.ScalarNode, value: str) -> bytes:
    bom = _BOM if data.startswith(_BOM) else b""
    text = data[len(bom) :].decode()
    start, end = scalar.start_mark.index, scalar.end_mark.index
    return bom + (text[:start] + _written(value, scalar.style) + text[end:]).encode()


def _written(value: str, style: str | None) -> str:
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    is_plain = style != '"' and _is_plain(value)
    return value if is_plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_plain(value: str) -> bool:
    """Whether a text without quotes is read as itself, by Helm's reader too, which is another."""
    if _NUMBER.fullmatch(value) and value.count(".") < _DOTS:
        return False
    try:
        return bool(_Loader(value).get_single_data() == value)
    except (yaml.YAMLError, ValueError, LookupError):
        return False


def _compose(data: bytes, source: str) -> yaml.Node | None:
    if len(data) > SIZE_LIMIT:
        size = f"{len(data) / SIZE_LIMIT:.1f} MiB"
        raise InvalidError(f"{source} is {size}, over the limit of 1 MiB", "Make it smaller.")
    try:
        text = data.removeprefix(_BOM).decode()
        if sum(map(text.count, _INDICATORS)) > _DEPTH_LIMIT:
            _check_size(text, source)
        node: yaml.Node | None = _Loader(text).get_single_node()
    except UnicodeDecodeError:
        raise InvalidError(f"{source} is not UTF-8 text", "Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        raise InvalidError(f"{source} is not YAML: {_reason(error)}", "Mend the YAML.") from None
    if node is not None:
        _Measure(source).measure(node)
    return node


def events(text: str, source: str) -> Iterator[yaml.Event]:
    """Yield what a text of any size is made of, as PyYAML's parser tells it; nothing is built.

    Args:
        text: The text.
        source: How messages name it.

    Raises:
        InvalidError: It is not YAML, or nested over 100 deep.
    """
    depth = 0
    try:
        for event in yaml.parse(text, _Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH_LIMIT:
                raise InvalidError(f"{source} is nested over {_DEPTH_LIMIT} deep", "Mend the YAML.")
            yield event
    except (yaml.YAMLError, UnicodeError) as error:
        raise InvalidError(f"{source} is not YAML: {_reason(error)}", "Mend the YAML.") from None


def _check_size(text: str, source: str) -> None:
    """Raise InvalidError before nodes are made of what is too deep or too much.

    Composing recurses in C, and would crash Python.
    """
    for count, _ in enumerate(events(text, source)):
        if count > _NODE_LIMIT:
            raise InvalidError(f"{source} holds over {_NODE_LIMIT:,} values", "Make it smaller.")


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    what = getattr(error, "problem", None) or str(error)
    return f"{where}{' '.join(str(what).split())}"


class _Measure:
    """Counts the nodes that a document stands for once its aliases are written out."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._sizes: dict[int, int | None] = {}

    def measure(self, node: yaml.Node) -> int:
        if id(node) in self._sizes:
            return self._known(node)
        self._check_kind(node)
        self._sizes[id(node)] = None
        size = 1 + sum(map(self.measure, self._children(node)))
        if size > _NODE_LIMIT:
            raise self._refuse(node, f"over {_NODE_LIMIT:,} values once its aliases are expanded")
        self._sizes[id(node)] = size
        return size

    def _known(self, node: yaml.Node) -> int:
        size = self._sizes[id(node)]
        if size is None:
            raise self._refuse(node, "an alias that contains itself")
        return size

    def _check_kind(self, node: yaml.Node) -> None:
        if node.tag not in _TAGS:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refuse(node, f"the tag {tag[:80]}, which is not supported")
        if node.tag in _NUMBERS and len(node.value) > _NUMBER_LIMIT:
            raise self._refuse(node, f"a number of over {_NUMBER_LIMIT} digits; quote it if a text")

    def _children(self, node: yaml.Node) -> Iterator[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        elif isinstance(node, yaml.MappingNode):
            seen: set[tuple[str, str]] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    self._check_unique(key, seen)
                yield key
                yield value

    def _check_unique(self, key: yaml.ScalarNode, seen: set[tuple[str, str]]) -> None:
        name = (key.tag, key.value)
        if name in seen and key.value != "<<":
            raise self._refuse(key, f"the key `{key.value[:80]}` given twice")
        seen.add(name)

    def _refuse(self, node: yaml.Node, what: str) -> InvalidError:
        line = node.start_mark.line + 1
        return InvalidError(f"{self._source}, line {line}: {what}", "Mend the YAML.")
