"""Helm and Docker: whether they are there and work."""

import gzip
from collections.abc import Sequence

from kargo_release.charts import tarstream
from kargo_release.charts.doctor.check import Check, not_needed, ok
from kargo_release.charts.project import Project
from kargo_release.docker.version import engine_version
from kargo_release.errors import FailedError, RefusedError
from kargo_release.helm import TIME_LIMIT, HelmReport, PackedChart, find_helm
from kargo_release.helm_version import version_of

_TRIAL = {
    "Chart.yaml": b"apiVersion: v2\nname: trial\nversion: 0.1.0\n",
    "values.yaml": b"greeting: hello\n",
    "templates/configmap.yaml": (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        b"data:\n  greeting: {{ .Values.greeting }}\n"
    ),
}


def look_at_helm(project: Project) -> Sequence[Check]:
    """Return which Helm there is, after it has checked a small chart as it does for a release.

    Raises:
        RefusedError: There is none, or it refuses that chart.
        FailedError: It crashes, or takes too long.
    """
    with find_helm(project.settings.helm) as helm:
        helm.start()
        version = version_of(helm)
        [report] = helm.check([_trial_chart()])
    if isinstance(report, FailedError):
        raise report
    if not report.ok:
        raise RefusedError(
            f"Helm {version}, refuses a chart without fault: {_words(report)}",
            "Install another Helm; 4.2 is what releases are tried with.",
        )
    told = f"Helm {version}; it has checked a small chart, and may take {TIME_LIMIT:g} s for each"
    return [ok("helm", told)]


def _trial_chart() -> PackedChart:
    files = [(f"trial/{path}", data) for path, data in _TRIAL.items()]
    return PackedChart("trial", gzip.compress(tarstream.write(files, 0), mtime=0), is_library=False)


def _words(report: HelmReport) -> str:
    texts = [each.text for each in report.messages if each.severity != "info"]
    return "; ".join(dict.fromkeys([*texts, *([report.error] if report.error else [])]))


def look_at_docker(project: Project) -> Sequence[Check]:
    """Return which engine of Docker there is, where there are images to build.

    Raises:
        RefusedError: There is none.
    """
    folder = project.settings.images
    if not (project.repository.root / folder).is_dir():
        return [not_needed("docker", f"there is no folder {folder}/, so no image to build")]
    return [ok("docker", f"Docker's engine is {engine_version()}")]
