"""The table of faults in docs/faults.md: read, and written anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fault_cases import Case, every_case, moments_of

PAGE = Path(__file__).parent.parent / "docs/faults.md"
BEGIN = "<!-- faults: written by a test -->\n"
END = "<!-- end of faults -->\n"
RENEW = "./kargo test --all tests/integration/test_faults.py --write-faults"
TITLES = {"registry": "The registry", "backup": "The S3 store", "git": "The Git remote"}
_ALWAYS = "at any time"
_EVERY = "every request"
_HEAD = "| What goes wrong | When | What comes of it | Exit code |\n| --- | --- | --- | --- |\n"
_AND = "<br>"


@dataclass(frozen=True)
class Outcome:
    """What comes of a fault, and the exit code."""

    words: str
    exit_code: str


Outcomes = Mapping[Case, Outcome]


def documented() -> Outcomes:
    """Return what the page tells of each case."""
    found: dict[Case, Outcome] = {}
    destinations = {title: name for name, title in TITLES.items()}
    destination = ""
    for line in _written().splitlines():
        if line.startswith("### "):
            destination = destinations[line.removeprefix("### ")]
        elif line.startswith("| ") and line not in _HEAD.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            found |= dict.fromkeys(_cases(destination, *cells[:2]), Outcome(*cells[2:]))
    return found


def renew(outcomes: Outcomes) -> None:
    """Write the page anew with these outcomes, and what it told of other cases."""
    head, rest = PAGE.read_text().split(BEGIN)
    _, tail = rest.split(END)
    both = {**documented(), **outcomes}
    PAGE.write_text(f"{head}{BEGIN}{render(both)}{END}{tail}")


def is_as_rendered() -> bool:
    """Whether the page holds its table as it would be written."""
    return _written() == render(documented())


def render(outcomes: Outcomes) -> str:
    """Return the tables, the cases in their order, those that end alike together."""
    known = [case for case in every_case() if case in outcomes]
    return "\n" + "".join(
        f"### {title}\n{_HEAD}{_rows([c for c in known if c.destination == name], outcomes)}\n"
        for name, title in TITLES.items()
    )


def _rows(cases: list[Case], outcomes: Outcomes) -> str:
    endings: dict[str, dict[Outcome, list[str]]] = {}
    for case in cases:
        moments = endings.setdefault(case.fault, {})
        moments.setdefault(outcomes[case], []).append(case.moment or _ALWAYS)
    alike: dict[str, list[str]] = {}
    for fault, ending in endings.items():
        told = "\n".join(
            f"{_when(cases[0].destination, moments)} | {outcome.words} | {outcome.exit_code} |"
            for outcome, moments in ending.items()
        )
        alike.setdefault(told, []).append(fault)
    return "".join(
        f"| {_AND.join(faults)} | {row}\n"
        for told, faults in alike.items()
        for row in told.splitlines()
    )


def _when(destination: str, moments: list[str]) -> str:
    return _EVERY if moments == moments_of(destination) else ", ".join(moments)


def _cases(destination: str, faults: str, moments: str) -> Iterator[Case]:
    every = moments_of(destination)
    for fault in faults.split(_AND):
        for moment in every if moments == _EVERY else moments.split(", "):
            yield Case(destination, fault, "" if moment == _ALWAYS else moment)


def _written() -> str:
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
