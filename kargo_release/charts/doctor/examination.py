"""Looks at all that a release needs: the outside systems at once, the answers in one order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kargo_release import plan
from kargo_release.charts.doctor import backup, clone, programs, registry, remote
from kargo_release.charts.doctor.check import Check, failed, unknown
from kargo_release.charts.project import Project
from kargo_release.errors import KargoError


@dataclass(frozen=True)
class _Group:
    """Checks of one outside system, one after the other.

    ``look`` raises a KargoError where the first of them shows that the others can't be asked.
    """

    names: tuple[str, ...]
    look: Callable[[Project], Sequence[Check]]


_GROUPS = (
    _Group(("settings",), clone.look_at_settings),
    _Group(clone.NAMES, clone.look_at_clone),
    _Group(remote.NAMES, remote.look),
    _Group(registry.NAMES, registry.look),
    _Group(backup.NAMES, backup.look),
    _Group(("helm",), programs.look_at_helm),
    _Group(("docker",), programs.look_at_docker),
)


def examine(project: Project) -> list[Check]:
    """Return every check, in an order that is always the same; nothing raises.

    Nothing that is made for it stays: where something does all the same, its check tells what.
    """
    answers = plan.each(lambda group: group.look(project), _GROUPS, project.settings.jobs)
    return [
        check
        for group, answer in zip(_GROUPS, answers, strict=True)
        for check in _checks(group, answer)
    ]


def _checks(group: _Group, answer: Sequence[Check] | KargoError) -> Sequence[Check]:
    if not isinstance(answer, KargoError):
        return answer
    first, *others = group.names
    return [failed(first, answer), *(unknown(name, f"not asked: see {first}") for name in others)]
