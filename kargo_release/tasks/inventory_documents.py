"""The inventory of charts, as the contract's document and as a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from kargo_release.charts.inventory.known import Known
from kargo_release.charts.inventory.standing import Standing
from kargo_release.charts.inventory.steps import abandoning, finishing, remark
from kargo_release.charts.inventory.taking import Chart
from kargo_release.console import table
from kargo_release.errors import FailedError, InvalidError, KargoError
from kargo_release.git.repository import short
from kargo_release.plan import Found, Outcome, State
from kargo_release.tasks.chart_documents import broken_document

_DESTINATIONS = ("registry", "backup", "tag")
_HEADER = ("chart", "version", "app", *_DESTINATIONS, "last release", "begun", "next")
_UNKNOWN = Found(State.ABSENT, "")  # a destination that could not be asked


def inventory_document(charts: Sequence[Chart]) -> dict[str, Any]:
    """Return the document of ``list-charts``: every version of every chart."""
    first = next(iter(_counting_errors(charts)), None)
    return {
        "charts": [each for chart in charts for each in _entries(chart)],
        "error": first and first.document(),
    }


def inventory_exit_code(charts: Sequence[Chart]) -> int:
    """Return 0 whatever is out; else that of a destination that failed, or of HEAD's charts."""
    first = next(iter(_counting_errors(charts)), None)
    return first.exit_code if first else 0


def errors(charts: Sequence[Chart]) -> dict[str, KargoError]:
    """Return all that could not be told, by chart and version."""
    found: dict[str, KargoError] = {}
    for chart in charts:
        if chart.error is not None:
            found[chart.name] = chart.error
        for each in [*([chart.current] if chart.current else []), *chart.released]:
            if each.error is not None:
                found[f"{chart.name} {each.known.version}"] = each.error
    return found


def _counting_errors(charts: Sequence[Chart]) -> list[KargoError]:
    """Return the errors that are no finding: what could not be asked, and what HEAD holds."""
    of_head = [error for chart in charts for error in (chart.error, _current_error(chart)) if error]
    of_released = (each.error for chart in charts for each in chart.released)
    failed = [error for error in of_released if isinstance(error, FailedError)]
    every = [*of_head, *failed]
    return sorted(every, key=lambda error: not isinstance(error, FailedError))


def _current_error(chart: Chart) -> KargoError | None:
    return chart.current.error if chart.current else None


def _entries(chart: Chart) -> Iterator[dict[str, Any]]:
    last, begun = chart.last_release, chart.begun
    history = {
        "last_release": last and {"version": last.version, **_tag(last)},
        "begun": begun and {"version": begun.version, "commit": _claimed(begun)},
    }
    if chart.error is not None:
        blank = broken_document(chart.name, chart.error)
        is_current = chart.is_in_head and chart.current is None
        yield {**blank, "current": is_current, "finish": None, "abandon": None, **history}
    if chart.current is not None:
        yield {**_entry(chart.current), **history}
    for standing in chart.released:
        yield {**_entry(standing), **history}


def _tag(known: Known) -> dict[str, str]:
    return {"tag": known.tag.name, "commit": known.tag.commit} if known.tag else {}


def _claimed(known: Known) -> str:
    return known.claim.commit if known.claim else ""


def _entry(standing: Standing) -> dict[str, Any]:
    archive = {
        "sha256": standing.sha256,
        "content_digest": standing.content_digest or None,
        "bytes": standing.size,
    }
    return {
        "name": standing.known.name,
        "version": standing.known.version,
        "current": standing.is_current,
        "app_version": standing.app_version or None,
        "commit": standing.commit or None,
        "archive": archive if standing.sha256 else None,
        "destinations": {
            name: _destination(standing, name)
            for name in _DESTINATIONS
            if name in standing.outcomes
        },
        "finish": finishing(standing) or None,
        "abandon": abandoning(standing) or None,
        "error": standing.error and standing.error.document(),
    }


def _destination(standing: Standing, name: str) -> dict[str, Any]:
    found = standing.found.get(name, _UNKNOWN)
    digest = {"digest": found.digest or None} if name == "registry" else {}
    state = str(standing.outcomes[name])
    return {
        "reference": found.reference or None,
        **digest,
        "state": state,
        "note": found.note or None,
    }


def inventory_table(charts: Sequence[Chart], *, every_version: bool) -> str:
    """Return HEAD's versions and what is not complete, a row each; the rest is counted.

    Args:
        charts: What was found.
        every_version: Whether complete versions are rows, too.
    """
    rows = [line for chart in charts for line in _lines(chart, every_version=every_version)]
    cut = None if any(row[-1] for row in rows) else -1
    shown = table(_HEADER[:cut], [row[:cut] for row in rows])
    return "\n".join([shown, *_footer(charts, every_version=every_version)])


def _lines(chart: Chart, *, every_version: bool) -> Iterator[list[str]]:
    history = [_version(chart.last_release), _version(chart.begun)]
    if chart.current is not None:
        yield _line(chart.current, history)
    elif chart.is_in_head:
        yield [chart.name, "broken", "", "", "", "", *history, ""]
    for standing in chart.released:
        if every_version or not standing.is_complete:
            yield _line(standing, ["", _version(standing.known) if standing.is_begun else ""])


def _line(standing: Standing, history: list[str]) -> list[str]:
    words = [_word(standing, name) for name in _DESTINATIONS]
    known = standing.known
    return [known.name, known.version, standing.app_version, *words, *history, remark(standing)]


_WORDS = {Outcome.PLANNED: "-", Outcome.UNCHANGED: "out", Outcome.REFUSED: "differs"}


def _word(standing: Standing, name: str) -> str:
    if name not in standing.outcomes:
        return "none"
    found = standing.found.get(name)
    if found is None:
        return "unreadable" if isinstance(standing.error, InvalidError) else "unknown"
    if standing.outcomes[name] is Outcome.PLANNED and found.note:
        return found.note
    return _WORDS[standing.outcomes[name]]


def _version(known: Known | None) -> str:
    if known is None:
        return "-"
    ref = known.origin
    return f"{known.version} ({short(ref.commit)})" if ref else known.version


def _footer(charts: Sequence[Chart], *, every_version: bool) -> Iterator[str]:
    counted = sum(each.is_complete for chart in charts for each in chart.released)
    if counted and not every_version:
        noun = "version" if counted == 1 else "versions"
        yield f"and {counted} other {noun}, complete everywhere"
    gone = [chart.name for chart in charts if not chart.is_in_head]
    if gone:
        yield f"released, and not in HEAD: {', '.join(gone)}"
