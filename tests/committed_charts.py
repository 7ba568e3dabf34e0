"""Charts as a commit of a sandbox holds them."""

from collections.abc import Sequence

from sandbox import Sandbox

from kargo_release.charts import packing
from kargo_release.charts.archive import EPOCH, ChartArchive
from kargo_release.charts.dependencies import ResolvedChart, resolve
from kargo_release.charts.sources import Sources
from kargo_release.git.repository import Repository


def sources(
    sandbox: Sandbox, folder: str = "charts", names: Sequence[str] | None = None
) -> Sources:
    """Commit everything and return the charts of the commit; `names` are those to ask for."""
    sandbox.git("add", "--all")
    sandbox.git("commit", "--quiet", "--allow-empty", "--message", "As it is now")
    repository = Repository.open(sandbox.path)
    return Sources(repository.tree(repository.commit()), folder, names)


def resolved(sandbox: Sandbox, name: str) -> ResolvedChart:
    """Commit everything and return a chart with its dependencies."""
    charts = sources(sandbox)
    return resolve(charts.named(name), charts)


def packed(sandbox: Sandbox, name: str, version: str | None = None) -> ChartArchive:
    """Commit everything and return a chart's archive."""
    charts = sources(sandbox)
    chart = resolve(charts.named(name), charts)
    blobs = charts.contents(list(chart.every_source()))
    return packing.pack(chart, blobs, EPOCH, version)
