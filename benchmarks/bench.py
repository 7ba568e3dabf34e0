"""What the measurements run on: a repository of 67 charts, real servers, a quiet environment."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sandbox import PROGRAM, Sandbox
from servers import docker_registry
from servers_s3 import ACCESS_KEY, SECRET_KEY, moto

from benchmarks.charts import APPLICATIONS, write_charts
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.project import Project

DEV_VERSION = "0.0.0-dev"
PATH = "team/helm"  # of our repositories in a registry

_SILENCED = (
    "KARGO_RELEASE_",
    "AWS_",
    "HELM_",
    "DOCKER_",
    "GIT_",
    "GITHUB_",
    "XDG_",
    "INVOKE_",
    "PYTHON",
)


@dataclass(frozen=True)
class Bench:
    """A repository of 67 charts and an S3 server; registries come and go.

    Args:
        sandbox: The repository.
        releases: Its charts' development versions, packed.
        endpoint: The S3 server.
        scratch: Folders that are not there yet.
    """

    sandbox: Sandbox
    releases: Sequence[ChartRelease]
    endpoint: str
    scratch: Iterator[Path]

    @contextmanager
    def registry(self) -> Iterator[str]:
        """Give the host of an empty registry: one that holds the blobs already takes less time."""
        folder = next(self.scratch)
        with docker_registry(folder) as registry:
            yield registry.host
        shutil.rmtree(folder)

    def use(self, host: str) -> None:
        """Release to a registry and to a new bucket."""
        self.sandbox.environ.clear()
        self.sandbox.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{host}/{PATH}"
        self.sandbox.use_bucket(self.endpoint)

    def release(self, state: str) -> None:
        """Release the development versions; every one must end as ``state`` everywhere."""
        words = [str(PROGRAM), "release-dev-chart", "--json"]
        charts = json.loads(run(words, self.sandbox.path, self.sandbox.environ))["charts"]
        states = {to["state"] for chart in charts for to in chart["destinations"].values()}
        if len(charts) != len(self.releases) or states != {state}:
            raise AssertionError(f"{len(charts)} charts ended as {states}, not as {state}")


@contextmanager
def bench(applications: int = APPLICATIONS) -> Iterator[Bench]:
    """Make the repository and start the S3 server; all is gone afterwards.

    Args:
        applications: How many charts there are beside their library.
    """
    with TemporaryDirectory(prefix="kargo-release-benchmark-") as folder, quiet(folder):
        sandbox = Sandbox.make(Path(folder, "repository"))
        write_charts(sandbox, applications)
        sandbox.commit()
        scratch = (Path(folder, str(number)) for number in count())
        try:
            with moto() as endpoint:
                yield Bench(sandbox, _packed(sandbox), endpoint, scratch)
        except pytest.skip.Exception as missing:
            raise SystemExit(f"error: {missing}") from None


def run(
    words: Sequence[str],
    folder: Path,
    environ: Mapping[str, str] | None = None,
    ends_with: int = 0,
) -> str:
    """Run a program and return what it prints; another exit code than the given is an error."""
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != ends_with:
        raise SystemExit(f"error: {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


@contextmanager
def quiet(home: str) -> Iterator[None]:
    """Keep the user's settings out, and give the S3 server's credentials.

    Args:
        home: The folder that stands for the user's own.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith(_SILENCED) or name in ("CI", "SOURCE_DATE_EPOCH"):
            del os.environ[name]
    login = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    os.environ.update(login, AWS_EC2_METADATA_DISABLED="true", HOME=home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _packed(sandbox: Sandbox) -> list[ChartRelease]:
    project = Project.open(sandbox.path, {})
    commit = project.repository.commit()
    packed = pack_charts(project, project.repository.tree(commit), None, lambda _: DEV_VERSION)
    packed.raise_first()
    return [ChartRelease(each, commit, is_dev=True) for each in packed.archives.values()]
