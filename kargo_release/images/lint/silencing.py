"""What the comments of a Dockerfile silence."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kargo_release.findings import Finding, Silence, read_silence, silence
from kargo_release.images.dockerfile import Dockerfile
from kargo_release.images.lint.hadolint_rules import HADOLINT_UNREADABLE, REPLACED, UNCHECKED


def silence_by_comments(
    findings: Sequence[Finding], dockerfile: Dockerfile, app: str
) -> list[Finding]:
    """Return the findings that no comment silences, and what is wrong with the comments.

    Args:
        findings: Those of one Dockerfile, ours and Hadolint's.
        dockerfile: What it says.
        app: Its image.
    """
    scopes = _Scopes(dockerfile)
    silences = list(_silences(dockerfile, scopes))
    if any(each.rule == UNCHECKED.identifier for each in findings):
        silences = list(_of_our_rules(silences))
        findings = [scopes.placed(each) for each in findings]
    return silence(findings, silences, app, dockerfile.file)


class _Scopes:
    """The lines of each instruction."""

    def __init__(self, dockerfile: Dockerfile) -> None:
        self._lines = [range(each.line, each.end_line + 1) for each in dockerfile.instructions]
        self._stops = [each.stop for each in self._lines]
        self.all = range(1, self._stops[-1])

    def at(self, line: int) -> range:
        """Return the lines of the instruction that a line stands in or before; none at the end."""
        at = bisect_left(self._stops, line + 1)
        return self._lines[at] if at < len(self._lines) else range(0)

    def placed(self, met: Finding) -> Finding:
        """Return that Hadolint read nothing, at an instruction: before others no comment counts."""
        scope = self.at(met.line)
        is_ours = met.rule != UNCHECKED.identifier or met.line in scope
        return met if is_ours else replace(met, line=(scope or self._lines[-1]).start)


def _silences(dockerfile: Dockerfile, scopes: _Scopes) -> Iterator[Silence]:
    """Yield what comments silence: the instruction that they stand before, or in."""
    for comment in dockerfile.comments:
        scope = scopes.at(comment.line)
        if silent := read_silence(comment.text, comment.line, scope, scopes.all):
            yield replace(silent, rules=tuple(map(_our_name, silent.rules)))


def _our_name(rule: str) -> str:
    """Return the rule of ours that stands in the place of one of Hadolint's."""
    if rule == HADOLINT_UNREADABLE:
        return UNCHECKED.identifier
    return REPLACED[rule][0] if rule in REPLACED else rule


def _of_our_rules(silences: Sequence[Silence]) -> Iterator[Silence]:
    """Yield silences without Hadolint's rules: where they were not applied, none is needless."""
    for each in silences:
        ours = tuple(rule for rule in each.rules if not rule.startswith(("DL", "SC")))
        if ours or not (each.rules and each.reason):
            yield replace(each, rules=ours) if each.reason else each
