"""The Kubernetes resources that manifests hold, and how those of two renderings compare."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from kargo_release import yamlfile

# Helm takes manifests apart at these lines, too, before it reads them as YAML (helm/helm
# pkg/release/v1/util/manifest.go, SplitManifests).
_SEPARATOR = re.compile(r"^---[ \t]*", re.MULTILINE)


@dataclass(frozen=True, order=True)
class ResourceKey:
    """What tells a resource from others of a cluster; its API's version is no part of that.

    Args:
        kind: Its kind, ``Deployment``.
        namespace: What its manifest says; mostly empty, for Helm says it at the installation.
        name: Its name; empty where its manifest has none.
        group: Its API's group, ``apps``; empty for the core's.
    """

    kind: str
    namespace: str
    name: str
    group: str

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


@dataclass(frozen=True)
class ResourceChanges:
    """How resources compare, each sorted."""

    added: tuple[ResourceKey, ...] = ()
    removed: tuple[ResourceKey, ...] = ()
    changed: tuple[ResourceKey, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.added or self.removed or self.changed)


def resources(manifests: Mapping[str, str]) -> dict[ResourceKey, str]:
    """Return the text of each resource; of one that is there more than once, all its texts.

    Args:
        manifests: What Helm rendered, by the paths of templates, as `HelmReport` has it.

    Raises:
        InvalidError: A manifest is not YAML, or nested over 100 deep.
    """
    found: dict[ResourceKey, list[str]] = {}
    for path in sorted(manifests):
        for text in documents(manifests[path]):
            if key := key_of(text, path):
                found.setdefault(key, []).append(text.strip())
    return {key: "\n---\n".join(texts) for key, texts in found.items()}


def compared(
    before: Mapping[ResourceKey, str], after: Mapping[ResourceKey, str]
) -> ResourceChanges:
    """Return how resources compare, by their texts.

    Args:
        before: What `resources` returned of one rendering.
        after: What it returned of another.
    """
    return ResourceChanges(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(key for key in before.keys() & after if before[key] != after[key])),
    )


def documents(manifest: str) -> list[str]:
    """Return the documents of a template's manifest; some may be blank."""
    return _SEPARATOR.split(manifest)


def key_of(document: str, path: str) -> ResourceKey | None:
    """Return the key of a resource; None for a document without any, as of comments alone.

    A key that is given twice counts as given last, as for Kubernetes.

    Args:
        document: Its text.
        path: How messages name the manifest.

    Raises:
        InvalidError: It is not YAML, or nested over 100 deep.
    """
    events = yamlfile.events(document, path)
    for event in events:
        if isinstance(event, yaml.MappingStartEvent):
            found = dict(_scalars(events))
            return ResourceKey(
                kind=found.get(("kind",), ""),
                namespace=found.get(("metadata", "namespace"), ""),
                name=found.get(("metadata", "name"), ""),
                group=found.get(("apiVersion",), "").rpartition("/")[0],
            )
    return None


def _scalars(
    events: Iterator[yaml.Event], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the scalars of a mapping that has begun, and of its ``metadata``, with their paths."""
    for key in events:
        if isinstance(key, yaml.MappingEndEvent):
            return
        name = getattr(key, "value", "")
        _pass_over(key, events)
        value = next(events)
        if isinstance(value, yaml.ScalarEvent):
            yield (*path, name), value.value
        elif isinstance(value, yaml.MappingStartEvent) and (*path, name) == ("metadata",):
            yield from _scalars(events, ("metadata",))
        else:
            _pass_over(value, events)


def _pass_over(event: yaml.Event, events: Iterator[yaml.Event]) -> None:
    """Leave out the rest of what has begun with an event."""
    depth = int(isinstance(event, yaml.CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
