"""KR001 and KR002: the user that the image runs as."""

import pytest
from linted import ours, rules

NODE = "FROM node:20-slim\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{NODE}RUN true", ["KR001:1"]),
        ("FROM scratch\nCOPY a /a", ["KR001:1"]),
        (f"{NODE}USER root", ["KR002:2"]),
        (f"{NODE}USER node\nRUN a\nUSER root\n", ["KR002:4"]),
        (f"{NODE}USER 0", ["KR002:2"]),
        (f"{NODE}USER 0:1000", ["KR002:2"]),
        (f"{NODE}USER root:node", ["KR002:2"]),
        (f"{NODE}USER 000", ["KR002:2"]),
        (f'{NODE}USER "root"', ["KR002:2"]),
        (f"{NODE}ARG WHO=root\nUSER $WHO", ["KR002:3"]),
        (f"{NODE}ARG WHO\nUSER $WHO", ["KR002:3"]),
        (f"{NODE}ENV WHO=root\nARG WHO=node\nUSER $WHO", ["KR002:4"]),
        (f"ARG WHO=0\n{NODE}ARG WHO\nUSER $WHO", ["KR002:4"]),
        (f"{NODE}USER node\nONBUILD USER root", []),
        (f"{NODE}USER node", []),
        (f"{NODE}USER root\nRUN a\nUSER node\n", []),
        (f"{NODE}USER 1000:0", []),
        (f"{NODE}ENV WHO=node\nUSER ${{WHO}}", []),
        (f"{NODE}USER ${{WHO:-node}}", []),
        (f"{NODE.strip()} AS base\nUSER node\nFROM base\nRUN true", []),
        (f"{NODE.strip()} AS base\nUSER node\nFROM base AS two\nFROM two\n", []),
        (f"{NODE.strip()} AS base\nUSER node\nFROM base\nUSER root", ["KR002:4"]),
        (f"{NODE.strip()} AS base\nUSER node\n{NODE}COPY --from=base --chown=1 /a /a", ["KR001:3"]),
        ("FROM gcr.io/distroless/static:nonroot\nCOPY a /a", []),
        ("FROM gcr.io/distroless/base:debug-nonroot\nCOPY a /a", []),
        ("FROM gcr.io/distroless/static:debug\nCOPY a /a", ["KR001:1"]),
    ],
)
def test_looks_for_the_user_that_counts(text: str, found: list[str]) -> None:
    assert rules(text) == found


def test_looks_at_the_stage_that_is_built() -> None:
    text = f"{NODE.strip()} AS prod\nUSER node\nFROM prod AS dev\nUSER root\n"

    assert rules(text, target="prod") == []
    assert rules(text) == ["KR002:4"]


def test_counts_build_arguments_of_the_image() -> None:
    text = f"{NODE}ARG WHO=node\nUSER $WHO"

    assert rules(text) == []
    assert rules(text, arguments={"WHO": "root"}) == ["KR002:3"]


@pytest.mark.parametrize(
    "name",
    [
        "base:1.0-latest",
        "kalisio/base:1",
        "docker.io/kalisio/base:1",
        "index.docker.io/kalisio/base:1",
    ],
)
def test_knows_bases_of_the_repository(name: str) -> None:
    assert rules(f"FROM {name}\nRUN true", bases={"base": f"{NODE}USER node"}) == []
    assert rules(f"FROM {name}\nRUN true", bases={"base": f"{NODE}USER root"}) == ["KR002:1"]
    assert rules(f"FROM {name}\nRUN true", bases={"base": NODE}) == ["KR001:1"]
    assert rules(f"FROM {name}\nUSER node", bases={"base": NODE}) == []


def test_knows_bases_of_bases_and_what_they_trigger() -> None:
    bases = {"one": f"{NODE}USER node", "two": "FROM one:1.0-latest\nONBUILD USER root"}

    assert rules("FROM two:1.0-latest\nRUN true", bases=bases) == ["KR002:1"]
    assert rules("FROM one:1.0-latest\nRUN true", bases=bases) == []


def test_takes_another_registrys_image_of_that_name_for_another() -> None:
    base = {"base": f"{NODE}USER node"}

    assert rules("FROM ghcr.io/other/base:1\nRUN true", bases=base) == ["KR001:1"]
    assert rules("FROM other/base:1\nRUN true", bases=base) == ["KR001:1"]


def test_a_base_that_cannot_be_read_is_like_any_other() -> None:
    assert rules("FROM base:1.0-latest\nRUN true", bases={"base": "FORM node"}) == ["KR001:1"]


def test_ends_for_images_that_stand_upon_each_other() -> None:
    assert rules("FROM base:1.0-latest\nRUN true", bases={"base": "FROM kano:1.0-latest"}) == [
        "KR001:1"
    ]


def test_says_who_is_root_and_what_to_do() -> None:
    [none] = ours(f"{NODE}RUN true")
    [other] = ours("FROM ghcr.io/a/b:1\nRUN true")
    [root] = ours(f"{NODE}USER 0:0")

    assert none.message == "no USER is set, so that the image runs as root"
    assert other.message == f"{none.message}, unless its base sets one"
    assert "write USER before CMD" in none.remedy
    assert root.message == "the last USER is 0:0"
    assert root.remedy.startswith("Write USER with the unprivileged user again")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM mambaorg/micromamba:1.5\nUSER root\nRUN a\nUSER $MAMBA_USER\n", []),
        ("FROM quay.io/jupyter/base:1\nUSER ${NB_UID}\n", []),
        ("FROM mambaorg/micromamba:1.5\nARG WHO\nUSER $WHO\n", ["KR002:3"]),
        (f"{NODE}USER $NODE_USER\n", ["KR002:2"]),
        ("FROM scratch\nUSER $WHO\n", ["KR002:2"]),
        (f"{NODE}ARG WHO=a-root\nUSER ${{WHO#a-}}\n", []),
    ],
)
def test_tells_no_user_that_a_base_may_name(text: str, found: list[str]) -> None:
    assert rules(text) == found


def test_has_the_variables_of_bases_of_the_repository() -> None:
    base = f"{NODE}ENV APP_USER=app\nUSER app"
    text = "FROM kalisio/base:1\nUSER root\nRUN a\nUSER $APP_USER\n"

    assert rules(text, bases={"base": base}) == []
    assert rules(text, bases={"base": base.replace("=app", "=root")}) == ["KR002:4"]
    # Of a base on a base, too; ARGs end with an image.
    middle = "FROM base:1.0-latest\nRUN true"
    top = "FROM middle:1.0-latest\nUSER $APP_USER\n"
    assert rules(top, bases={"base": base, "middle": middle}) == []
    argued = f"{NODE}ARG APP_USER=app\nUSER app"
    assert rules(text, bases={"base": argued}) == ["KR002:4"]
