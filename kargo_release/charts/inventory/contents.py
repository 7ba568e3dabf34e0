"""What versions are to hold: told by the commits that their tags and claims stand for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kargo_release import yamlfile
from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.catalogue import Packed, pack_charts
from kargo_release.charts.destinations.tags import ARCHIVE_DIGEST, CONTENT_DIGEST, trailers
from kargo_release.charts.inventory.known import Known, Ref
from kargo_release.charts.project import Project
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import FailedError
from kargo_release.git import objects
from kargo_release.git.remote import CLAIMS, Remote
from kargo_release.git.repository import short
from kargo_release.git.tree import Tree

_REFS_A_FETCH = 1000  # their names must fit on one command line


@dataclass(frozen=True)
class Told:
    """What is known of a content; each empty where it is not."""

    digest: str
    app_version: str


NOTHING = Told("", "")


@dataclass(frozen=True)
class Content:
    """What a version is to hold.

    Args:
        sha256: Of the archive that was released, as its tag states it; else empty.
        declared: The content digest, as the tag states it; else empty.
        read: Gives the files: packs them, or reads what is out.
    """

    sha256: str
    declared: str
    read: Callable[[], ChartArchive]

    @cached_property
    def archive(self) -> ChartArchive:
        """The files.

        Raises:
            KargoError: They can't be packed or read.
        """
        return self.read()

    @property
    def digest(self) -> str:
        """The content digest.

        Raises:
            KargoError: As ``archive``, where nobody has stated it.
        """
        return self.declared or self.archive.content_digest

    @property
    def told(self) -> Told:
        """What is known without reading anything more."""
        archive: ChartArchive | None = self.__dict__.get("archive")
        if archive is None:
            return Told(self.declared, "")
        return Told(self.declared or archive.content_digest, _app_version(archive))


def _app_version(archive: ChartArchive) -> str:
    data = next(file.data for file in archive.files if file.path == CHART_FILE)
    return str(yamlfile.read_mapping(data, CHART_FILE).get("appVersion") or "")


class PackedAt:
    """Charts of one commit, packed together when the first of them is asked for."""

    def __init__(self, project: Project, commit: str, names: Iterable[str]) -> None:
        self._project = project
        self._commit = commit
        self._names = list(dict.fromkeys(names))

    def archive(self, name: str) -> ChartArchive:
        """Return a chart's archive.

        Raises:
            KargoError: It can't be packed.
        """
        if name in self._packed.errors:
            raise self._packed.errors[name]
        return self._packed.archives[name]

    def at(self, commit: str) -> "PackedAt":
        """Return the same charts of the commit, which is another one where a tag misleads."""
        if commit == self._commit:
            return self
        return PackedAt(self._project, commit, self._names)

    @cached_property
    def _packed(self) -> Packed:
        tree = Tree(self._project.repository, self._commit, {})
        return pack_charts(self._project, tree, self._names)


class Commits:
    """What the clone tells of the tags and claims of many versions, read in a few runs of Git.

    Args:
        project: Where charts are.
        versions: Those that will be asked for.
        failure: Why the clone may lack some of their commits.
    """

    def __init__(
        self, project: Project, versions: Sequence[Known], failure: FailedError | None
    ) -> None:
        self._project = project
        self._failure = failure
        self._local_tags = project.repository.local_tags()
        tags = [known.tag.oid for known in versions if known.tag]
        self._tags = objects.read(project.repository, tags)
        self._charts = objects.read(
            project.repository,
            (self._path(known.name, ref) for known in versions for ref in _refs(known)),
        )

    def fault(self, name: str, version: str, ref: Ref) -> str:
        """Return why a ref does not stand for this version; empty where it does.

        Raises:
            FailedError: Its commit could not be fetched.
            InvalidError: What it holds can't be read.
        """
        held = self._charts.get(self._path(name, ref))
        if held is None or held.kind != "blob":
            if self._failure is not None:
                raise self._failure
            return f"at commit {short(ref.commit)}, which holds no {name}"
        if CONTENT_DIGEST in self.stated(ref):
            return ""
        found = yamlfile.read_mapping(held.data, self._path(name, ref)).get("version")
        if found == version:
            return ""
        return f"at commit {short(ref.commit)}, which holds {name} {found}"

    def name(self, ref: Ref) -> str:
        """Return how this clone names the ref's commit: by the tag, if it has that."""
        return ref.name if self._local_tags.get(ref.name) == ref.commit else short(ref.commit)

    def stated(self, tag: Ref) -> Mapping[str, str]:
        """Return what an annotated tag of ours says of the release."""
        held = self._tags.get(tag.oid)
        if held is None or held.kind != "tag":
            return {}
        return trailers(held.data.partition(b"\n\n")[2].decode(errors="replace"))

    def content(self, known: Known, ref: Ref, packed: PackedAt) -> Content:
        """Return what the version holds at the commit of its tag or claim."""
        stated = self.stated(ref)
        return Content(
            sha256=stated.get(ARCHIVE_DIGEST, "").removeprefix("sha256:"),
            declared=stated.get(CONTENT_DIGEST, ""),
            read=lambda: packed.archive(known.name),
        )

    def _path(self, name: str, ref: Ref) -> str:
        return f"{ref.commit}:{self._project.settings.charts}/{name}/{CHART_FILE}"


def bring(project: Project, remote: Remote, versions: Iterable[Known]) -> FailedError | None:
    """Fetch the commits of tags and claims that the clone lacks; no ref of the clone changes.

    Returns:
        Why some could not be fetched: told where they are asked for, for most may be there.
    """
    refs = {
        f"{place}{ref.name}": ref.oid
        for known in versions
        for place, ref in (("refs/tags/", known.tag), (CLAIMS, known.claim))
        if ref is not None
    }
    lacking = objects.missing(project.repository, refs.values())
    wanted = [name for name, oid in refs.items() if oid in lacking]
    try:
        for start in range(0, len(wanted), _REFS_A_FETCH):
            remote.fetch(wanted[start : start + _REFS_A_FETCH])
    except FailedError as error:
        return error
    return None


def _refs(known: Known) -> list[Ref]:
    return [ref for ref in (known.tag, known.claim) if ref is not None]
