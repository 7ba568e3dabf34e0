"""Takes the inventory: every chart, every version of it, and what is out of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kargo_release import plan
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.desired import ChartRelease, counted
from kargo_release.charts.inventory import gathering
from kargo_release.charts.inventory.contents import bring
from kargo_release.charts.inventory.known import Known
from kargo_release.charts.inventory.standing import Standing, of_row
from kargo_release.charts.inventory.survey import look_at
from kargo_release.charts.metadata import is_name
from kargo_release.charts.project import Project
from kargo_release.charts.route import route_to
from kargo_release.charts.sources import Sources
from kargo_release.errors import FailedError, InvalidError, KargoError, hint
from kargo_release.git.remote import RemoteRefs
from kargo_release.plan import Row, State


@dataclass(frozen=True)
class Chart:
    """One chart.

    Args:
        name: What it is called.
        current: HEAD's version; None where HEAD has no such chart, or a broken one.
        released: Every other version, and HEAD's own where what was released is not what HEAD
            holds; the newest first.
        error: Why HEAD's version can't be packed, or the registry not be asked for versions.
        is_in_head: Whether HEAD has such a chart.
        last_release: The highest version that is tagged.
        begun: The highest version that is claimed and not tagged.
    """

    name: str
    current: Standing | None
    released: Sequence[Standing]
    error: KargoError | None
    is_in_head: bool
    last_release: Known | None
    begun: Known | None


def take_inventory(
    project: Project, names: Sequence[str], waits: Callable[[str], None], *, current_only: bool
) -> list[Chart]:
    """Return the charts by name, compared with what is out.

    Args:
        project: Where the charts are.
        names: The charts; all when empty, those too that HEAD has no more.
        waits: Told what may take a while.
        current_only: Look at HEAD's versions alone.

    Raises:
        FailedError: A destination can't be asked.
        RefusedError: A destination does not let us ask.
        InvalidError: A name is unknown, there is no commit yet, or index.yaml can't be read.
    """
    inventory = _Inventory(project, waits)
    if not current_only:
        inventory.ask_everywhere(names)
    wanted = inventory.named(names, current_only=current_only)
    rows = inventory.compare_head(wanted)
    released = {} if current_only else inventory.survey(wanted, rows)
    return [inventory.chart(name, rows.get(name), released.get(name, ())) for name in wanted]


class _Inventory:
    """What is known while the inventory is taken."""

    def __init__(self, project: Project, waits: Callable[[str], None]) -> None:
        self._project, self._waits = project, waits
        self._remote = project.remote
        if self._remote is not None:
            waits(f"reading the Git remote {self._remote.name}")
        self._refs = RemoteRefs() if self._remote is None else self._remote.refs()
        self._head = project.repository.commit()
        tree = project.repository.tree(self._head)
        self._in_head = Sources(tree, project.settings.charts).names
        self._versions = gathering.from_git(project, self._refs, self._in_head)
        self._unfetched: FailedError | None = None
        self._errors: dict[str, KargoError] = {}

    def ask_everywhere(self, names: Sequence[str]) -> None:
        """Gather the versions of the charts, or of all, from every witness."""
        project, versions = self._project, self._versions
        self._waits("asking which versions are out")
        gathering.add_index(project, versions, names)
        if self._remote is not None:
            known = [each for name in names or versions.names for each in versions.of(name)]
            self._unfetched = bring(project, self._remote, known)
        gathering.drop_others(project, versions, self._in_head)
        asked = [*dict.fromkeys(filter(is_name, names))] or sorted(
            versions.names.union(self._in_head)
        )
        self._errors |= gathering.add_registry(project, versions, asked)
        gathering.drop_development(project, versions)

    def named(self, names: Sequence[str], *, current_only: bool) -> list[str]:
        """Return the charts to list.

        Raises:
            InvalidError: Nothing is known of a name.
        """
        known = {*self._in_head, *(() if current_only else self._versions.names)}
        for name in names:
            if name not in known:
                folder = self._project.settings.charts
                raise InvalidError(
                    f"there is no chart {name!r:.100}, neither in {folder}/ nor released",
                    hint(name, known) or "`list-charts` without a name shows all.",
                )
        return sorted(set(names) or known)

    def compare_head(self, names: Sequence[str]) -> dict[str, Row[ChartRelease]]:
        """Return the rows of HEAD's versions; what can't be packed is kept as an error."""
        wanted = [name for name in names if name in self._in_head]
        packed = pack_charts(self._project, self._project.repository.tree(self._head), wanted)
        self._errors |= packed.errors
        releases = [ChartRelease(it, self._head, is_dev=False) for it in packed.archives.values()]
        self._waits(f"comparing {counted(len(releases))} with what is out")
        route = route_to(self._project, self._remote, self._refs)
        return {row.desired.name: row for row in plan.compare(route.all, releases)}

    def survey(
        self, names: Sequence[str], rows: Mapping[str, Row[ChartRelease]]
    ) -> dict[str, list[Standing]]:
        """Return how the released versions of each chart stand."""
        todo = [
            known
            for name in names
            for known in self._versions.of(name)
            if name not in rows or _is_apart(known, rows[name])
        ]
        if not todo:
            return {}
        self._waits(f"comparing {len(todo)} released versions")
        standings = look_at(self._project, self._head, todo, self._unfetched)
        by_name: dict[str, list[Standing]] = {name: [] for name in names}
        for each in standings:
            by_name[each.known.name].append(each)
        return by_name

    def chart(
        self, name: str, row: Row[ChartRelease] | None, released: Sequence[Standing]
    ) -> Chart:
        """Return all that is known of a chart."""
        known = self._versions.of(name)
        current = None if row is None else of_row(row, self._known(row.desired))
        return Chart(
            name,
            current,
            released,
            error=self._errors.get(name),
            is_in_head=name in self._in_head,
            last_release=next((each for each in known if each.tag), None),
            begun=next((each for each in known if each.claim and not each.tag), None),
        )

    def _known(self, release: ChartRelease) -> Known:
        known = {each.version: each for each in self._versions.of(release.name)}
        return known.get(release.version, Known(release.name, release.version))


def _is_apart(known: Known, row: Row[ChartRelease]) -> bool:
    """Whether a version is to be told beside HEAD's: another one, or released from elsewhere."""
    if known.version != row.desired.version:
        return True
    found = [row.found[name] for name in ("tag", "claim") if name in row.found]
    return any(each.state is State.DIFFERENT for each in found)
