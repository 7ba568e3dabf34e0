"""What in a Dockerfile needs BuildKit."""

import pytest

from kargo_release.docker.order import Demand
from kargo_release.images import demands
from kargo_release.images.dockerfile_parser import parse_dockerfile


def asked(text: str) -> Demand:
    return demands.demand_of(parse_dockerfile(text.encode(), "D"), {"TARGETOS": "linux"})


def demand_of(text: str) -> str:
    return asked(text).buildkit


@pytest.mark.parametrize(
    ("text", "newer"),
    [
        ("FROM debian\nRUN <<EOF\na\nEOF\n", "the here-document in line 2"),
        ("FROM debian\nCOPY --link a b\n", "--link in line 2"),
        ("FROM debian\nONBUILD COPY --link a b\n", "--link in line 2"),
        ("FROM debian\nRUN --mount=type=cache,target=/a b\n", ""),
        ("# syntax=docker/dockerfile:1\nFROM debian\nCOPY --link a b\n", ""),
    ],
)
def test_finds_what_needs_a_newer_buildkit(text: str, newer: str) -> None:
    assert asked(text).newer == newer


@pytest.mark.parametrize(
    ("line", "demand"),
    [
        ("RUN --mount=type=cache,target=/root/.npm npm ci", "--mount in line 2"),
        ("RUN --network=none make", "--network in line 2"),
        ("COPY --from=builder --link /a /b", "--link in line 2"),
        ("COPY --chmod=755 a /b", "--chmod in line 2"),
        ("ONBUILD RUN --mount=type=cache,target=/x make", "--mount in line 2"),
        ("RUN <<EOF\necho hi\nEOF", "the here-document in line 2"),
        ("COPY <<-'FILE' /etc/x\nhi\nFILE", "the here-document in line 2"),
        ("RUN \\\n  --mount=type=cache,target=/x make", "--mount in line 2"),
        ("FROM --platform=$BUILDPLATFORM debian", "--platform=$BUILDPLATFORM in line 2"),
        ("ARG TARGETARCH", "the value of TARGETARCH in line 2"),
    ],
)
def test_finds_what_needs_buildkit(line: str, demand: str) -> None:
    assert demand_of(f"FROM debian\n{line}\n") == demand


@pytest.mark.parametrize(
    "line",
    [
        "COPY --from=builder --chown=1000 /a /b",
        "RUN apt-get install --yes --no-install-recommends curl",
        "RUN echo $((1<<2))",
        'CMD ["--mount"]',
        'RUN cat <<<"x"',
        "RUN echo $((1<<COUNT))",
        "RUN echo \\\n  COPY --link",
        "HEALTHCHECK --interval=5s CMD true",
        "ARG TARGETARCH=amd64",
        "ARG TARGETOS",
        "FROM --platform=linux/amd64 debian",
        "COPY --chown=$USER a b",
        "# RUN --mount=type=cache make",
    ],
)
def test_finds_nothing_in_what_every_builder_knows(line: str) -> None:
    assert not demand_of(f"FROM debian\n{line}\n")
