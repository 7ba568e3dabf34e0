"""docs/images.md says what the code does: its messages, and its examples of image.yaml."""

import re
from pathlib import Path

import pytest

from kargo_release.images.image_file import GitContext
from kargo_release.images.image_keys import KEYS, read_image
from kargo_release.images.trigger import requests_in

PAGE = (Path(__file__).parent.parent.parent / "docs" / "images.md").read_text()
APPS = ("kano", "mapcache", "mapserver")
ROW = re.compile(r"^\| (`+) ?(.+?) ?\1 \| (.+?) \|$", re.MULTILINE)
YAML = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def rows() -> list[tuple[str, str]]:
    """Return the messages of the page's table, and what is said of each."""
    table = PAGE.partition("| message | what is built |")[2].partition("\n\n")[0]
    return [(message, told) for _, message, told in ROW.findall(table)]


def test_the_table_is_read() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize(("message", "told"), rows())
def test_a_message_builds_what_the_page_says(message: str, told: str) -> None:
    found = requests_in(message, APPS)

    built = [" ".join(filter(None, (each.app, each.append))) for each in found.requests]
    assert built == re.findall(r"`(.+?)`", told)
    assert bool(found.errors) == told.startswith("error")
    assert bool(found.warnings) == ("warning" in told)


@pytest.mark.parametrize("text", YAML)
def test_an_example_of_image_yaml_is_read(text: str) -> None:
    assert read_image("kano", "images/kano", text.encode()).version


def test_the_example_with_every_key_says_what_is_so_without_them() -> None:
    least, most = (read_image("kano", "images/kano", text.encode()) for text in YAML[:2])

    assert (most.tag_template, most.append, most.context) == (
        least.tag_template,
        least.append,
        least.context,
    )
    assert most.repository == "maps/kano"
    assert most.size_limit == 250_000_000


def test_the_script_of_old_becomes_what_it_built() -> None:
    mapcache, thredds, kano = (read_image("app", "images/app", text.encode()) for text in YAML[-3:])

    assert mapcache.tag("prod") == "1.14.0-prod"
    assert thredds.tag(None) == "4.6.20"
    assert kano.context == GitContext("https://github.com/kalisio/kano.git", "v2.6.0")


def test_the_page_tells_of_every_key() -> None:
    table = PAGE.partition("| key | what it must be |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(KEYS)
