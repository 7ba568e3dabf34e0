"""What became of images, as the contract's document and as a table."""

from collections.abc import Sequence
from typing import Any

from kargo_release import markdown
from kargo_release.console import table
from kargo_release.errors import FailedError, KargoError
from kargo_release.findings import Finding
from kargo_release.images.carrying_out import ImageRow
from kargo_release.images.destinations import ENGINE
from kargo_release.plan import Found, Outcome, State
from kargo_release.tasks.image_progress import word

_PARTIAL = 1
_UNKNOWN = Found(State.ABSENT, "")  # a destination that could not be asked


def build_document(rows: Sequence[ImageRow], findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the document of a build: every image, and the first error."""
    first = _first_error(rows)
    images = [_image(row, findings) for row in rows]
    return {
        "images": sorted(images, key=lambda image: (str(image["app"]), str(image["tag"]))),
        "error": first and first.document(),
    }


def _image(row: ImageRow, findings: Sequence[Finding]) -> dict[str, Any]:
    build = row.desired
    [(destination, outcome)] = row.outcomes.items()
    found = row.found.get(destination, _UNKNOWN)
    is_there = outcome in (Outcome.PUBLISHED, Outcome.REPLACED, Outcome.UNCHANGED)
    return {
        "app": build.app,
        "version": build.image.version,
        "tag": build.tag,
        "reference": build.reference,
        "digest": (found.digest or None) if is_there else None,
        "state": word(outcome, destination),
        "findings": [
            each.document() for each in findings if each.subject in (build.app, build.title)
        ],
        "error": row.error and row.error.document(),
    }


def build_outputs(rows: Sequence[ImageRow]) -> dict[str, Any]:
    """Return for later steps of GitHub Actions what is there now, built or unchanged."""
    kept = ("app", "tag", "reference", "digest", "state")
    images = [{key: each[key] for key in kept} for each in build_document(rows, ())["images"]]
    there = [each for each in images if each["digest"]]
    return {"images": there, "has_images": bool(there)}


def build_table(rows: Sequence[ImageRow]) -> str:
    """Return what became of each image, and its digest; its Id where only the engine has it."""
    return table(*_columns(rows))


def build_summary(rows: Sequence[ImageRow]) -> str:
    """Return the same table in Markdown, with what went wrong."""
    header, lines = _columns(rows)
    errors = [row.error.message if row.error else "" for row in _by_title(rows)]
    cells = [[*line, error] for line, error in zip(lines, errors, strict=True)]
    told = markdown.table((*header, "error"), [[*map(markdown.escaped, line)] for line in cells])
    return f"## Images\n\n{told}\n"


def _columns(rows: Sequence[ImageRow]) -> tuple[tuple[str, ...], list[list[str]]]:
    is_local = any(ENGINE in row.outcomes for row in rows)
    lines = [[row.desired.app, row.desired.tag, *_standing(row)] for row in _by_title(rows)]
    return ("app", "tag", "state", "where", "id" if is_local else "digest"), lines


def _by_title(rows: Sequence[ImageRow]) -> list[ImageRow]:
    return sorted(rows, key=lambda row: row.desired.title)


def _standing(row: ImageRow) -> tuple[str, str, str]:
    [(destination, outcome)] = row.outcomes.items()
    if row.error:
        return word(outcome, destination), "-", "-"
    digest = row.found[destination].digest if outcome is not Outcome.PLANNED else "-"
    return word(outcome, destination), row.desired.reference, digest


def exit_code(rows: Sequence[ImageRow]) -> int:
    """Return 0 when all went well; 1 when a step failed or something was changed; else why not."""
    first = _first_error(rows)
    if first is None:
        return 0
    changed = (Outcome.PUBLISHED, Outcome.REPLACED)
    if any(outcome in changed for row in rows for outcome in row.outcomes.values()):
        return _PARTIAL
    return first.exit_code


def _first_error(rows: Sequence[ImageRow]) -> KargoError | None:
    every = [row.error for row in rows if row.error]
    failed = [error for error in every if isinstance(error, FailedError)]
    return next(iter([*failed, *every]), None)
