"""The command lint-image: what it prints, writes and ends with."""

import json
from pathlib import Path

import pytest
from sandbox import Sandbox
from sarif_rules import check_sarif

BAD = """FROM node:20
RUN npm ci && npm cache clean --force
EXPOSE 80
CMD ["node", "server.js"]
"""
SMALL = "FROM debian:bookworm\nUSER 1000\n"
GOOD = 'FROM debian:bookworm-slim\nUSER 1000\nCMD ["true"]\n'


@pytest.fixture
def images(tmp_path: Path) -> Sandbox:
    """Return a repository with a bad image, one that could be smaller, and a good one."""
    sandbox = Sandbox.make(tmp_path / "clone")
    for app, text in {"bad": BAD, "good": GOOD, "small": SMALL}.items():
        sandbox.write(f"images/{app}/image.yaml", "version: '1.0'\n")
        sandbox.write(f"images/{app}/Dockerfile", text)
    sandbox.commit()
    return sandbox


def test_tells_what_is_wrong_and_what_to_do(images: Sandbox) -> None:
    ended = images.run("lint-image")

    assert ended.exit_code == 3
    assert ended.out.splitlines() == [
        "images/bad/Dockerfile",
        "  1:1 KR001 error: no USER is set, so that the image runs as root",
        "      → Create a user, or take the base's (node's is 1000), and write USER before CMD.",
        "  1:1 KR012 warning: node:20 is not slim",
        "      → Take a slim variant, such as node:20-bookworm-slim; install what is missing.",
        "  3:1 KR070 error: port 80 is below 1024",
        "      → Let the program listen on a port from 1024 up; a service maps any port to it.",
        "images/small/Dockerfile",
        "  1:1 KR012 warning: debian:bookworm is not slim",
        "      → Take a slim variant, such as debian:bookworm-slim; install what is missing.",
        "3 images checked: 2 errors, 2 warnings",
    ]
    assert ended.err == ""


def test_a_warning_does_not_refuse(images: Sandbox) -> None:
    ended = images.run("lint-image", "small", "good", "small")

    assert ended.exit_code == 0
    assert ended.out.splitlines()[-1] == "2 images checked: 1 warning"


def test_the_document_is_the_contracts(images: Sandbox) -> None:
    ended = images.run("lint-image", "bad", "--json")

    assert (ended.exit_code, ended.document["ok"], ended.document["error"]) == (3, False, None)
    assert ended.document["command"] == "lint-image"
    assert ended.document["findings"][2] == {
        "rule": "KR070",
        "severity": "error",
        "subject": "bad",
        "file": "images/bad/Dockerfile",
        "line": 3,
        "column": 1,
        "message": "port 80 is below 1024",
        "remedy": "Let the program listen on a port from 1024 up; a service maps any port to it.",
    }


def test_writes_sarif(images: Sandbox) -> None:
    ended = images.run("lint-image", "--sarif", "lint.sarif")
    document = json.loads((images.path / "lint.sarif").read_text())

    check_sarif(document)
    assert ended.exit_code == 3
    assert "3 images checked" in ended.out
    assert [each["ruleId"] for each in document["runs"][0]["results"]] == [
        *("KR001", "KR012", "KR070", "KR012")
    ]


def test_refuses_a_file_that_cannot_be_written(images: Sandbox) -> None:
    ended = images.run("lint-image", "good", "--sarif", "nowhere/lint.sarif", "--json")

    assert ended.exit_code == 1
    assert ended.tells("nowhere/lint.sarif can't be written: No such file", "Name a file")


def test_reads_the_files_as_they_are_on_disk(images: Sandbox) -> None:
    images.write("images/bad/Dockerfile", GOOD)

    assert images.run("lint-image", "bad").exit_code == 0


def test_a_dockerfile_that_cannot_be_read_does_not_hide_the_others(images: Sandbox) -> None:
    images.write("images/good/Dockerfile", "FROM debian:bookworm-slim\nFORM b\n")
    ended = images.run("lint-image", "--json")

    found = {(each["subject"], each["rule"], each["line"]) for each in ended.document["findings"]}
    assert ended.exit_code == 3
    assert {("good", "KR000", 2), ("bad", "KR070", 3)} <= found


def test_an_image_that_cannot_be_read_does_not_hide_the_others(images: Sandbox) -> None:
    images.write("images/good/image.yaml", "versoin: 1\n")
    ended = images.run("lint-image", "--json")

    assert ended.exit_code == 2
    assert ended.document["error"]["kind"] == "invalid"
    assert "images/good/image.yaml" in ended.err
    assert "KR070" in {each["rule"] for each in ended.document["findings"]}
    assert "1 could not be read, 2 images checked: " in images.run("lint-image").out


def test_offers_the_nearest_name(images: Sandbox) -> None:
    ended = images.run("lint-image", "smal", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no image 'smal'", "Perhaps you meant small.")


def test_a_repository_without_images_is_well(tmp_path: Path) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write("README.md", "empty")
    sandbox.commit()

    ended = sandbox.run("lint-image")
    assert (ended.exit_code, ended.out) == (0, "0 images checked: nothing to mend\n")


def test_knows_the_registry_of_the_settings(images: Sandbox) -> None:
    images.write("kargo-release.yaml", "image_registry: registry.example.com/team\n")
    images.write("images/small/Dockerfile", "FROM registry.example.com/team/good:1.0-latest\n")

    assert images.run("lint-image", "small").exit_code == 0


def test_without_hadolint_nothing_is_checked(
    images: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    git = next(folder for folder in ("/usr/bin", "/usr/local/bin") if Path(folder, "git").exists())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(f"{git}/git")

    ended = images.run("lint-image", "--json", environ={"PATH": str(tmp_path / "bin")})
    assert ended.exit_code == 3
    assert ended.tells("the program hadolint was not found", "kargo-release[lint]")


def test_the_images_of_this_repository_pass() -> None:
    repository = Sandbox(Path(__file__).parents[2])

    ended = repository.run("lint-image", "--json")
    assert [each for each in ended.document["findings"] if each["severity"] != "info"] == []
    assert ended.exit_code == 0
