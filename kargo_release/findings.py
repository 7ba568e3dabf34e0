"""What a lint finds: rules, findings with their places, and silencing them with a reason."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_SILENCE = re.compile(
    r"(?:kargo-release|hadolint)\s+(?P<everywhere>global\s+)?ignore\s*=\s*"
    r"(?P<rules>(?!reason:)[\w-]*(?:\s*,\s*[\w-]+)*+)"
    r"(?:\s*(?:#\s*)?\breason:(?P<reason>.*)|\s*#(?P<words>.*)|.*)",
    re.IGNORECASE | re.DOTALL,
)


class Severity(StrEnum):
    """How grave a finding is; the words of the documents. An error refuses what is checked."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        identifier: By which it is silenced.
        severity: Of its findings.
        title: What is found, in a few words.
        reason: Why that is bad, in a sentence or two.
        remedy: What to do about it.
        page: Where more is told: an address, or empty.
    """

    identifier: str
    severity: Severity
    title: str
    reason: str
    remedy: str
    page: str = ""


@dataclass(frozen=True)
class Finding:
    """What breaks a rule, and where. Findings are sorted by file, line and column.

    Attributes:
        rule: The rule's identifier.
        severity: How grave it is.
        subject: What was checked: an image's or a chart's name.
        file: From the repository's root, with ``/``.
        line: From 1.
        column: From 1.
        message: What is wrong, in one line.
        remedy: What to do about it, in one line.
    """

    rule: str
    severity: Severity
    subject: str
    file: str
    line: int
    column: int
    message: str
    remedy: str

    def __lt__(self, other: "Finding") -> bool:
        return self._place < other._place

    @property
    def _place(self) -> tuple[str, int, int, str, str]:
        return self.file, self.line, self.column, self.rule, self.message

    def document(self) -> dict[str, str | int]:
        """Return the finding as it stands in the JSON documents of the contract."""
        return {
            "rule": self.rule, "severity": str(self.severity), "subject": self.subject,
            "file": self.file, "line": self.line, "column": self.column,
            "message": self.message, "remedy": self.remedy,
        }  # fmt: skip


NO_REASON = Rule(
    "KR090",
    Severity.ERROR,
    "a rule is silenced without a reason",
    "Who reads it later can't tell whether it still holds; so the rule is not silenced.",
    "Write it behind: # kargo-release ignore=RULE reason: why it does not matter here",
)
NEEDLESS = Rule(
    "KR091",
    Severity.WARNING,
    "a comment silences nothing",
    "What it silenced is mended, or the rule is misspelt; it would hide what comes later.",
    "Remove the comment, or correct the rule in it.",
)
SILENCING_RULES = (NO_REASON, NEEDLESS)


@dataclass(frozen=True)
class Silence:
    """A comment that silences rules in some lines, with a reason.

    Attributes:
        rules: Their identifiers, in capitals.
        reason: Empty where none is given; then nothing is silenced.
        line: Where the comment stands.
        lines: Where it silences.
    """

    rules: tuple[str, ...]
    reason: str
    line: int
    lines: range


def read_silence(comment: str, line: int, lines: range, everywhere: range) -> Silence | None:
    """Return what a comment silences; None for a comment that speaks of something else.

    ``kargo-release ignore=KR012,DL3003 reason: WHY`` is the form. Hadolint's own comments count as
    well, its ``# WHY`` behind the rules and its ``global ignore`` included.

    Args:
        comment: Its text, without the ``#``.
        line: Where it stands.
        lines: What it stands before, or in.
        everywhere: All lines of the file.
    """
    found = _SILENCE.fullmatch(comment)
    if found is None:
        return None
    rules = tuple(each.strip().upper() for each in found["rules"].split(",") if each.strip())
    reason = (found["reason"] or found["words"] or "").strip()
    return Silence(rules, reason, line, everywhere if found["everywhere"] else lines)


def silence(
    findings: Sequence[Finding], silences: Sequence[Silence], subject: str, file: str
) -> list[Finding]:
    """Return the findings of a file that nobody silenced, and what is wrong with the silences."""
    lines = _lines_by_rule(findings)
    silenced = {
        (rule, line)
        for rule, scope in _scopes(silences)
        for line in _within(lines.get(rule, []), scope)
    }
    kept = [each for each in findings if (each.rule, each.line) not in silenced]
    return sorted([*kept, *_of_silences(lines, silences, subject, file)])


def _lines_by_rule(findings: Sequence[Finding]) -> dict[str, list[int]]:
    found: dict[str, set[int]] = {}
    for each in findings:
        found.setdefault(each.rule, set()).add(each.line)
    return {rule: sorted(lines) for rule, lines in found.items()}


def _scopes(silences: Sequence[Silence]) -> set[tuple[str, range]]:
    """Return where which rule is silenced; many comments may say the same."""
    return {(rule, silent.lines) for silent in silences if silent.reason for rule in silent.rules}


def _within(lines: Sequence[int], scope: range) -> Sequence[int]:
    """Return those of some sorted lines that a scope takes in."""
    return lines[bisect_left(lines, scope.start) : bisect_left(lines, scope.stop)]


def _of_silences(
    lines: Mapping[str, Sequence[int]], silences: Sequence[Silence], subject: str, file: str
) -> Iterator[Finding]:
    for silent in silences:
        if not silent.reason or not silent.rules:
            what = NO_REASON.title if silent.rules else "a comment silences no rule by name"
            yield finding(NO_REASON, subject, file, silent.line, what)
            continue
        for rule in dict.fromkeys(silent.rules):
            if not _within(lines.get(rule, []), silent.lines):
                what = f"{rule[:20]} is silenced, and finds nothing here"
                yield finding(NEEDLESS, subject, file, silent.line, what)


def finding(rule: Rule, subject: str, file: str, line: int, message: str) -> Finding:
    """Return the finding of a rule at the beginning of a line, with the rule's remedy."""
    return Finding(rule.identifier, rule.severity, subject, file, line, 1, message, rule.remedy)


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings refuses what was checked."""
    return any(each.severity is Severity.ERROR for each in findings)
