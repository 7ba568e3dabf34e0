"""bump-image: the version in image.yaml, and no other byte."""

from pathlib import Path

import pytest
from sandbox import Ended, Sandbox

TEXT = "# ours\nversion: {}  # upstream's\nappend: '1.4.0'\r\narguments:\n  version: 1.4.0\n"


@pytest.fixture
def images(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    for app in ("kano", "web"):
        sandbox.write(f"images/{app}/Dockerfile", "FROM debian:bookworm-slim\nUSER app\n")
        sandbox.write(f"images/{app}/image.yaml", TEXT.format("1.4.0"))
    sandbox.commit("Add images")
    return sandbox


def bumped(sandbox: Sandbox, *words: str) -> tuple[str, list[str]]:
    ended = sandbox.run("bump-image", *words, "--json")
    assert ended.exit_code == 0, ended.err
    [image] = ended.document["images"]
    return image["version"], image["reasons"]


def refused(sandbox: Sandbox, exit_code: int, *words: str) -> Ended:
    ended = sandbox.run("bump-image", *words, "--json")
    assert ended.exit_code == exit_code, ended.err
    assert not sandbox.git("diff", "--name-only", "--", "images/*/image.yaml")
    return ended


def about(sandbox: Sandbox) -> str:
    return (sandbox.path / "images/kano/image.yaml").read_bytes().decode()


@pytest.mark.parametrize(
    ("words", "version"),
    [
        (("--part", "minor"), "1.5.0"),
        (("--to", "1.4.1"), "1.4.1"),
        (("--to", "2024a"), '"2024a"'),
        (("--to", "1.10"), '"1.10"'),
        (("--to", "1.4.1_a"), "1.4.1_a"),
    ],
)
def test_changes_the_version_alone(images: Sandbox, words: tuple[str, ...], version: str) -> None:
    assert bumped(images, "kano", *words)[0] == version.strip('"')
    assert about(images) == TEXT.format(version)


def test_proposes_by_what_commits_say_since_the_version_changed(images: Sandbox) -> None:
    assert bumped(images, "kano") == ("1.4.0", ["nothing changed since it became 1.4.0"])
    images.write("images/kano/Dockerfile", "FROM debian:bookworm-slim\nUSER 1000\n")
    images.commit("Run as a number")
    assert bumped(images, "kano", "--dry-run") == ("1.4.1", ["patch: its folder changed"])
    images.write("images/kano/run.sh", "true\n")
    commit = images.commit("feat(kano): bring a script")
    version, reasons = bumped(images, "kano", "--commit")
    assert (version, reasons) == (
        "1.5.0",
        [f"minor: commit {commit[:12]}: feat(kano): bring a script"],
    )
    assert images.git("log", "-1", "--format=%s") == "Bump kano to 1.5.0"
    assert bumped(images, "kano")[0] == "1.5.0"


def test_finds_when_a_version_changed_however_it_is_written(images: Sandbox) -> None:
    images.write("images/kano/image.yaml", "{version: 1.4.0}\n")
    images.commit()
    assert bumped(images, "kano")[0] == "1.4.0"
    images.write("images/kano/run.sh", "true\n")
    images.commit("feat: bring a script")
    assert bumped(images, "kano")[0] == "1.5.0"


def test_keeps_what_it_would_lose(images: Sandbox) -> None:
    images.write("images/kano/image.yaml", "version: &v 1.4.0\n")
    images.commit()
    ended = refused(images, 2, "kano", "--to", "1.5.0")
    assert ended.tells("`version` can't be changed without changing more", "without an anchor")


def test_stays_where_it_is_that_already(images: Sandbox) -> None:
    assert images.run("bump-image", "kano", "--to", "1.4.0").out == (
        "kano  1.4.0\n  is that already\n"
    )


def test_goes_not_backwards(images: Sandbox) -> None:
    assert refused(images, 3, "kano", "--to", "1.3").tells("kano is 1.4.0 already", "newer")


def test_judges_only_what_is_committed(images: Sandbox) -> None:
    images.write("images/kano/Dockerfile", "FROM debian\n")
    ended = refused(images, 3, "kano", "--part", "minor")
    assert ended.tells("not committed: images/kano/Dockerfile", "Commit or stash")


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (("knao",), "there is no image 'knao'", "kano"),
        (("../kano",), "there is no image", ""),
        (("kano", "--to", "a b"), "images/kano/image.yaml", ""),
        (("kano", "--to", "$(id)"), "images/kano/image.yaml", ""),
        *((("kano", f"--to={each}"), "image.yaml", "") for each in ("@", "[", "{", "*a", '"', "=")),
        *(
            (("kano", f"--to={each}"), "can't be written", "line")
            for each in ("a\nb", "\t", "\udc80")
        ),
        (("kano", "--part", "x"), "'x' is no part", "major"),
        (("kano", "--part", "minor", "--to", "2.0.0"), "exclude each other", "one of them"),
    ],
)
def test_tells_bad_usage(
    images: Sandbox, words: tuple[str, ...], message: str, remedy: str
) -> None:
    assert refused(images, 2, *words).tells(message, remedy)


def test_tells_a_version_that_has_no_parts(images: Sandbox) -> None:
    images.write("images/kano/image.yaml", "version: 2024a\n")
    images.commit()
    ended = refused(images, 2, "kano", "--part", "minor")
    assert ended.tells("kano is '2024a', which has no parts", "Name the version itself by --to")
