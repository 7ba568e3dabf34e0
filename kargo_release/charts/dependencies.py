"""Resolves a chart's dependencies on other charts of the same commit.

Source of the rules: helm/helm ``internal/resolver/resolver.go`` (Resolve, GetLocalPath) and
``pkg/action/dependency.go``.
"""

import posixpath
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property

from kargo_release import versions
from kargo_release.charts.metadata import Dependency
from kargo_release.charts.sources import ChartSource, Sources
from kargo_release.charts.subcharts import MAX_DEPTH
from kargo_release.errors import InvalidError

_SCHEME = "file://"
_MOST_CHARTS = 1000  # packed into one another; ours, so that diamonds on diamonds end


@dataclass(frozen=True)
class ResolvedChart:
    """A chart with the charts of the same commit that are packed into it, by their names."""

    source: ChartSource
    dependencies: tuple["ResolvedChart", ...]

    @cached_property
    def count(self) -> int:
        """How many charts are packed, itself included, each as often as it is."""
        return 1 + sum(dependency.count for dependency in self.dependencies)

    @cached_property
    def depth(self) -> int:
        """How many charts lie in one another, itself included."""
        return 1 + max((dependency.depth for dependency in self.dependencies), default=0)

    def every_chart(self) -> Iterator["ResolvedChart"]:
        """Yield the chart itself and all its dependencies, at any depth."""
        yield self
        for dependency in self.dependencies:
            yield from dependency.every_chart()

    def every_source(self) -> Iterator[ChartSource]:
        """Yield the chart's own source and those of all its dependencies, at any depth."""
        for chart in self.every_chart():
            yield chart.source

    def packs_any(self, names: Container[str]) -> bool:
        """Whether one of the charts in it, at any depth, is called so."""
        return any(each.source.name in names or each.packs_any(names) for each in self.dependencies)


def resolve(source: ChartSource, sources: Sources) -> ResolvedChart:
    """Return the chart with its ``file://`` dependencies, theirs included.

    Raises:
        InvalidError: A dependency is no chart of this repository, its version is out of the range,
            it needs itself or too many charts, or its repository is of another kind.
    """
    return _resolve(source, sources, (), {})


def _resolve(
    source: ChartSource, sources: Sources, path: tuple[str, ...], known: dict[str, ResolvedChart]
) -> ResolvedChart:
    """Return the chart resolved; ``path`` leads to it, and ``known`` holds what is done."""
    if source.folder in path:
        names = " → ".join(map(posixpath.basename, (*path, source.folder)))
        raise InvalidError(f"the charts need each other in a circle: {names}", "Break the circle.")
    if source.folder not in known:
        if len(path) >= MAX_DEPTH:
            raise _too_deep(source)
        dependencies = _dependencies(source, sources, (*path, source.folder), known)
        known[source.folder] = ResolvedChart(source, dependencies)
        _check_size(known[source.folder])
    return known[source.folder]


def _check_size(chart: ResolvedChart) -> None:
    if chart.depth > MAX_DEPTH:
        raise _too_deep(chart.source)
    if chart.count > _MOST_CHARTS:
        raise InvalidError(
            f"{chart.source.folder} needs over {_MOST_CHARTS:,} charts, each packed into another",
            "Let fewer charts depend on the same ones.",
        )


def _too_deep(source: ChartSource) -> InvalidError:
    return InvalidError(
        f"{source.folder} is part of a chain of over {MAX_DEPTH} charts, each needing the next",
        "Shorten the chain.",
    )


def _dependencies(
    source: ChartSource, sources: Sources, path: tuple[str, ...], known: dict[str, ResolvedChart]
) -> tuple[ResolvedChart, ...]:
    found: dict[str, ResolvedChart] = {}
    for dependency in source.metadata.dependencies:
        if not dependency.repository:
            _check_vendored(source, dependency)
            continue
        chart = _local(source, dependency, sources)
        other = found.setdefault(dependency.name, _resolve(chart, sources, path, known))
        if other.source.folder != chart.folder:
            raise _refuse(
                source, dependency, "is another chart of a name already used", "Rename it."
            )
    return tuple(found[name] for name in sorted(found))


def _local(source: ChartSource, dependency: Dependency, sources: Sources) -> ChartSource:
    folder = _folder(source, dependency)
    try:
        chart = sources.at(folder)
    except InvalidError as error:
        raise _refuse(source, dependency, f"can't be used: {error.message}", error.remedy) from None
    if chart.name != dependency.name:
        raise _refuse(source, dependency, f"leads to the chart {chart.name}", "Give both one name.")
    if not _admits(source, dependency, chart.metadata.version):
        raise _refuse(
            source,
            dependency,
            f"asks for {dependency.version}, but {chart.folder}/ is {chart.metadata.version}",
            "Change the range, or the version of the dependency.",
        )
    return chart


def _admits(source: ChartSource, dependency: Dependency, version: str) -> bool:
    try:
        return versions.satisfies(version, dependency.version)
    except InvalidError as error:
        raise _refuse(
            source, dependency, f"has a wrong range: {error.message}", error.remedy
        ) from None


def _folder(source: ChartSource, dependency: Dependency) -> str:
    if not dependency.repository.startswith(_SCHEME):
        raise _refuse(
            source,
            dependency,
            f"comes from {dependency.repository}, and only {_SCHEME} is supported yet",
            f"Keep a copy in this repository and name it by {_SCHEME}, or vendor it in charts/.",
        )
    path = dependency.repository.removeprefix(_SCHEME)
    folder = posixpath.normpath(posixpath.join(source.folder, path))
    if path.startswith("/") or folder.startswith("..") or folder == ".":
        raise _refuse(
            source,
            dependency,
            f"leads outside of the repository: {dependency.repository}",
            "Name a chart of this repository, relative to the chart's folder.",
        )
    return folder


def _check_vendored(source: ChartSource, dependency: Dependency) -> None:
    """Raise InvalidError unless charts/ holds something that may be the dependency."""
    prefix = f"charts/{dependency.name}"
    if not any(path.startswith((f"{prefix}/", f"{prefix}-")) for path in source.files):
        raise _refuse(
            source,
            dependency,
            "has no repository, and is not in charts/ either",
            f"Give it `repository: {_SCHEME}../{dependency.name}`, or commit it in charts/.",
        )


def _refuse(source: ChartSource, dependency: Dependency, what: str, remedy: str) -> InvalidError:
    return InvalidError(f"{source.folder}: the dependency {dependency.name} {what}", remedy)
