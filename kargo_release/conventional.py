"""What commit messages say of a version: Conventional Commits 1.0.0."""

import re
from collections.abc import Iterable, Iterator

from kargo_release.bump import Evidence, Part
from kargo_release.git.history import Message
from kargo_release.git.repository import short

# The specification's 1 to 5 and 13: a type, a scope in parentheses, a mark of a breaking change.
_HEADER = re.compile(r"(?P<type>[A-Za-z]+)(?:\((?P<scope>[^()\r\n]*)\))?(?P<breaking>!)?: +\S")
_FOOTER = re.compile(r"^BREAKING[ -]CHANGE: +\S", re.MULTILINE)  # 8, 12 and 16
_REVERTED = re.compile(r"^This reverts commit ([0-9a-f]{7,64})", re.MULTILINE)  # git-revert(1)
_PARTS = {"feat": Part.MINOR, "fix": Part.PATCH}
_SHOWN = 60  # characters of a subject


def evidence_of(messages: Iterable[Message], name: str, others: set[str]) -> Iterator[Evidence]:
    """Yield what the messages of commits say of a chart or an image.

    Args:
        messages: Of commits that touched it.
        name: Its name.
        others: All of its kind: a scope that names another one says nothing of this one.
    """
    messages = list(messages)
    reverted = tuple(oid for each in messages for oid in _REVERTED.findall(each.text))
    for message in messages:
        if message.commit.startswith(reverted):
            continue
        subject = message.text.partition("\n")[0].strip()
        part = _part(subject, message.text, others - {name})
        if part is not None:
            footer = " (BREAKING CHANGE)" if _FOOTER.search(message.text) else ""
            yield Evidence(part, f"commit {short(message.commit)}: {subject:.{_SHOWN}}{footer}")


def _part(subject: str, text: str, others: set[str]) -> Part | None:
    """Return what a message asks for; a footer counts whatever the subject is like."""
    header = _HEADER.match(subject)
    if header and header["scope"] in others:
        return None
    if (header and header["breaking"]) or _FOOTER.search(text):
        return Part.MAJOR
    return _PARTS.get(header["type"].lower()) if header else None
