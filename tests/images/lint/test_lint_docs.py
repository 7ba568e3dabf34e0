"""docs/lint-image.md: every rule with its reason, remedy and examples that do what they show."""

import re
from pathlib import Path

import pytest
from linted import lint
from sandbox import Sandbox

from kargo_release.images.lint.hadolint_rules import REPLACED, SWITCHED_OFF
from kargo_release.images.lint.linting import rules_of

TEXT = (Path(__file__).parents[3] / "docs" / "lint-image.md").read_text()
RULES = {rule.identifier: rule for rule in rules_of([])}
SECTIONS = dict(re.findall(r"^### (KR\d+)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def words(text: str) -> str:
    return " ".join(text.split())


def test_every_rule_has_a_section_and_a_row() -> None:
    rows = re.findall(r"^\| \[(KR\d+)\]\(#kr\d+\) \| (\w+) \| (.+) \|$", TEXT, re.MULTILINE)

    assert list(SECTIONS) == [identifier for identifier, _, _ in rows]
    assert {row[0]: row[1:] for row in rows} == {
        identifier: (str(rule.severity), f"{rule.title[0].upper()}{rule.title[1:]}")
        for identifier, rule in RULES.items()
    }


@pytest.mark.parametrize("identifier", RULES)
def test_a_section_tells_why_and_what_to_do_and_its_examples_do_it(identifier: str) -> None:
    section, rule = SECTIONS[identifier], RULES[identifier]
    bad, good = blocks(section, "dockerfile")

    assert rule.reason in words(section)
    assert rule.remedy in words(section)
    assert identifier in {each.rule for each in lint(bad)}
    assert [each for each in lint(good) if each.severity != "info"] == []


def test_tells_which_rules_of_hadolint_do_not_count() -> None:
    for rule, (ours, why) in REPLACED.items():
        assert f"| {rule} | [{ours}](#{ours.lower()}) | {why} |" in TEXT
    for rule, why in SWITCHED_OFF.items():
        [row] = [line for line in TEXT.splitlines() if line.startswith("| DL") and why in line]
        assert rule in row


def test_the_example_prints_what_it_shows(tmp_path: Path) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write("images/viewer/image.yaml", "version: '1.2'\n")
    sandbox.write("images/viewer/Dockerfile", blocks(TEXT, "dockerfile")[0])
    sandbox.commit()

    shown = blocks(TEXT, "console")[0].removeprefix("$ kargo-release lint-image viewer\n")
    assert sandbox.run("lint-image", "viewer").out == shown


def test_the_form_of_a_silence_is_one() -> None:
    found = lint(f"{blocks(TEXT, 'dockerfile')[1]}RUN true\nUSER 1000\n")

    assert [each.message for each in found] == ["DL3059 is silenced, and finds nothing here"]
