"""Reads many objects of a clone in one run of Git."""

import re
from collections.abc import Iterable

from kargo_release.errors import FailedError
from kargo_release.git.batch import Object, parsed
from kargo_release.git.repository import Repository
from kargo_release.git.running import last_words

# Git keeps up to 96 MiB of what it took apart on the way; where it is asked in the order of history
# it finds less no slower.
_SPARING = ("-c", "core.deltaBaseCacheLimit=16m")
_COMMITTED = re.compile(rb"^committer [^\n]* ([0-9]{1,19}) [+-][0-9]+$", re.MULTILINE)


def missing(repository: Repository, oids: Iterable[str]) -> set[str]:
    """Return those of the objects that the clone does not hold."""
    wanted = list(dict.fromkeys(oids))
    lines = _lines(_batch(repository, "--batch-check", wanted))
    return {oid for oid, line in zip(wanted, lines, strict=True) if line.endswith(" missing")}


def resolve(repository: Repository, names: Iterable[str]) -> dict[str, str]:
    """Return the objects' own names by those that they were asked for.

    What is not there is left out.

    Args:
        repository: The clone.
        names: As for `read`.
    """
    wanted = [name for name in dict.fromkeys(names) if "\n" not in name]
    lines = _lines(_batch(repository, "--batch-check=%(objectname)", wanted))
    pairs = zip(wanted, lines, strict=True)
    return {name: line for name, line in pairs if " " not in line}


def read(repository: Repository, names: Iterable[str]) -> dict[str, Object]:
    """Return the objects by the names that they were asked for; what is not there is left out.

    Args:
        repository: The clone.
        names: Each an object's name, or a commit and a path: ``1a2b3c:charts/kano/Chart.yaml``. One
            with a line's end in it is passed over.
    """
    wanted = [name for name in dict.fromkeys(names) if "\n" not in name]
    found = parsed(_batch(repository, "--batch", wanted))
    return {name: each for name, each in zip(wanted, found, strict=True) if each is not None}


def commit_times(repository: Repository, oids: Iterable[str]) -> dict[str, int]:
    """Return when commits were made, in seconds since 1970; -1 for what is no commit.

    What is not there is left out.

    Source: git-commit-tree(1), "Commit Information".
    """
    found = {oid: _COMMITTED.search(each.data) for oid, each in read(repository, oids).items()}
    return {oid: int(each[1]) if each else -1 for oid, each in found.items()}


def _batch(repository: Repository, mode: str, names: list[str]) -> bytes:
    if not names:
        return b""
    stdin = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
    status, output, said = repository.execute([*_SPARING, "cat-file", mode], stdin=stdin)
    if status != 0:
        raise FailedError(f"git cat-file failed: {last_words(said)}", "See `git fsck`.")
    return output


def _lines(output: bytes) -> list[str]:
    """Return the lines, in which Git repeats a name whatever it holds."""
    return output.decode(errors="surrogateescape").split("\n")[:-1]
