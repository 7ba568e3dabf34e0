"""KR010 to KR012: the images that stages begin with."""

import pytest
from linted import ours, rules

USER = "\nUSER 1000\n"
DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("debian", ["KR010:1"]),
        ("ghcr.io/a/b", ["KR010:1"]),
        ("localhost:5000/a", ["KR010:1"]),
        ("debian:latest", ["KR011:1"]),
        ("node:20", ["KR012:1"]),
        ("node:20-bookworm", ["KR012:1"]),
        ("docker.io/library/node:20", ["KR012:1"]),
        ("mirror.gcr.io/library/python:3.12", ["KR012:1"]),
        ("debian:bookworm", ["KR012:1"]),
        ("ruby:3.3", ["KR012:1"]),
        ("openjdk:17-jre", []),
        ("node:20-slim", []),
        ("node:20-bookworm-slim", []),
        ("node:20-alpine3.19", []),
        ("python:3.12-slim-bookworm", []),
        ("eclipse-temurin:17-jre-jammy", []),
        ("ubuntu:22.04", []),
        ("nginx:1.27", []),
        ("bitnami/node:20", []),
        (f"node@{DIGEST}", []),
        (f"node:20-slim@{DIGEST}", []),
        (f"debian:latest@{DIGEST}", []),
        ("scratch", []),
        ("gcr.io/distroless/nodejs20-debian12:debug", []),
    ],
)
def test_looks_at_tags(base: str, found: list[str]) -> None:
    assert rules(f"FROM {base}{USER}") == found


def test_looks_at_tags_in_every_stage_but_for_slimness_only_at_the_image() -> None:
    text = f"FROM node:20 AS build\nFROM debian AS other\nFROM node:20-slim{USER}"

    assert rules(text) == ["KR010:2"]
    assert rules(f"FROM node:20 AS build\nFROM build{USER}") == ["KR012:1"]


def test_names_of_stages_are_no_images() -> None:
    assert rules(f"FROM debian:bookworm-slim AS build\nFROM Build{USER}") == []


def test_follows_variables() -> None:
    assert rules(f"ARG TAG=latest\nFROM debian:$TAG{USER}") == ["KR011:2"]
    assert rules(f"ARG TAG=latest\nFROM debian:$TAG{USER}", arguments={"TAG": "12-slim"}) == []
    assert rules(f"ARG V=20.1\nFROM node:${{V%.*}}{USER}") == []


def test_tags_of_the_repository_are_its_own_to_move() -> None:
    bases = {"base": f"FROM debian:bookworm-slim{USER}"}

    assert rules("FROM kalisio/base:latest", bases=bases) == []
    assert rules("FROM kalisio/base", bases=bases) == ["KR010:1"]


def test_offers_a_slim_tag() -> None:
    [finding] = ours(f"FROM python:3.12{USER}")

    assert finding.message == "python:3.12 is not slim"
    assert finding.remedy == (
        "Take a slim variant, such as python:3.12-slim-bookworm; install what is missing."
    )


def test_lets_the_tags_of_bases_of_the_repository_move_in_every_stage() -> None:
    base = {"base": f"FROM node:20-slim{USER}"}
    text = f"FROM kalisio/base:latest AS b\nFROM debian:bookworm-slim\nCOPY --from=b /a /a{USER}"

    assert rules(text, bases=base) == []
    assert rules(text.replace("kalisio", "other"), bases=base) == ["KR011:1"]


@pytest.mark.parametrize(
    ("instruction", "found"),
    [
        ("COPY --from=busybox /a /a", ["KR010:2"]),
        ("COPY --from=debian:latest /a /a", ["KR011:2"]),
        ("RUN --mount=type=bind,from=debian:latest,target=/x a", ["KR011:2"]),
        (f"COPY --from=debian:latest@{DIGEST} /a /a", []),
        ("COPY --from=busybox:1.36 /a /a", []),
        ("COPY --from=node:20 /a /a", []),
        ("COPY --from=kalisio/base:latest /a /a", []),
        ("COPY --from=$IMAGE /a /a", []),
        ("COPY --from=scratch /a /a", []),
        ("RUN --mount=from=scratch,target=/x a", []),
    ],
)
def test_looks_at_the_images_that_are_copied_from(instruction: str, found: list[str]) -> None:
    text = f"FROM debian:bookworm-slim\n{instruction}{USER}"

    assert rules(text, bases={"base": f"FROM node:20-slim{USER}"}) == found


def test_names_of_stages_are_no_images_to_copy_from() -> None:
    stages = "FROM debian:bookworm-slim AS a\nFROM debian:bookworm-slim\n"

    assert rules(f"{stages}COPY --from=a /a /a\nCOPY --from=0 /b /b{USER}") == []


def test_tells_which_image_is_copied_from() -> None:
    [finding] = ours(f"FROM debian:bookworm-slim\nCOPY --from=busybox /a /a{USER}")

    assert finding.message == "the image busybox has no tag"


def test_takes_the_arguments_that_the_builder_sets() -> None:
    assert rules(f"FROM debian:bookworm-slim AS base-amd64\nFROM base-${{TARGETARCH}}{USER}") == []
    assert rules(f"FROM --platform=$BUILDPLATFORM node:20-slim{USER}") == []


def test_takes_no_public_image_for_one_of_the_repository() -> None:
    bases = {"node": f"FROM debian:bookworm-slim{USER}"}

    assert rules("FROM node:latest\nRUN true", bases=bases) == ["KR001:1", "KR011:1"]
    assert rules("FROM node:20\nRUN true", bases=bases) == ["KR001:1", "KR012:1"]
    assert rules("FROM node:1.0-latest\nRUN true", bases=bases) == []
    assert rules("FROM kalisio/node:latest\nRUN true", bases=bases) == []
