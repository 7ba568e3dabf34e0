"""What a Chart.yaml says, held to Helm's rules and to those of a release.

Source of the rules: helm/helm ``pkg/chart/v2/metadata.go`` and ``dependency.go``.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kargo_release import versions, yamlfile
from kargo_release.charts import metadata_kinds
from kargo_release.errors import InvalidError

# A chart's name becomes the last part of a repository's path in a registry, which allows no
# more (OCI distribution specification 1.1, "Pulling manifests").
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
# What Helm takes as the name of a chart: no path (pkg/chart/v2/metadata.go, Validate).
_ANY_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f]+")
_ALIAS = re.compile(r"[a-zA-Z0-9_-]+")
FIELDS = (
    "name", "home", "sources", "version", "description", "keywords", "maintainers", "icon",
    "apiVersion", "condition", "tags", "appVersion", "deprecated", "annotations", "kubeVersion",
    "dependencies", "type",
)  # fmt: skip
"""The fields in the order of Helm's Metadata, which is that of its JSON."""


@dataclass(frozen=True)
class Dependency:
    """A dependency as Chart.yaml names it; ``repository`` is empty for a vendored chart."""

    name: str
    version: str
    repository: str
    alias: str


@dataclass(frozen=True)
class Metadata:
    """A valid Chart.yaml. ``document`` is as it was read."""

    name: str
    version: str
    document: Mapping[str, Any]

    @property
    def app_version(self) -> str:
        """The version of what the chart deploys; empty when there is none."""
        return str(self.document.get("appVersion") or "")

    @property
    def is_library(self) -> bool:
        """Whether the chart only serves other charts, and can't be installed."""
        return self.document.get("type") == "library"

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What the chart needs, in its own order."""
        return tuple(_dependency(each) for each in self.document.get("dependencies") or ())

    @cached_property
    def helm(self) -> dict[str, Any]:
        """The metadata as Helm's own struct holds it: its fields in order, empty ones left out."""
        cleaned = {key: _cleaned(self.document[key]) for key in FIELDS if self.document.get(key)}
        if "annotations" in cleaned:
            cleaned["annotations"] = dict(sorted(cleaned["annotations"].items()))
        for key, order in (("dependencies", _DEPENDENCY), ("maintainers", _MAINTAINER)):
            if key in cleaned:
                cleaned[key] = [_in_order(each, order) for each in cleaned[key]]
        return cleaned


# Helm writes these two of a dependency even when they are empty.
_DEPENDENCY = {
    "name": True, "version": False, "repository": True, "condition": False, "tags": False,
    "enabled": False, "import-values": False, "alias": False,
}  # fmt: skip
_MAINTAINER = {"name": False, "email": False, "url": False}


def is_name(text: str) -> bool:
    """Whether a chart can be called so."""
    return _NAME.fullmatch(text) is not None


def read(data: bytes, source: str) -> Metadata:
    """Return what a Chart.yaml says.

    Args:
        data: The file's bytes.
        source: How messages name the file.

    Raises:
        InvalidError: It can't be read, or breaks a rule.
    """
    document = yamlfile.read_mapping(data, source)
    _check(document, _NAME, source)
    try:
        versions.parse_strict(document["version"])
    except InvalidError as error:
        raise InvalidError(f"{source}: {error.message}", error.remedy) from None
    if document["version"].endswith(".lock"):  # git-check-ref-format(1)
        raise InvalidError(
            f"{source}: the version ends with .lock, and Git takes no such tag",
            "Give the version another end.",
        )
    return Metadata(document["name"], document["version"], document)


def read_packed(data: bytes, source: str) -> Metadata:
    """Return what the Chart.yaml of an archive says, which others may have made.

    As ``read``, but names and versions are held to Helm's rules, which are wider than ours.

    Raises:
        InvalidError: It can't be read, or breaks a rule.
    """
    document = yamlfile.read_mapping(data, source)
    document.setdefault("apiVersion", "v1")  # as Helm's loader does
    _check(document, _ANY_NAME, source)
    try:
        versions.parse_loose(document["version"])
    except InvalidError as error:
        raise InvalidError(f"{source}: {error.message}", error.remedy) from None
    return Metadata(document["name"], document["version"], document)


def _check(document: Mapping[str, Any], names: re.Pattern[str], source: str) -> None:
    for fault, remedy in _faults(document, names):
        raise InvalidError(f"{source}: {fault}", remedy)


def _faults(document: Mapping[str, Any], names: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield each broken rule with its remedy; the first is the one that is told."""
    yield from metadata_kinds.faults(document)
    if document.get("apiVersion") not in ("v1", "v2"):
        yield f"apiVersion is {document.get('apiVersion')!r}", "Write `apiVersion: v2`."
    for key in ("name", "version"):
        if not document.get(key):
            yield f"it has no {key}", f"Add the line `{key}: …`."
    if not names.fullmatch(document.get("name", "")):
        remedy = "Use lower-case letters and digits, with single `-`, `.` or `_` between them."
        yield f"{document.get('name')!r:.100} can't be a chart's name", remedy
    if document.get("type") not in (None, "", "application", "library"):
        yield f"type is {document['type']!r}", "It is `application` or `library`."
    yield from _dependency_faults(document, names)


def _dependency_faults(
    document: Mapping[str, Any], names: re.Pattern[str]
) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for each in document.get("dependencies") or []:
        alias = each.get("alias") or ""
        if not names.fullmatch(each.get("name") or "") or (alias and not _ALIAS.fullmatch(alias)):
            yield f"a dependency is called {alias or each.get('name')!r:.100}", "Mend its name."
        key = alias or each.get("name")
        if key in seen:
            yield f"two dependencies are called {key}", "Give one of them an alias."
        seen.add(str(key))


_READ = ("name", "version", "repository", "alias")


def _dependency(given: Mapping[str, Any]) -> Dependency:
    return Dependency(*(str(given.get(key) or "") for key in _READ))


def _in_order(given: Mapping[str, Any], fields: Mapping[str, bool]) -> dict[str, Any]:
    """Return the fields that Helm knows, in its order, those with a value or always written."""
    return {
        key: _by_key(value) if key == "import-values" else _cleaned(value)
        for key, always in fields.items()
        if (value := given.get(key) or "") or always
    }


def _by_key(value: Any) -> Any:
    """Return free-form data with the keys of its mappings in order, as Go writes maps."""
    if isinstance(value, dict):
        return {key: _by_key(value[key]) for key in sorted(value, key=str)}
    return list(map(_by_key, value)) if isinstance(value, list) else value


def _cleaned(value: Any) -> Any:
    """Return the value with Helm's ``sanitizeString`` done to its texts."""
    if isinstance(value, str):
        return "".join(map(_cleaned_character, value))
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return value


def _cleaned_character(character: str) -> str:
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f":  # no spaces to Go
        return " "
    return "" if unicodedata.category(character)[0] in "CZ" else character
