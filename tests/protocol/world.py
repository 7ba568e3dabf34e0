"""A small platform: its commits, the places that charts are released to, and who may act there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox import Sandbox

from kargo_release.charts.abandon import abandon_charts
from kargo_release.charts.development import release_dev_charts
from kargo_release.charts.project import Project
from kargo_release.charts.rebuild_index import Rebuild, rebuild_index
from kargo_release.charts.release import release_charts
from kargo_release.charts.route import Rows
from kargo_release.git.remote import CLAIMS
from kargo_release.git.repository import Repository
from kargo_release.git.tree import Tree
from kargo_release.plan import Row
from kargo_release.settings import Settings

from .gates import Actor
from .git_doubles import Library, Remote
from .stores import BucketDouble, BucketState, RegistryDouble, RegistryState

CHARTS = ("kano", "kube")
SETTINGS = Settings(
    registry="oci://registry.example.com/charts", backup="s3://bucket/charts", jobs=1
)


@dataclass(frozen=True)
class Side:
    """What somebody releases: a commit, and the time that is packed with the files.

    Another time gives other bytes of the same content, as another zlib would.
    """

    commit: str
    time: str = "315532800"


@dataclass(frozen=True)
class History:
    """The commits of the platform, all of version 1.0.0, oldest first."""

    library: Library
    commits: Mapping[str, str]
    contents: Mapping[tuple[str, str], str]

    @property
    def tip(self) -> str:
        """The newest commit, which the branch names."""
        return list(self.commits.values())[-1]


def write_history(sandbox: Sandbox) -> dict[str, str]:
    """Make the commits: ``twin`` changes no chart, ``kano`` one chart, ``both`` the other too."""
    for name in CHARTS:
        sandbox.write_chart(name)
    commits = {"first": sandbox.commit()}
    for label, path in {"twin": "README.md", "kano": "charts/kano/values.yaml"}.items():
        sandbox.write(path, f"greeting: {label}\n")
        commits[label] = sandbox.commit()
    sandbox.write("charts/kube/values.yaml", "greeting: both\n")
    commits["both"] = sandbox.commit()
    return commits


class Quiet:
    """An audience that is told everything and says nothing."""

    def waits(self, what: str) -> None:
        pass

    def planned(self, rows: Rows) -> None:
        pass

    def done(self, row: Row[Any], destination: str) -> None:
        pass


class WorkingAt:
    """A clone whose working tree is as a commit holds it."""

    def __init__(self, clone: Repository, commit: str) -> None:
        self._clone = clone
        self._commit = commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clone, name)

    @contextmanager
    def working_tree(self) -> Iterator[Tree]:
        yield self._clone.tree(self._clone.commit(self._commit))

    def commit(self, ref: str = "HEAD") -> Any:
        return self._clone.commit(self._commit if ref == "HEAD" else ref)


@dataclass(frozen=True)
class Doubled(Project):
    """A project whose registry and bucket are in memory."""

    registry_double: RegistryDouble
    bucket_double: BucketDouble

    def store(self) -> Any:
        return self.registry_double

    def object_store(self) -> Any:
        return self.bucket_double


@dataclass
class World:
    """The places, as they are now."""

    history: History
    remote: Remote
    keeps_metadata: bool
    registry: RegistryState = field(default_factory=RegistryState)
    bucket: BucketState = field(default_factory=BucketState)

    def project(self, actor: Actor[Any], side: Side) -> Project:
        """Return what a clone of ``actor`` sees of the world."""
        clone: Any = WorkingAt(self.remote.clone(actor), self.history.commits[side.commit])
        environ = {"SOURCE_DATE_EPOCH": side.time}
        registry = RegistryDouble(self.registry, actor)
        bucket = BucketDouble(self.bucket, actor, self.keeps_metadata)
        return Doubled(clone, SETTINGS, environ, registry, bucket)

    def release(self, side: Side, names: Sequence[str]) -> Callable[[Actor[Any]], Rows]:
        """Return what ``release-chart`` does."""
        ref = self.history.commits[side.commit]
        return lambda actor: release_charts(
            self.project(actor, side), names, ref, Quiet(), dry_run=False
        )

    def release_dev(self, side: Side, names: Sequence[str]) -> Callable[[Actor[Any]], Rows]:
        """Return what ``release-dev-chart`` does."""
        return lambda actor: (
            release_dev_charts(self.project(actor, side), names, Quiet(), dry_run=False).rows
        )

    def abandon(self, side: Side, names: Sequence[str]) -> Callable[[Actor[Any]], Any]:
        """Return what ``release-chart --abandon`` does."""
        ref = self.history.commits[side.commit]
        return lambda actor: abandon_charts(self.project(actor, side), names, ref, dry_run=False)

    def rebuild(self) -> Callable[[Actor[Any]], Rebuild]:
        """Return what ``rebuild-index`` does."""
        return lambda actor: rebuild_index(
            self.project(actor, Side("first")), Quiet().waits, dry_run=False
        )


@dataclass(frozen=True)
class Seen:
    """What is out at one moment; versions are named as their archives, ``kano-1.0.0.tgz``."""

    registry: Mapping[str, str]
    backup: Mapping[str, str]
    digests: Mapping[str, str]
    listed: tuple[tuple[str, str], ...]
    tags: Mapping[str, str]
    claims: Mapping[str, str]

    @classmethod
    def of(cls, world: World) -> "Seen":
        refs = world.remote.refs
        return cls(
            {f"{name}-{tag}.tgz": sha for (name, tag), sha in world.registry.contents().items()},
            world.bucket.contents(),
            world.bucket.digests(),
            tuple(world.bucket.listed()),
            {f"{ref[10:]}.tgz": oid for ref, oid in refs.items() if ref.startswith("refs/tags/")},
            {
                f"{ref.removeprefix(CLAIMS)}.tgz": oid
                for ref, oid in refs.items()
                if ref.startswith(CLAIMS)
            },
        )

    @property
    def out(self) -> set[tuple[str, str, str]]:
        """All that is out: the place, the version, and what stands there."""
        places = {
            "registry": self.registry,
            "backup": self.backup,
            "digests": self.digests,
            "listed": dict(self.listed),
            "tags": self.tags,
        }
        return {(place, *each) for place, held in places.items() for each in held.items()}
