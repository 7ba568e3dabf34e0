"""The structure rules of SARIF 2.1.0 for what we write, with the specification's sections."""

import re
from typing import Any


def check_sarif(document: dict[str, Any]) -> None:
    """Check the structure rules of SARIF 2.1.0 for what we write, section by section."""
    assert set(document) == {"$schema", "version", "runs"}
    assert document["version"] == "2.1.0"  # 3.13.2
    for run in document["runs"]:
        driver = run["tool"]["driver"]  # 3.14.6, 3.18.2: required
        assert driver["name"]  # 3.19.8
        identifiers = [rule["id"] for rule in driver["rules"]]
        assert len(set(identifiers)) == len(identifiers)  # 3.19.23: unique
        for rule in driver["rules"]:
            check_rule(rule)
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")  # 3.14.17
        for result in run["results"]:
            check_result(result, identifiers)


def check_rule(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z]{2}\d{3,4}", rule["id"])  # 3.49.3: stable and opaque
    for name in {"shortDescription", "fullDescription", "help"} & set(rule):
        assert rule[name]["text"]  # 3.12.3: a multiformatMessageString has a text
    assert re.match(r"https://", rule.get("helpUri", "https://"))  # 3.49.12: an absolute URI
    assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")  # 3.50.3
    known = {"id", "shortDescription", "fullDescription", "help", "helpUri", "defaultConfiguration"}
    assert set(rule) <= known


def check_result(result: dict[str, Any], identifiers: list[str]) -> None:
    assert identifiers[result["ruleIndex"]] == result["ruleId"]  # 3.27.6
    assert result["level"] in ("none", "note", "warning", "error")  # 3.27.10
    assert result["message"]["text"]  # 3.27.11: required
    [location] = result["locations"]  # 3.27.12
    place = location["physicalLocation"]
    uri = place["artifactLocation"]["uri"]  # 3.4.3: relative where uriBaseId is given (3.4.4)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)
    assert not uri.startswith("/")
    assert place["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    assert place["region"]["startLine"] >= 1  # 3.30.5
    assert place["region"]["startColumn"] >= 1  # 3.30.6
