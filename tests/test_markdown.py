"""Texts that others wrote, in Markdown: they show as they are."""

import pytest

from kargo_release import markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("kano-1.4.0", "kano-1.4.0"),
        ("a|b", r"a\|b"),
        ("<img src=x>", r"\<img src=x\>"),
        ("[a](https://b.c)", r"\[a\](https\://b.c)"),
        ("`a` *b* &amp; \\", r"\`a\` \*b\* \&amp; \\"),
        ("a\n\n# b\u202e", r"a\\n\\n\# b\\u202e"),
        ("日本 é", "日本 é"),
    ],
)
def test_lets_no_text_be_markdown_or_html(text: str, shown: str) -> None:
    assert markdown.escaped(text) == shown


def test_writes_a_table() -> None:
    assert markdown.table(("app", "tag"), [("kano", "1"), ("gdal", "")]).splitlines() == [
        "| app | tag |",
        "| --- | --- |",
        "| kano | 1 |",
        "| gdal |  |",
    ]


def test_links_to_what_is_named() -> None:
    assert markdown.link("a]b", "https://example.com/a") == r"[a\]b](https://example.com/a)"
