"""KR070 and KR071: ports, and how the program is started."""

import pytest
from linted import ours, rules

HEAD = "FROM debian:bookworm-slim\nUSER 1000\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("EXPOSE 80", ["KR070:3"]),
        ("EXPOSE 8080 443/tcp", ["KR070:3"]),
        ("EXPOSE 1000-2000", ["KR070:3"]),
        ("EXPOSE 1023/udp", ["KR070:3"]),
        ("ENV PORT=80\nEXPOSE $PORT", ["KR070:4"]),
        ("ARG PORT=80\nEXPOSE ${PORT}/tcp", ["KR070:4"]),
        ("EXPOSE 1024", []),
        ("EXPOSE 8080/tcp 9876", []),
        ("EXPOSE $PORT", []),
    ],
)
def test_looks_at_ports(text: str, found: list[str]) -> None:
    assert rules(HEAD + text) == found


def test_counts_each_port_and_stages_of_the_image_only() -> None:
    assert rules(f"{HEAD}EXPOSE 80 443") == ["KR070:3", "KR070:3"]
    assert rules(f"FROM nginx:1 AS other\nEXPOSE 80\n{HEAD}") == []
    assert rules("FROM nginx:1 AS other\nEXPOSE 80\nFROM other\nUSER 1000") == ["KR070:2"]


def test_follows_build_arguments() -> None:
    text = f"{HEAD}ARG PORT=80\nEXPOSE $PORT"

    assert rules(text, arguments={"PORT": "8080"}) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CMD node x", "CMD is in the shell form"),
        ("ENTRYPOINT ./run $X", "ENTRYPOINT is in the shell form"),
        ("CMD ['node', 'x']", "CMD is in the shell form, for the list is not JSON"),
        ('CMD ["node", "x"]', ""),
        ("CMD exec node x", ""),
        ("CMD []", ""),
        ("HEALTHCHECK CMD curl localhost", ""),
        ("RUN node x", ""),
    ],
)
def test_looks_at_the_form(text: str, message: str) -> None:
    found = ours(HEAD + text)

    assert [each.message for each in found] == ([message] if message else [])
    assert all(each.rule == "KR071" and "JSON list" in each.remedy for each in found)


@pytest.mark.parametrize(
    ("base", "stage", "found"),
    [
        ("CMD node x", "", ["KR071:3"]),
        ("CMD node x", 'CMD ["node"]', []),
        ("CMD node x", 'ENTRYPOINT ["node"]', []),
        ("CMD node x", "ONBUILD CMD node y", ["KR071:3", "KR071:5"]),
        ("ENTRYPOINT node x", 'ENTRYPOINT ["node"]', []),
        ("ENTRYPOINT node x", 'CMD ["y"]', ["KR071:3"]),
        ('CMD ["node"]', "CMD node x", ["KR071:5"]),
        ("CMD node a", "CMD node b\nCMD node c", ["KR071:6"]),
        ("", 'CMD node x\nENTRYPOINT ["sh"]', ["KR071:5"]),
    ],
)
def test_looks_at_what_starts_the_image_alone(base: str, stage: str, found: list[str]) -> None:
    text = f"{HEAD.replace('slim', 'slim AS base', 1)}{base}\nFROM base\n{stage}\n"

    assert rules(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ARG P=80-8080\nEXPOSE ${P#80-}", []),
        ("EXPOSE $PORT 80", ["KR070:2"]),
    ],
)
def test_tells_no_port_that_can_not_be_read(text: str, found: list[str]) -> None:
    image = f'FROM ghcr.io/a/b:1\n{text}\nUSER 1000\nCMD ["a"]\n'

    assert [each for each in rules(image) if each.startswith("KR070")] == found
