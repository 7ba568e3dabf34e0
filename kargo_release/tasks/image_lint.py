"""The command that checks Dockerfiles."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kargo_release.commandline import Reply, command
from kargo_release.errors import FailedError, KargoError

if TYPE_CHECKING:
    from kargo_release.findings import Finding
    from kargo_release.images.image import Images

_FOUND_ERRORS = 3


@command("[APP...]", sarif="Write what was found into this file, too, as SARIF.")
def lint_image(names: tuple[str, ...], sarif: str = "") -> Reply:
    """Check Dockerfiles before they are built, by our rules and Hadolint's; all when none is named.

    The files are read as they are on disk. An error ends with 3, a warning does not. A rule is
    silenced in the line before, with a reason: # kargo-release ignore=KR012 reason: WHY

    Example: kargo-release lint-image mapserver --sarif lint.sarif
    """
    from kargo_release.images.image import Image
    from kargo_release.images.image_file import read_images
    from kargo_release.images.lint.linting import lint_images
    from kargo_release.images.project import Project

    project = Project.open(Path.cwd())
    with project.repository.working_tree() as tree:
        images = read_images(tree, project.settings.images)
        readable = [each for each in images.values() if isinstance(each, Image)]
        wanted = images.named(names) if names else readable
        findings = lint_images(wanted, tree, readable, project.prefix)
    if sarif:
        _write_sarif(Path(sarif), findings)
    return _reply(findings, len(wanted), {} if names else _errors(images))


def _errors(images: "Images") -> dict[str, KargoError]:
    return {app: each for app, each in images.items() if isinstance(each, KargoError)}


def _reply(findings: "Sequence[Finding]", count: int, errors: dict[str, KargoError]) -> Reply:
    from kargo_release.console import Console, Painted
    from kargo_release.findings import has_errors
    from kargo_release.findings_text import findings_lines

    for error in errors.values():
        Console().say(Painted("error: ", "bad"), str(error))
    first = next(iter(errors.values()), None)
    console = Console(sys.stdout)
    checked = f"{count} image{'' if count == 1 else 's'}"
    if errors:
        checked = f"{len(errors)} could not be read, {checked}"
    lines = [console.painted(*line) for line in findings_lines(findings, checked)]
    document = {
        "findings": [each.document() for each in findings],
        "error": first and first.document(),
    }
    code = first.exit_code if first else _FOUND_ERRORS if has_errors(findings) else 0
    return Reply("\n".join(lines), document, code)


def _write_sarif(path: Path, findings: "Sequence[Finding]") -> None:
    from kargo_release.findings_sarif import sarif
    from kargo_release.images.lint.linting import rules_of

    document = json.dumps(sarif(findings, rules_of(findings)), indent=2)
    try:
        path.write_text(f"{document}\n", encoding="utf-8")
    except OSError as error:
        raise FailedError(
            f"{path} can't be written: {error.strerror}", "Name a file in a folder that is there."
        ) from None
