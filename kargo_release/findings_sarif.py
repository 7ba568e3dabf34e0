"""Findings as SARIF, which GitHub's code scanning and editors read.

Source: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from kargo_release import __version__
from kargo_release.findings import Finding, Rule, Severity

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
# Paths are from the repository's root, which each reader finds by itself (section 3.14.14).
_ROOT = "%SRCROOT%"


def sarif(findings: Sequence[Finding], rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the document of one run.

    Args:
        findings: What was found.
        rules: What was looked for; the rule of each finding must be among them.
    """
    numbers = {rule.identifier: number for number, rule in enumerate(rules)}
    driver = {
        "name": "kargo-release",
        "version": __version__,
        "rules": [_descriptor(rule) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, numbers) for each in sorted(findings)],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _descriptor(rule: Rule) -> dict[str, Any]:
    descriptor: dict[str, Any] = {
        "id": rule.identifier,
        "shortDescription": {"text": rule.title},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "help": {"text": rule.remedy},
    }
    if rule.reason:
        descriptor["fullDescription"] = {"text": rule.reason}
    if rule.page:
        descriptor["helpUri"] = rule.page
    return descriptor


def _result(finding: Finding, numbers: Mapping[str, int]) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": _uri(finding.file), "uriBaseId": _ROOT},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": numbers[finding.rule],
        "level": _LEVELS[finding.severity],
        # Readers show this text and often nothing else, so that what to do is in it.
        "message": {"text": f"{finding.message}. {finding.remedy}".removesuffix(" ")},
        "locations": [{"physicalLocation": location}],
    }


def _uri(path: str) -> str:
    """Return a path as a relative reference (RFC 3986); a colon would make a scheme of it."""
    return quote(path, safe="/", errors="surrogateescape")
