"""KR030 to KR042: what package managers leave in the image."""

import pytest
from linted import ours, rules

HEAD = "FROM debian:bookworm-slim\nUSER 1000\n"
INSTALL = "apt-get install -y --no-install-recommends curl"
CONF = "/etc/apt/apt.conf.d/99x"
CLEAN = "rm -rf /var/lib/apt/lists/*"


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("RUN apt-get install -y curl", ["KR030:3"]),
        ("RUN apt-get -y install curl", ["KR030:3"]),
        ("RUN apt -y install curl", ["KR030:3"]),
        ("RUN sudo apt-get -qq -o X=y install curl", ["KR030:3"]),
        ('RUN ["apt-get", "install", "-y", "curl"]', ["KR030:3"]),
        ("RUN <<EOF\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN <<EOF bash -e\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN bash <<EOF\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN <<EOF\n#!/bin/sh -e\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN <<EOF\n#!/usr/bin/env bash\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN << EOF\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN bash -euo pipefail <<EOF\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN cat <<A > /x && sh <<B\n1\nA\napt-get install -y curl\nB", ["KR030:3"]),
        ("RUN <<EOF\ncat > /x <<E2\n1\nE2\napt-get install -y curl\nEOF", ["KR030:3"]),
        ("RUN timeout 60 apt-get install -y curl", ["KR030:3"]),
        ('SHELL ["/usr/bin/env", "bash", "-c"]\nRUN apt-get install -y curl', ["KR030:4"]),
        (f"RUN {INSTALL}", []),
        ("RUN <<EOF\ncat > /x <<E2\napt-get install -y curl\nE2\nEOF", []),
        ("RUN <<A <<B\n1\nA\napt-get install -y curl\nB", []),
        ("RUN sh x.sh <<EOF\napt-get install -y curl\nEOF", []),
        ("RUN apt-get -y --no-install-recommends install curl", []),
        ("RUN apt-get install -y -o APT::Install-Recommends=false curl", []),
        ("RUN aptitude install -y --without-recommends curl", []),
        ("RUN <<EOF\n#!/usr/bin/python3\napt-get install -y curl\nEOF", []),
        ("RUN cat <<EOF > /x\napt-get install -y curl\nEOF", []),
        ("RUN echo apt-get install -y curl", []),
        ("RUN apt-get remove curl", []),
        ('SHELL ["pwsh", "-c"]\nRUN apt-get install -y curl', []),
        (f"COPY <<EOF {CONF}\nAPT::Install-Recommends 0;\nEOF\nRUN apt-get install -y curl", []),
        (f"RUN echo 'APT::Install-Recommends 0;' > {CONF}\nRUN apt-get install -y curl", []),
        (f"RUN echo APT::Install-Recommends 1 > {CONF}\nRUN apt-get install curl", ["KR030:4"]),
        ("RUN echo APT::Install-Recommends 0\nRUN apt-get install curl", ["KR030:4"]),
        ("RUN apt-get install -o APT::Install-Recommends=1 curl", ["KR030:3"]),
        ("RUN apt-get install -oapt::install-recommends=no a\nRUN apt-get install b", ["KR030:4"]),
        (
            "RUN apt-get install -o APT::Install-Recommends=0 a > /dev/null\nRUN apt-get install b",
            ["KR030:4"],
        ),
        (f"RUN echo 'APT::Install-Recommends \"false\";' | tee {CONF}; apt install a", []),
    ],
)
def test_finds_recommended_packages(run: str, found: list[str]) -> None:
    assert rules(HEAD + run) == found


@pytest.mark.parametrize(
    ("run", "found"),
    [
        (f"RUN apt-get update && {INSTALL}", ["KR031:3"]),
        (f"RUN apt-get update && {INSTALL} && apt-get clean", ["KR031:3"]),
        (f"RUN {CLEAN} && apt-get update && {INSTALL}", ["KR031:3"]),
        (f"RUN apt-get update && {INSTALL}\nRUN {CLEAN}", ["KR031:3"]),
        (f"RUN apt-get update && {INSTALL} && rm -rf /var/cache/apt/*", ["KR031:3"]),
        (f"RUN --mount=type=cache,target=/var/cache/apt apt-get update && {INSTALL}", ["KR031:3"]),
        (f"RUN --mount=type=bind,target=/var/lib/apt apt-get update && {INSTALL}", ["KR031:3"]),
        (f"RUN apt-get update && {INSTALL} && {CLEAN}", []),
        (f"RUN apt-get update; {INSTALL}; rm -r -f /x /var/lib/apt/lists", []),
        (f"RUN apt-get update; {INSTALL}; rm -rf /var/lib/apt/lists/", []),
        (f"RUN apt-get update; {INSTALL}; rm -rf /var/lib/apt/*", []),
        (f"RUN apt-get update; {INSTALL}; find /var/lib/apt/lists -type f -delete", []),
        (f"RUN apt-get update; {INSTALL}; apt-get distclean", []),
        (f"RUN apt-get update; {INSTALL}; find /var/lib -name foo", ["KR031:3"]),
        (f"RUN apt-get update; {INSTALL}; find /var/lib -name foo -delete", ["KR031:3"]),
        (f"RUN apt-get update; {INSTALL}; find /var/lib/apt -type f -delete", []),
        (f"RUN apt-get update; {INSTALL}; find /var/lib/apt/lists -name '*' | xargs rm", []),
        (
            f"RUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update; {INSTALL}",
            [],
        ),
        (f"RUN --mount=type=tmpfs,dst=/var/lib/apt/lists/ apt-get update; {INSTALL}", []),
        (f"RUN <<EOF\napt-get update\n{INSTALL}\n{CLEAN}\nEOF", []),
        (f"RUN {INSTALL}", []),
    ],
)
def test_finds_lists_of_apt(run: str, found: list[str]) -> None:
    assert rules(HEAD + run) == found


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("yarn install --production", ["KR040:3"]),
        ("yarn", ["KR040:3"]),
        ("yarn global add x@1", ["KR040:3"]),
        ("yarn cache clean && yarn add x", ["KR040:3"]),
        ("yarn install && yarn cache clean", []),
        ("yarn && yarn build && rm -rf /usr/local/share/.cache", []),
        ("yarn build", []),
        ("yarn --version", []),
        ("npm ci", ["KR041:3"]),
        ("npm install --omit=dev", ["KR041:3"]),
        ("npm i -g x@1", ["KR041:3"]),
        ("npm ci && npm cache verify", ["KR041:3"]),
        ("npm ci && npm cache clean --force", []),
        ("npm ci && rm -rf /root/.npm", []),
        ("npm ci && rm -rf ~/.npm/_cacache/*", []),
        ("npm ci --cache /tmp/c && rm -rf /tmp/c", []),
        ("npm run build", []),
        ("pip install x==1", ["KR042:3"]),
        ("pip3 install -r r.txt", ["KR042:3"]),
        ("python3 -m pip install x", ["KR042:3"]),
        ("pip install --no-cache-dir x==1", []),
        ("python3.11 -m pip install --no-cache-dir x==1", []),
        ("pip install x && pip cache purge", []),
        ("pip install x && rm -rf /root/.cache", []),
        ("PIP_NO_CACHE_DIR=1 pip install x", []),
        ("pip --version", []),
        ("python3 -m venv /x", []),
    ],
)
def test_finds_caches(run: str, found: list[str]) -> None:
    assert rules(f"{HEAD}RUN {run}") == found


@pytest.mark.parametrize(
    ("run", "mount"),
    [
        ("yarn install", "/usr/local/share/.cache/yarn/v6"),
        ("yarn install", "/root/.cache/yarn"),
        ("npm ci", "/root/.npm"),
        ("npm ci", "/home/node/.npm"),
        ("pip install x", "/root/.cache/pip"),
        ("pip install x", "/root/.cache"),
    ],
)
def test_a_cache_mount_is_a_clean_up(run: str, mount: str) -> None:
    assert rules(f"{HEAD}RUN --mount=type=cache,target={mount} {run}") == []
    assert len(rules(f"{HEAD}RUN --mount=type=cache,target=/other {run}")) == 1


def test_pip_may_be_told_by_the_environment() -> None:
    assert rules(f"{HEAD}ENV PIP_NO_CACHE_DIR=1\nRUN pip install x") == []
    assert rules(f"{HEAD}RUN pip install x\nENV PIP_NO_CACHE_DIR=1") == ["KR042:3"]


def test_stages_that_are_not_in_the_image_matter_little() -> None:
    build = (
        f"FROM node:20 AS build\nRUN apt-get update && apt-get install -y git\nRUN npm ci\n{HEAD}"
    )

    assert rules(build) == []
    assert rules(build, target="build")[1:] == ["KR012:1", "KR030:2", "KR031:2", "KR041:3"]


def test_tells_what_to_do() -> None:
    [finding] = ours(f"{HEAD}RUN apt-get update")

    assert finding.message == "the lists of apt stay in the image"
    assert finding.remedy == "End the same RUN with: && rm -rf /var/lib/apt/lists/*"


def test_has_the_settings_of_pip_that_a_base_of_the_repository_has() -> None:
    text = "FROM kalisio/base:1\nRUN pip install a\nUSER 1000\n"
    base = "FROM python:3.12-slim-bookworm\nENV PIP_NO_CACHE_DIR=1\nUSER 1000\n"

    assert "KR042:2" not in rules(text, bases={"base": base})
    assert "KR042:2" in rules(text, bases={"base": base.replace("=1", "=")})


def test_a_prefix_counts_for_its_own_step_alone() -> None:
    text = (
        "FROM python:3.12-slim-bookworm\nRUN PIP_NO_CACHE_DIR=1 pip install a\nRUN pip install b\n"
    )

    assert [each for each in rules(text) if each.startswith("KR042")] == ["KR042:3"]


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("npm --prefix server ci", "KR041"),
        ("npm -w server install", "KR041"),
        ("npm cit", "KR041"),
        ("npm ci && rm -rf /root/.cache", "KR041"),
        ("yarn --cwd app install", "KR040"),
        ("yarn --network-timeout 100000 add a", "KR040"),
        ("pip --timeout 100 install a", "KR042"),
        ("python3 -u -m pip install a", "KR042"),
        ("npm ci && npm --prefix server cache clean --force", ""),
        ("npm run ci", ""),
        ("yarn --cwd app install && rm -rf ~/.cache", ""),
    ],
)
def test_finds_verbs_behind_options_with_values(command: str, rule: str) -> None:
    found = rules(f"FROM node:20-slim\nRUN {command}\nUSER node\n")

    assert [each.partition(":")[0] for each in found if each.startswith("KR04")] == (
        [rule] if rule else []
    )
