"""Holds the copies of a released version against what it is to hold, and against each other.

Nothing is downloaded where digests tell already. Of an archive that Helm made nobody states the
content: one copy is fetched, and the others of the same bytes are known with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kargo_release.charts.inventory.contents import Content
from kargo_release.charts.inventory.copies import Copies, Copy, listed_digest
from kargo_release.charts.inventory.known import Known
from kargo_release.charts.likeness import are_alike
from kargo_release.errors import KargoError
from kargo_release.plan import Answer, Found, State

_NOT_INDEXED = "not yet in index.yaml"
_NO_ARCHIVE = "only in index.yaml"
_OTHER_DIGEST = "other digest in index.yaml"

LookedUp = Copy | KargoError | None


def look_up(known: Known, places: Sequence[Copies]) -> dict[str, LookedUp]:
    """Return the copy of a version at each place, None where there is none, or why not."""
    return {place.name: _looked_up(known, place) for place in places}


def _looked_up(known: Known, place: Copies) -> LookedUp:
    try:
        return place.find(known)
    except KargoError as error:
        return error


def content_of(copies: Mapping[str, LookedUp]) -> Content | None:
    """Return what the first copy holds, for versions of which nothing else tells it."""
    copy = next((each for each in copies.values() if isinstance(each, Copy)), None)
    if copy is None:
        return None
    return Content(copy.sha256, copy.content, lambda: copy.read()[1])


def compare(
    known: Known, content: Content | None, copies: Mapping[str, LookedUp], places: Sequence[Copies]
) -> dict[str, Answer]:
    """Return how each place's copy compares to the content, or why that can't be told.

    Args:
        known: The version.
        content: What it is to hold; None where there is no copy at all.
        copies: As ``look_up`` returned them.
        places: The same as there.
    """
    answers: dict[str, Answer] = {}
    held = {name: copy for name, copy in copies.items() if isinstance(copy, Copy)}
    if content is not None:
        comparison = Comparison(content)
        for name in sorted(held, key=lambda name: _cost(held[name], name)):
            answers[name] = comparison.answer(held[name])
    for place in places:
        copy = copies[place.name]
        if isinstance(copy, KargoError):
            answers[place.name] = copy
        elif copy is None:
            answers[place.name] = Found(State.ABSENT, place.reference(known))
    return {name: _indexed(known, answers[name], name) for name in copies}


def _cost(copy: Copy, name: str) -> tuple[bool, bool]:
    """Return the order: what states its content first, then the backup.

    Its archive, once read, is known to be what index.yaml says, and tells the registry's too.
    """
    return not copy.content, name == "registry"


def _indexed(known: Known, answer: Answer, name: str) -> Answer:
    """Return the backup's answer with what index.yaml lacks, or has too much."""
    if name != "backup" or not isinstance(answer, Found):
        return answer
    if answer.state is State.ABSENT and known.entry is not None:
        return replace(answer, note=_NO_ARCHIVE)
    if answer.state is not State.SAME or listed_digest(known) == answer.sha256:
        return answer
    note = _NOT_INDEXED if known.entry is None else _OTHER_DIGEST
    return replace(answer, state=State.PARTIAL, note=note)


class Comparison:
    """The copies of one version, held against its content."""

    def __init__(self, content: Content) -> None:
        self._content = content
        # Of archives that are known to be alike: sizes by sha256, None where no size is known.
        self._alike: dict[str, int | None] = {content.sha256: None} if content.sha256 else {}

    def answer(self, copy: Copy) -> Answer:
        """Return how a copy compares, or why that can't be told."""
        try:
            copy, is_alike = self._judged(copy)
        except KargoError as error:
            return error
        state = State.SAME if is_alike else State.DIFFERENT
        return Found(state, copy.place, digest=copy.digest, sha256=copy.sha256)

    def _judged(self, copy: Copy) -> tuple[Copy, bool]:
        """Return the copy with the digest of what is really there, and whether it is alike."""
        if copy.content:
            is_alike = copy.content == self._content.digest
        elif self._is_known(copy):
            is_alike = True
        else:
            copy, is_alike = self._read(copy)
        if is_alike:
            self._alike[copy.sha256] = copy.size
        return copy, is_alike

    def _is_known(self, copy: Copy) -> bool:
        """Whether the digest tells already that it is alike, and the size does not deny it."""
        if not copy.sha256 or copy.sha256 not in self._alike:
            return False
        return self._alike[copy.sha256] in (None, copy.size)

    def _read(self, copy: Copy) -> tuple[Copy, bool]:
        ours = self._content.archive
        if copy.sha256 == ours.sha256 and copy.size == len(ours.tgz):
            return copy, True
        sha256, theirs = copy.read()
        return replace(copy, sha256=sha256), are_alike(ours, theirs)
