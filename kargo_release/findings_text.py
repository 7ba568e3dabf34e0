"""Findings as a person reads them: by file, with what to do, and a last line that counts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from kargo_release.console import Painted
from kargo_release.findings import Finding, Severity

_COLOURS = {Severity.ERROR: "bad", Severity.WARNING: "strong", Severity.INFO: "quiet"}


Line = Sequence[str | Painted]


def findings_lines(findings: Sequence[Finding], checked: str) -> list[Line]:
    """Return the findings line by line, each line in parts for a console.

    Args:
        findings: In any order.
        checked: What was checked, with its number: ``3 images``.
    """
    lines: list[Line] = []
    for file, group in groupby(sorted(findings), key=lambda each: each.file):
        lines += [(Painted(file, "strong"),), *(line for each in group for line in _lines(each))]
    return [*lines, (_count(findings, checked),)]


def _lines(finding: Finding) -> Iterator[Line]:
    place = f"  {finding.line}:{finding.column} "
    rule = Painted(f"{finding.rule} {finding.severity}:", _COLOURS[finding.severity])
    yield place, rule, f" {finding.message}"
    if finding.remedy:
        yield " " * len(place), Painted(f"→ {finding.remedy}", "quiet")


def _count(findings: Sequence[Finding], checked: str) -> str:
    counts = Counter(each.severity for each in findings)
    told = [_number(counts[each], str(each)) for each in Severity if counts[each]]
    return f"{checked} checked: {', '.join(told) or 'nothing to mend'}"


def _number(count: int, word: str) -> str:
    word = "note" if word == Severity.INFO else word
    return f"{count} {word}{'' if count == 1 else 's'}"
