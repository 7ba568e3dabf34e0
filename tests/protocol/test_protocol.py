"""The protocol of claim, copies and commit point, as docs/protocol.md tells it."""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sandbox import Sandbox

from kargo_release import plan
from kargo_release.charts import development, index_store, release
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.project import Project
from kargo_release.git.repository import Repository

from .gates import Serial
from .git_doubles import BareRemote, Library, RemoteInMemory
from .machine import Releases
from .stores import content_of
from .world import CHARTS, SETTINGS, History, World, write_history

# What the examples must lead to, or they would try too little.
_OFTEN = {
    "release: published", "release: published unchanged", "release: unchanged", "release died",
    "release: RefusedError", "release: FailedError", "a claim given up by outsider",
    "dev: published", "dev: replaced", "dev: unchanged", "dev: FailedError", "dev died",
    "rebuild: done",
}  # fmt: skip
_SELDOM = {
    "a claim given up by abandon", "a claim given up by release", "a copy without a claim",
    "abandon: done", "abandon: RefusedError",
}  # fmt: skip
# The same examples each time, so that the quick tests are green or red and nothing else.
_STEADY = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_FEW = settings(_STEADY, max_examples=3)
# In CI a change alone decides between green and red; at a desk each run tries others.
_IS_STEADY = os.environ.get("CI") == "true"
_MORE = settings(_STEADY, max_examples=20, derandomize=_IS_STEADY)
_MANY = settings(_STEADY, max_examples=400, derandomize=_IS_STEADY)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return a small platform's commits, in a clone of their own."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("history") / "clone")
    commits = write_history(sandbox)
    repository = Repository.open(sandbox.path)
    contents = {}
    for commit in commits.values():
        project = Project(repository, SETTINGS, {})
        packed = pack_charts(project, repository.tree(repository.commit(commit)), CHARTS)
        for name, archive in packed.archives.items():
            contents[commit, name] = content_of(archive.tgz)
    return History(Library(repository), commits, contents)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is no part of the protocol: pools, pauses, and Helm's word on the charts."""
    monkeypatch.setattr(plan, "ThreadPoolExecutor", Serial)
    monkeypatch.setattr(index_store, "_pause", lambda *_: None)
    for module in (release, development):
        monkeypatch.setattr(module, "check_with_helm", lambda rows, *_: rows)


class InMemory(Releases):
    """Releases to a Git remote in memory."""

    history: History

    def make_world(self, *, keeps_metadata: bool) -> World:
        remote = RemoteInMemory(self.history.library, self.history.tip)
        return World(self.history, remote, keeps_metadata)


class OnRealGit(Releases):
    """Releases to a bare repository, from clones of it."""

    history: History
    folder: Path

    def make_world(self, *, keeps_metadata: bool) -> World:
        remote = BareRemote(self.history.library, Path(mkdtemp(dir=self.folder)) / "remote.git")
        words = ["clone", "--quiet", "--bare", "--shared"]
        self.history.library.repository.run([*words, ".", str(remote.folder)])
        return World(self.history, remote, keeps_metadata)


@pytest.mark.parametrize(
    ("chosen", "led_to"),
    [(_STEADY, _OFTEN), pytest.param(_MANY, _OFTEN | _SELDOM, marks=pytest.mark.long)],
    ids=["some", "many"],
)
@pytest.mark.usefixtures("one_at_a_time")
def test_keeps_the_protocol(
    history: History, chosen: settings, led_to: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    InMemory.history, InMemory.met = history, Counter()

    run_state_machine_as_test(InMemory, settings=chosen)

    with capsys.disabled():
        sys.stdout.write(f"\n{table(InMemory.met)}\n")
    assert InMemory.met.keys() >= led_to


@pytest.mark.parametrize(
    "chosen", [_FEW, pytest.param(_MORE, marks=pytest.mark.long)], ids=["few", "more"]
)
@pytest.mark.usefixtures("one_at_a_time")
def test_keeps_the_protocol_on_real_git(history: History, tmp_path: Path, chosen: settings) -> None:
    OnRealGit.history, OnRealGit.folder, OnRealGit.met = history, tmp_path, Counter()

    run_state_machine_as_test(OnRealGit, settings=chosen)

    assert OnRealGit.met["release: published"]


def table(met: Mapping[str, int]) -> str:
    """Return what the commands of all examples led to, and how often."""
    return "\n".join(f"{count:6}  {what}" for what, count in sorted(met.items()))
