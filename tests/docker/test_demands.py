"""What in a Dockerfile needs BuildKit."""

import pytest

from kargo_release.docker.demands import of_buildkit


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
    ],
)
def test_finds_what_needs_buildkit(line: str, demand: str) -> None:
    assert of_buildkit(f"FROM debian\n{line}\n") == demand


@pytest.mark.parametrize(
    "line",
    [
        "COPY --from=builder --chown=1000 /a /b",
        "RUN apt-get install --yes --no-install-recommends curl",
        "RUN echo $((1 << 2))",
        'CMD ["--mount"]',
        "# RUN --mount=type=cache make",
    ],
)
def test_finds_nothing_in_what_every_builder_knows(line: str) -> None:
    assert not of_buildkit(f"FROM debian\n{line}\n")
