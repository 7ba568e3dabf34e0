"""Packages charts into a folder."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kargo_release.charts import guards
from kargo_release.charts.archive import ChartArchive
from kargo_release.charts.catalogue import pack_charts
from kargo_release.charts.project import Project
from kargo_release.errors import FailedError


def package_charts(
    project: Project, names: Sequence[str], ref: str | None, folder: Path, *, dry_run: bool
) -> list[dict[str, Any]]:
    """Write the archive of each chart, as a release would publish it, into ``folder``.

    Args:
        project: Where the charts are.
        names: The charts.
        ref: The commit; None for HEAD, which the working tree must then equal.
        folder: Made when it is not there.
        dry_run: Write nothing.

    Returns:
        For each chart what the contract's document says: name, version, path, digests, bytes.

    Raises:
        InvalidError: A chart is unknown or breaks a rule.
        RefusedError: Something is not committed.
        FailedError: The folder can't be written to.
    """
    tree = project.repository.tree(project.repository.commit(ref or "HEAD"))
    packed = pack_charts(project, tree, names)
    packed.raise_first()
    if ref is None:
        guards.check_committed(project.repository, list(packed.charts.values()))
    archives = list(packed.archives.values())
    if not dry_run:
        for archive in archives:
            _write(archive, folder)
    return [_document(archive, folder) for archive in archives]


def _write(archive: ChartArchive, folder: Path) -> None:
    path = folder / archive.file_name
    unfinished = path.with_name(f".{path.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(archive.tgz)
        os.replace(unfinished, path)  # noqa: PTH105 - says that an older file gives way
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise FailedError(
            f"{path} can't be written: {error.strerror}",
            "Make it a folder that you may write to, on a disk with space, or name another one.",
        ) from None


def _document(archive: ChartArchive, folder: Path) -> dict[str, Any]:
    return {
        "name": archive.name,
        "version": archive.version,
        "path": str(folder / archive.file_name),
        "sha256": archive.sha256,
        "content_digest": archive.content_digest,
        "bytes": len(archive.tgz),
    }
