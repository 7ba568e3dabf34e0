"""KR020 and KR021: compilers and build tools in the image."""

import pytest
from linted import ours, rules

HEAD = "FROM debian:bookworm-slim\nUSER 1000\n"
APT = "apt-get install -y --no-install-recommends"


@pytest.mark.parametrize(
    ("run", "found"),
    [
        (f"{APT} gcc", True),
        (f"{APT} curl build-essential", True),
        (f"{APT} g++-12 libfoo1", True),
        (f"{APT} libsqlite3-dev", True),
        (f"{APT} gcc=12.* make/bookworm libc6-dev:amd64", True),
        (f"{APT} openjdk-17-jdk-headless", True),
        (f"deps='gcc make' && {APT} $deps", True),
        ("apk add --no-cache gcc musl-dev", True),
        ("dnf install -y gcc-c++ && dnf clean all", True),
        (f"{APT} gcc && apt-get purge -y make", True),
        (f"{APT} gcc; apt-get autoremove -y", True),
        (f"{APT} curl ca-certificates gdal-bin", False),
        (f"{APT} openjdk-17-jre-headless python3-gdal", False),
        (f"{APT} gcc make && make && apt-get purge -y --auto-remove gcc make", False),
        (f"d='gcc make'; {APT} $d; make; apt-get purge -y $d", False),
        ("apk add --virtual .build gcc make && make && apk del .build", False),
        ("apk add --no-cache --virtual=.b gcc && apk del .b", False),
        (
            f"m=$(apt-mark showmanual); {APT} gcc; apt-mark auto '.*'; apt-get purge --auto-remove",
            False,
        ),
        ("echo gcc && echo install gcc", False),
        ("apt-get -o Debug::gcc=1 update && rm -rf /var/lib/apt/lists/*", False),
    ],
)
def test_knows_build_tools_that_stay(run: str, found: bool) -> None:
    assert rules(f"{HEAD}RUN {run}") == (["KR020:3"] if found else [])


def test_removing_them_in_another_layer_helps_nothing() -> None:
    assert rules(f"{HEAD}RUN {APT} gcc\nRUN apt-get purge -y gcc") == ["KR020:3"]


def test_a_stage_that_builds_may_have_them() -> None:
    build = f"FROM debian:bookworm-slim AS build\nRUN {APT} gcc\n"

    assert rules(f"{build}{HEAD}COPY --from=build /a /a") == []
    assert rules(f"{build}FROM build\nUSER 1000") == ["KR021:2"]
    assert rules(f"{build}{HEAD}RUN {APT} make") == ["KR021:5"]


@pytest.mark.parametrize(
    ("base", "held"),
    [
        ("golang:1.23-alpine", "the Go toolchain"),
        ("rust:1.82-slim", "the Rust toolchain and gcc"),
        ("maven:3-eclipse-temurin-21-alpine", "a JDK and Maven"),
        ("eclipse-temurin:17", "a JDK"),
        ("openjdk:17-slim", "a JDK"),
        ("eclipse-temurin:17-jre", ""),
        ("node:20-slim", ""),
    ],
)
def test_knows_bases_that_hold_them(base: str, held: str) -> None:
    found = [each for each in ours(f"FROM {base}\nUSER 1000") if each.rule == "KR020"]

    assert [each.message for each in found] == (
        [f"the base holds {held}, and the image is built upon it"] if held else []
    )
    assert rules(f"FROM {base} AS build\n{HEAD}") == []


def test_a_base_of_the_repository_is_told_for_itself_alone() -> None:
    assert rules("FROM base:1.0-latest\nUSER 1000", bases={"base": f"{HEAD}RUN {APT} gcc"}) == []


def test_names_the_first_five_packages() -> None:
    [found] = ours(f"{HEAD}RUN {APT} gcc make cmake g++ autoconf automake libtool")

    assert found.message == (
        "build tools stay in the image: gcc, make, cmake, g++, autoconf and 2 more"
    )
    assert "COPY --from=STAGE" in found.remedy
