"""What a commit's message asks to be built: ``[build APP]`` and ``[build APP APPEND]``.

A message is somebody's prose: nothing in it is an error of the program, and every step takes time
in proportion to its length.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from kargo_release.errors import InvalidError, excerpt
from kargo_release.images.image import unknown_app
from kargo_release.oci import names

# No marker holds a bracket, so that what is scanned for one is never scanned for the next.
_MARKER = re.compile(r"\[[bB][uU][iI][lL][dD](?=[\s\]])([^\[\]]*+)(\]?)")
_BACKQUOTES = re.compile(r"(`++)")
# A fenced block (CommonMark 0.31, 4.5); one without its end goes on to the end. Backquotes with
# another behind them in their line are code in a line.
_FENCED = re.compile(
    r"^ {0,3}(?P<fence>(?P<sign>`)``++(?![^`\n]*+`)|(?P<tilde>~)~~++).*?"
    r"(?:^ {0,3}(?P=fence)(?(sign)`*+|~*+)[ \t\r]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
# A line of a mail that is quoted, and the subject of a revert in the message of its merge.
_QUOTED_LINE = re.compile(r'^[ \t]*+(?:>|(?:[*-] )?(?:Revert|Reapply) ").*', re.MULTILINE)
# Git's own words (git-revert(1); "Reapply" is the revert of a revert since Git 2.43), and the
# header that conventional commits have for it (conventionalcommits.org 1.0.0, "Revert commits").
_REVERT_SUBJECT = re.compile(r'(?:Revert|Reapply) "|[Rr]evert(?:\([^()\n]*+\))?!?: ')
_REVERT_LINE = re.compile(r"^This reverts commit [0-9a-f]{4}", re.MULTILINE)
_BYTE_ORDER_MARK = "\ufeff"
_TOLD = 10  # warnings and errors of one message
_FORM = "`[build APP]` or `[build APP APPEND]`"
_WORDS = 2  # APP and APPEND


@dataclass(frozen=True)
class Request:
    """One build that was asked for; ``append`` is None for the image's default."""

    app: str
    append: str | None


@dataclass(frozen=True)
class Found:
    """What a message asks for.

    Args:
        requests: What to build, in order, each once; every app is a known one.
        warnings: What looks like a marker and is passed over.
        errors: Markers that can't be what was meant; after ten, nothing more is looked at.
    """

    requests: tuple[Request, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[InvalidError, ...] = ()


def requests_in(message: str, apps: Collection[str]) -> Found:
    """Return what a message asks for; nothing is raised.

    Args:
        message: Subject and body.
        apps: The apps that there are.
    """
    message = message.lstrip(_BYTE_ORDER_MARK)  # as some editors begin each file
    markers = list(dict.fromkeys(_markers(message)))
    if _is_revert(message):
        passed = (f"a revert builds nothing: {_shown(each)} is passed over" for each in markers)
        return Found(warnings=tuple(dict.fromkeys(passed))[:_TOLD])
    requests: list[Request] = []
    warnings: list[str] = []
    errors: list[InvalidError] = []
    for marker in markers:
        meant = _meant(marker, apps)
        if isinstance(meant, Request):
            requests.append(meant)
        elif isinstance(meant, str):
            warnings.append(meant)
        else:
            errors.append(meant)
        if len(errors) == _TOLD:  # to look for what is near to a thousand names would take long
            break
    told = tuple(dict.fromkeys(warnings))[:_TOLD]
    return Found(tuple(dict.fromkeys(requests)), told, tuple(errors))


def _markers(message: str) -> Iterator[tuple[str, bool]]:
    """Yield what stands behind ``[build``, and whether a bracket closes it."""
    lines = _FENCED.sub("", message).split("\n")
    spoken = _QUOTED_LINE.sub("", "\n".join(map(_without_code, lines)))
    for found in _MARKER.finditer(spoken):
        yield found[1], bool(found[2])


def _without_code(line: str) -> str:
    """Return a line without what stands between two runs of as many backquotes.

    As CommonMark 0.31 has it (6.1), but within the line.
    """
    parts = _BACKQUOTES.split(line)  # every other one is a run
    last = {part: at for at, part in enumerate(parts) if at % 2}
    kept: list[str] = []
    at = 0
    while at < len(parts):
        part = parts[at]
        if last.get(part, at) > at:
            at = parts.index(part, at + 1)
            part = "``"
        kept.append(part)
        at += 1
    return "".join(kept)


def _is_revert(message: str) -> bool:
    return bool(_REVERT_SUBJECT.match(message.lstrip()) or _REVERT_LINE.search(message))


def _meant(marker: tuple[str, bool], apps: Collection[str]) -> Request | InvalidError | str:
    """Return what a marker asks for, an error, or a warning."""
    words = marker[0].split()
    if not marker[1]:
        return f"{_shown(marker)} is passed over, for no bracket closes it"
    if not words:
        return f"{_shown(marker)} names no image, and builds nothing: write {_FORM}"
    if len(words) > _WORDS and words[0] not in apps:
        return f"{_shown(marker)} is passed over: it is no {_FORM}"
    if words[0] not in apps:
        return unknown_app(words[0], apps)
    if len(words) > _WORDS:
        return InvalidError(f"{_shown(marker)} has too many words", f"Write {_FORM}.")
    return _request(*words)


def _request(app: str, append: str | None = None) -> Request | InvalidError:
    try:
        return Request(app, None if append is None else names.check_tag(append))
    except InvalidError as error:
        return InvalidError(f"{app}: {error.message}", error.remedy)


def _shown(marker: tuple[str, bool]) -> str:
    return excerpt(f"[build{marker[0][:60]}{']' if marker[1] else ''}")
