"""A chart release as it should exist, and the artifact that a registry holds of it.

Source of the artifact's form: helm/helm ``pkg/registry/client.go`` (Push), ``chart.go``
(generateOCIAnnotations) and ``constants.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from kargo_release.charts import metadata
from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.metadata import Metadata
from kargo_release.charts.sources import CHART_FILE
from kargo_release.errors import InvalidError
from kargo_release.git.repository import Commit, short
from kargo_release.oci.artifact import CREATED, Artifact, Blob, encode

CONTENT_DIGEST = "io.github.kargo-release.content-digest"
CONFIG_MEDIA_TYPE = "application/vnd.cncf.helm.config.v1+json"
ARCHIVE_MEDIA_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_TITLES = "org.opencontainers.image."


def counted(count: int) -> str:
    """Return a number of charts in words: ``1 chart``, ``67 charts``."""
    return "1 chart" if count == 1 else f"{count} charts"


@dataclass(frozen=True)
class ChartRelease:
    """What should be out: an archive, made from a commit.

    Args:
        archive: The chart, packed.
        commit: Where it comes from; a development version names the commit it was built on.
        is_dev: Whether it may replace what is out, and bears neither claim nor tag.
    """

    archive: ChartArchive
    commit: Commit
    is_dev: bool

    @property
    def name(self) -> str:
        """The chart's name."""
        return self.archive.name

    @property
    def version(self) -> str:
        """The chart's version."""
        return self.archive.version

    @property
    def title(self) -> str:
        """How a person names the release."""
        return f"{self.name} {self.version}"

    @property
    def oci_tag(self) -> str:
        """The version as registries allow it: they have no ``+``, and Helm writes ``_``."""
        return self.version.replace("+", "_")

    @cached_property
    def metadata(self) -> Metadata:
        """What the packed Chart.yaml says."""
        chart_file = next(file for file in self.archive.files if file.path == CHART_FILE)
        return metadata.read(chart_file.data, f"{self.title}: {CHART_FILE}")

    @cached_property
    def created(self) -> str:
        """The commit's time, RFC 3339 in UTC.

        Raises:
            InvalidError: It lies after the year 9999, which RFC 3339 can't write.
        """
        try:
            time = datetime.fromtimestamp(self.commit.time, UTC)
        except (ValueError, OverflowError, OSError):
            raise InvalidError(
                f"commit {short(self.commit.sha)} was made after the year 9999, by its own account",
                "Make a commit on a machine whose clock is right.",
            ) from None
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")

    @cached_property
    def artifact(self) -> Artifact:
        """What is pushed: as Helm's own push, with the content's digest in an annotation."""
        helm = self.metadata.helm
        return Artifact(
            config=Blob(CONFIG_MEDIA_TYPE, encode(helm)),
            layers=(Blob(ARCHIVE_MEDIA_TYPE, self.archive.tgz),),
            annotations=_annotations(helm, self.created)
            | {CONTENT_DIGEST: self.archive.content_digest},
        )

    def with_archive(self, archive: ChartArchive) -> "ChartRelease":
        """Return the same release with the bytes that are out already."""
        return replace(self, archive=archive)


def _annotations(helm: Mapping[str, Any], created: str) -> dict[str, str]:
    """Return the annotations that Helm makes of the metadata; its own ones may override most."""
    fixed = {"title": helm["name"], "version": helm["version"]}
    usual = {
        "description": helm.get("description", ""),
        "url": helm.get("home", ""),
        "source": next(iter(helm.get("sources", ())), ""),
        "authors": ", ".join(map(_author, helm.get("maintainers", ()))),
    }
    named = {f"{_TITLES}{key}": value for key, value in usual.items() if value.strip()}
    own = helm.get("annotations", {})
    return {CREATED: created, **named, **own} | {f"{_TITLES}{k}": v for k, v in fixed.items()}


def _author(maintainer: Mapping[str, str]) -> str:
    email = maintainer.get("email", "")
    return maintainer.get("name", "") + (f" ({email})" if email else "")
