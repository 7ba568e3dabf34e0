"""README.md and docs/ say what the code does: commands, options, settings, documents, messages."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sandbox import PROGRAM, Sandbox

from kargo_release.oci import credentials
from kargo_release.settings import Settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAY_BE_NULL = ("error", "last_release", "begun")
STARTS = ("kargo-release", "./kargo", "invoke")


def section(path: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    level = heading.partition(" ")[0]
    start = rf"^{re.escape(heading)}\n"
    match = re.search(
        rf"{start}(.*?)(?=^#{{1,{len(level)}}} |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
    )
    assert match, f"{path.name} has no heading {heading!r}"
    return match[1]


def blocks(text: str, language: str) -> list[str]:
    return [match[2] for match in BLOCK.finditer(text) if match[1] == language]


@cache
def commands() -> dict[str, str]:
    """Return the help of every command that the program lists."""
    listing = run("--list", "--list-format=json")
    return {task["name"]: run(task["name"], "--help") for task in json.loads(listing)["tasks"]}


def run(*words: str) -> str:
    done = subprocess.run([PROGRAM, *words], check=True, capture_output=True, text=True)
    return done.stdout


def examples() -> Iterator[tuple[str, list[str]]]:
    """Yield the words of every command of ours in a console block or between backticks."""
    for path in DOCS:
        text = path.read_text()
        lines = [line for block in blocks(text, "console") for line in block.splitlines()]
        typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        typed += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        for line in typed:
            words = (
                shlex.split(line.partition(" | ")[0], comments=True)
                if line.startswith(STARTS)
                else []
            )
            if len(words) > 1 and words[1] != "test":
                yield path.name, words


def test_readme_gives_every_command_a_heading_and_an_example() -> None:
    text = section(README, "## Commands")

    assert sorted(re.findall(r"^### (.+)$", text, re.MULTILINE)) == sorted(commands())
    for name in commands():
        shown = "\n".join(blocks(section(README, f"### {name}"), "console"))
        assert re.search(rf"^\$ kargo-release {name}\b", shown, re.MULTILINE), name


def test_readme_and_docs_show_only_commands_and_options_that_exist() -> None:
    core = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", run("--help")))
    shown = list(examples())

    assert len(shown) > 10
    for place, words in shown:
        name = next((word for word in words[1:] if not word.startswith("-")), "")
        options = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
        known = core | set(re.findall(r"--[\w-]+", commands().get(name, "")))
        assert not name or name in commands(), f"{place}: {words}"
        assert set(options) <= known, f"{place}: {words}"


def test_readme_tells_of_every_option() -> None:
    text = section(README, "## Commands")

    for name, told in commands().items():
        for option in re.findall(r"^  (--[\w-]+)", told, re.MULTILINE):
            assert option in text, f"{name} {option}"


def values(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return every setting's default by its key, nested keys with a dot."""
    found: dict[str, Any] = {}
    for each in fields(settings):
        value = getattr(settings, each.name)
        nested = is_dataclass(value)
        found |= values(value, f"{each.name}.") if nested else {f"{prefix}{each.name}": value}
    return found


def table(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_settings_table_holds_every_setting_with_its_default() -> None:
    told: dict[str, str] = {}
    for keys, defaults, *_ in table(section(README, "## Settings")):
        names = re.findall(r"`([\w.]+)`", keys)
        told |= dict(zip(names, defaults.split(", "), strict=True))

    assert told == {key: as_told(value) for key, value in values(Settings()).items()}


def as_told(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "none" if value in (None, ()) else f"`{text}`"


def test_docs_name_only_environment_variables_that_exist() -> None:
    known = {f"KARGO_RELEASE_{key.upper().replace('.', '__')}" for key in values(Settings())}
    known |= {credentials.USERNAME, credentials.PASSWORD, credentials.PASSWORD_FILE}

    for path in DOCS:
        assert set(re.findall(r"KARGO_RELEASE_\w+", path.read_text())) <= known, path.name


def test_docs_quote_messages_that_the_code_has() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "kargo_release").rglob("*.py"))
    rows = table(section(ROOT / "docs/release.md", "## When it is refused"))
    quoted = [message for row in rows for message in re.findall(r"`([^`]*…[^`]*)`", row[0])]

    assert len(quoted) > 10
    for message in quoted:
        for part in filter(None, (part.strip(" :") for part in message.split("…"))):
            assert part in source, message


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in DOCS:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#[\w-]+)?\)", path.read_text()):
            linked = path.parent / target if target else path
            assert linked.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{path.name}: {target}{anchor}"


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize(
    "words",
    [
        ("release-chart", "kano"),
        ("release-dev-chart",),
        ("package-chart", "kano", "--destination", "dist"),
        ("list-charts",),
    ],
    ids=lambda words: words[0],
)
def test_documents_have_the_form_that_the_docs_show(local: Sandbox, words: tuple[str, ...]) -> None:
    text = section(ROOT / "docs/json.md", f"## {words[0]}")
    shown = json.loads(blocks(text, "json")[0])

    real = local.run(*words, "--json").document

    assert set(real) == set(shown)
    assert keys(real["charts"][0]) == keys(shown["charts"][-1])


def keys(chart: Mapping[str, Any]) -> set[str]:
    """Return the keys of a chart's object, those of objects within it too but for null ones."""
    inner = {name: value for name, value in chart.items() if name not in MAY_BE_NULL}
    objects = {name: value for name, value in inner.items() if isinstance(value, dict)}
    return set(chart) | {f"{name}.{key}" for name in objects for key in keys(objects[name])}
