"""Measures releases of 67 charts, and start-up: `.venv/bin/python -m benchmarks.release [CASE...]`.

Every time is taken in the same run as what it is compared with; see README.md.
"""

import shutil
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from types import ModuleType
from urllib.parse import urlsplit

from sandbox import PROGRAM

from benchmarks import ROOT, bare, program_helm, serial_helm
from benchmarks.bench import DEV_VERSION, PATH, Bench, bench, run
from benchmarks.measure import Comparison, in_turn, machine, report, seconds
from kargo_release.charts.desired import ChartRelease
from kargo_release.oci.artifact import MANIFEST_MEDIA_TYPE
from kargo_release.oci.registry import Registry
from kargo_release.plan import each

_PREFIX = "helm"  # of our objects in a bucket; the sandbox sets it
_TURNS = 5
_QUICK_TURNS = 11  # of what takes a fraction of a second


def main() -> None:
    """Measure the cases that are named, or all; print a table for each."""
    cases: dict[str, Callable[[Bench], str]] = {
        "release": release,
        "programs": programs,
        "push": push,
        "unchanged": unchanged,
        "list": start_up,
    }
    named = sys.argv[1:] or list(cases)
    if unknown := set(named) - set(cases):
        sys.exit(f"error: there is no {', '.join(unknown)}: choose of {', '.join(cases)}")
    print(f"{machine()}\n")
    with bench() as given:
        for name in named:
            print(cases[name](given), flush=True)


def release(given: Bench) -> str:
    """Compare releases of new development versions with the Helm SDK, one chart after another."""
    works = {
        "release-dev-chart": lambda: _release(given, backup=True),
        "the same without backup": lambda: _release(given, backup=False),
        "Helm SDK": lambda: _helm_by(serial_helm, given),
        "S3, bare": lambda: _bare_backup(given),
    }
    comparisons = (
        Comparison("release-dev-chart / Helm SDK", "release-dev-chart", ("Helm SDK",), 1.0),
        Comparison("without backup / Helm SDK", "the same without backup", ("Helm SDK",)),
        Comparison("S3 server's share", "S3, bare", ("release-dev-chart",)),
    )
    return report("67 new charts", in_turn(works, _TURNS), comparisons)


def programs(given: Bench) -> str:
    """Compare releases of new versions with a script that starts `helm` for each step."""
    if shutil.which("helm") is None:
        return "A process for each step: left out, for there is no helm on PATH\n"
    works = {
        "release-dev-chart": lambda: _release(given, backup=True),
        "helm, a process each step": lambda: _helm_by(program_helm, given, _old_index(given)),
    }
    comparison = Comparison(
        "release-dev-chart / helm", "release-dev-chart", ("helm, a process each step",), 0.05
    )
    return report("67 new charts, by programs", in_turn(works, _TURNS), [comparison])


def push(given: Bench) -> str:
    """Compare pushes of prepared artifacts with a bare client of the same parallelism."""
    works = {"Registry.push": lambda: _push(given), "bare": lambda: _bare_push(given)}
    comparison = Comparison("Registry.push / bare", "Registry.push", ("bare",), 2.0)
    return report("Push of 67 prepared charts, 8 at a time", in_turn(works, _TURNS), [comparison])


def unchanged(given: Bench) -> str:
    """Compare a release of what is out already with the least that it must do."""
    with given.registry() as host:
        _prepare(given, host, backup=True)
        given.release("published")
        works = {
            "release-dev-chart": lambda: seconds(lambda: given.release("unchanged")),
            "start-up (--list)": lambda: seconds(lambda: run([str(PROGRAM), "--list"], ROOT)),
            "start-up, libraries loaded": lambda: seconds(lambda: run(_LOADED, ROOT)),
            "67 manifests, bare": lambda: _bare_manifests(given, host),
            "index.yaml, bare": lambda: _bare_index(given),
        }
        ours, listed, loaded, *requests = works
        comparisons = (
            Comparison("release-dev-chart / sum", ours, (listed, *requests), 2.0),
            Comparison("the same, libraries loaded", ours, (loaded, *requests)),
        )
        return report("67 unchanged charts", in_turn(works, _QUICK_TURNS), comparisons)


# A program that has loaded, and made ready, what a run needs to talk to Git, registry and S3.
_LOADED = [
    sys.executable,
    "-c",
    (
        "import git, yaml, kargo_release.program, kargo_release.charts.development\n"
        "from kargo_release.bucket.s3_access import Access\n"
        "from kargo_release.bucket.s3_client import connect\n"
        "from kargo_release.oci.session import Session\n"
        "connect(Access('http://127.0.0.1:1', 'us-east-1'), 'charts', 8)\n"
    ),
]


def start_up(given: Bench) -> str:
    """Compare the list of our commands with invoke's own start-up."""
    empty = next(given.scratch)
    empty.mkdir()
    (empty / "tasks.py").touch()
    words = [str(PROGRAM.parent / "invoke"), "--list"]
    works = {
        "invoke --list": lambda: seconds(lambda: run(words, ROOT)),
        "invoke --list, no tasks": lambda: seconds(lambda: run(words, empty, ends_with=1)),
    }
    comparison = Comparison(
        "invoke --list / no tasks", "invoke --list", ("invoke --list, no tasks",), 1.5
    )
    return report("Start-up", in_turn(works, _QUICK_TURNS), [comparison])


def _release(given: Bench, *, backup: bool) -> float:
    with given.registry() as host:
        _prepare(given, host, backup=backup)
        return seconds(lambda: given.release("published"))


def _prepare(given: Bench, host: str, *, backup: bool) -> None:
    given.use(host)
    if not backup:
        del given.sandbox.environ["KARGO_RELEASE_BACKUP"]


def _helm_by(script: ModuleType, given: Bench, *more: str) -> float:
    charts, output = next(given.scratch), next(given.scratch)
    shutil.copytree(given.sandbox.path / "charts", charts)  # Helm changes them
    output.mkdir()
    with given.registry() as host:
        folders = [str(charts), str(output)]
        words = [sys.executable, str(script.__file__), *folders, f"oci://{host}/{PATH}", *more]
        return seconds(lambda: run(words, output))


def _old_index(given: Bench) -> str:
    file = next(given.scratch)
    file.write_text("apiVersion: v1\nentries: {}\n")
    return str(file)


def _push(given: Bench) -> float:
    with given.registry() as host:
        registry = Registry(f"oci://{host}/{PATH}", plain_http=None, environ={}, jobs=bare.JOBS)

        def one(release: ChartRelease) -> str:
            return registry.push(release.name, release.oci_tag, release.artifact, replace=True)

        taken = seconds(lambda: each(one, given.releases, bare.JOBS))
        if len(registry.tags(given.releases[0].name)) != 1:
            raise AssertionError("nothing was pushed")
        return taken


def _bare_push(given: Bench) -> float:
    def one(connection: HTTPConnection, release: ChartRelease) -> None:
        bare.push(connection, f"{PATH}/{release.name}", release.oci_tag, release.artifact)

    with given.registry() as host:
        return seconds(lambda: bare.each(host, one, given.releases))


def _bare_manifests(given: Bench, host: str) -> float:
    def one(connection: HTTPConnection, release: ChartRelease) -> None:
        path = f"/v2/{PATH}/{release.name}/manifests/{DEV_VERSION}"
        bare.request(connection, "GET", path, 200, headers={"Accept": MANIFEST_MEDIA_TYPE})

    return seconds(lambda: bare.each(host, one, given.releases))


def _bare_index(given: Bench) -> float:
    path = f"/{given.sandbox.bucket}/{_PREFIX}/index.yaml"
    connection = HTTPConnection(urlsplit(given.endpoint).netloc, timeout=30)
    return seconds(lambda: bare.request(connection, "GET", path, 200, headers=bare.S3_LOGIN))


def _bare_backup(given: Bench) -> float:
    """Take the time of the requests of a first backup: a PUT for each archive."""
    given.sandbox.use_bucket(given.endpoint)
    folder, host = f"/{given.sandbox.bucket}/{_PREFIX}", urlsplit(given.endpoint).netloc

    def one(connection: HTTPConnection, release: ChartRelease) -> None:
        path = f"{folder}/{release.archive.file_name}"
        bare.request(connection, "PUT", path, 200, release.archive.tgz, bare.S3_LOGIN)

    return seconds(lambda: bare.each(host, one, given.releases))


if __name__ == "__main__":
    main()
