"""What can be done about a version that is half-released, begun, or not what it should be."""

from kargo_release.charts.inventory.standing import Standing
from kargo_release.plan import State


def finishing(standing: Standing) -> str:
    """Return the command that finishes a version; empty where there is nothing to finish."""
    is_begun = standing.is_begun and not standing.differs
    if not (standing.is_half_out or is_begun) or not standing.commit:
        return ""
    return _command(standing)


def abandoning(standing: Standing) -> str:
    """Return the command that drops a version that was begun, while nothing of it is out."""
    is_out = any(found.state is not State.ABSENT for found in standing.found.values())
    if not standing.is_begun or is_out or standing.error is not None:
        return ""
    return f"{_command(standing)} --abandon"


def _command(standing: Standing) -> str:
    ref = "" if standing.is_current else f" --ref {standing.ref}"
    return f"release-chart {standing.known.name}{ref}"


def remark(standing: Standing) -> str:
    """Return what a person should do, or know, about a version; empty for a complete one."""
    if standing.differs:
        return _difference(standing)
    if command := finishing(standing):
        return f"{command}, or the same with --abandon" if abandoning(standing) else command
    if standing.is_half_out:
        return "no commit up to HEAD holds this"
    return ""


def _difference(standing: Standing) -> str:
    tag = standing.found.get("tag")
    if standing.is_current and (tag is None or tag.state is not State.SAME):
        return "HEAD holds other content: raise the version"
    notes = [found.note for name, found in standing.found.items() if name == "tag" and found.note]
    if notes:
        return f"the tag is {notes[0]}"
    unlike = [name for name, found in standing.found.items() if found.state is State.DIFFERENT]
    return f"{' and '.join(unlike)} unlike {_measure(standing)}"


def _measure(standing: Standing) -> str:
    """Return what the copies were compared with."""
    if standing.is_current and standing.known.tag:
        return standing.known.tag.name
    return standing.ref if standing.known.origin and standing.ref else "the registry"
