"""KR050 and KR051: what is copied and fetched into the image."""

import pytest
from linted import ours, rules

NODE = "FROM node:20-slim\nUSER node\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("COPY . /opt/app", True),
        ("COPY package.json ./", True),
        ('COPY ["a b", "/opt/app/"]', True),
        ("COPY --chmod=644 a /opt/app", True),
        ("COPY --from=busybox:1 /x /usr/src/app", True),
        ("COPY --chown=node:node . /opt/app", False),
        ("COPY --chown=1000 . /opt/app", False),
        ("COPY start.sh /usr/local/bin/", False),
        ("COPY app.conf /etc/app/app.conf", False),
        ("COPY . /opt/app\nRUN chown -R node:node /opt/app", False),
        ("RUN chown -R node:node /opt/app\nCOPY . /opt/app", True),
        ("ONBUILD COPY . /opt/app", False),
        ("ADD . /opt/app", True),
        ('ADD ["a b", "/opt/app"]', True),
        ("ADD --chown=node:node . /opt/app", False),
        ("ADD x.tgz /usr/local/lib/", False),
        ("ENV BIN=/usr/local/bin\nCOPY start.sh $BIN/", False),
        ('ENV BIN=/usr/local/bin\nCOPY ["start.sh", "${BIN}/start.sh"]', False),
        ("ENV APP=/opt/app\nADD . $APP/", True),
        ("ARG APP=/opt/app\nCOPY . ${APP%x}", False),
        ("ARG FROM=a\nCOPY ${FROM%x} /opt/app", True),
    ],
)
def test_looks_for_chown_in_images_of_node(text: str, found: bool) -> None:
    assert ("KR050" in "".join(rules(NODE + text))) is found
    assert rules(f"FROM debian:bookworm-slim\nUSER 1000\n{text}") == []


def test_a_chown_between_counts_for_what_stands_before_it() -> None:
    text = f"{NODE}COPY a /opt/a\nRUN chown node /opt/a\nADD b /opt/b"

    assert [(each.rule, each.line, each.message, each.remedy) for each in ours(text)] == [
        (
            "KR050",
            5,
            "ADD without --chown: the files belong to root",
            "Write ADD --chown=node:node.",
        )
    ]


def test_looks_at_the_image_alone_and_through_bases_of_the_repository() -> None:
    assert rules(f"FROM node:20 AS build\nCOPY . /src\n{NODE}") == []
    assert rules("FROM base:1.0-latest\nCOPY . /opt/app", bases={"base": NODE}) == ["KR050:2"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ADD https://example.com/x.tgz /x", ["KR051:3"]),
        ('ADD ["http://example.com/x", "/x"]', ["KR051:3"]),
        ("ADD a https://example.com/x.tgz /x/", ["KR051:3"]),
        ("ADD https://github.com/a/b.git#main /x", ["KR051:3"]),
        ("ADD git@github.com:a/b.git /x", ["KR051:3"]),
        ("ARG FROM=https://example.com\nADD $FROM/x /x", ["KR051:4"]),
        ('ARG FROM=https://example.com\nADD ["$FROM/a b", "/x"]', ["KR051:4"]),
        ("ONBUILD ADD https://example.com/x.tgz /x", ["KR051:3"]),
        (f"ADD --checksum=sha256:{'0' * 64} https://example.com/x.tgz /x", []),
        (f"ADD https://github.com/a/b.git#{COMMIT} /x", []),
        ("ADD x.tgz /x", []),
        ("ADD x /https://x", []),
    ],
)
def test_finds_what_is_fetched_unchecked(text: str, found: list[str]) -> None:
    assert rules(f"FROM debian:bookworm-slim\nUSER 1000\n{text}") == found


def test_what_is_fetched_in_a_stage_that_builds_counts() -> None:
    build = "FROM debian:bookworm-slim AS build\nADD https://example.com/x /x\n"

    assert rules(f"{build}{NODE}COPY --chown=node --from=build /x /x") == ["KR051:2"]


def test_tells_what_to_do() -> None:
    [copy, add] = ours(f"{NODE}COPY a /opt/a\nADD https://ada:s3cret@example.com/x /etc/x")

    assert copy.message == "COPY without --chown: the files belong to root"
    assert copy.remedy == "Write COPY --chown=node:node."
    assert add.message == "ADD fetches a URL, and nothing checks what comes"
    assert "--checksum" in add.remedy
