"""What commit messages ask of a version, by Conventional Commits."""

import pytest

from kargo_release.bump import Part
from kargo_release.conventional import evidence_of
from kargo_release.git.history import Message

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def parts(text: str) -> list[Part]:
    message = Message(COMMIT, text)
    return [each.part for each in evidence_of([message], "kano", {"kano", "web"})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("feat: add a port", [Part.MINOR]),
        ("Feat(kano): add a port", [Part.MINOR]),
        ("fix(templates): mend a label", [Part.PATCH]),
        ("feat!: drop the port", [Part.MAJOR]),
        ("chore(kano)!: drop the port", [Part.MAJOR]),
        ("fix: mend\n\nBREAKING CHANGE: the port is gone", [Part.MAJOR]),
        ("docs: tell\n\nlong\n\nBREAKING-CHANGE: the port is gone\nRefs: #1", [Part.MAJOR]),
        ("fix: mend\n\nno BREAKING CHANGE: in the middle", [Part.PATCH]),
        ("Drop the port\n\nBREAKING CHANGE: it is gone", [Part.MAJOR]),
        ("chore: tidy", []),
        ("docs(kano): tell", []),
        ("feat(web)!: another chart's", []),
        ("feat:no space", []),
        ("Add a port", []),
        ('Revert "feat: add a port"', []),
        ("", []),
        ("feat", []),
    ],
)
def test_reads_the_part(text: str, expected: list[Part]) -> None:
    assert parts(text) == expected


def test_names_the_commit() -> None:
    [found] = evidence_of([Message(COMMIT, "feat: add a port\n\nLong.")], "kano", set())
    assert str(found) == "minor: commit 0123456789ab: feat: add a port"
