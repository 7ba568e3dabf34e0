"""Checks the Dockerfiles of images: our rules and Hadolint's, merged, and silenced with reasons."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kargo_release.errors import InvalidError
from kargo_release.findings import (
    SILENCING_RULES,
    Finding,
    Rule,
    Severity,
)
from kargo_release.git.tree import Tree
from kargo_release.images.dockerfile_lines import DockerfileError
from kargo_release.images.image_file import DOCKERFILE, Image
from kargo_release.images.lint import (
    apt,
    bases,
    build_tools,
    caches,
    files,
    secrets,
    serving,
    users,
)
from kargo_release.images.lint.cookbook import Cookbook, Source
from kargo_release.images.lint.hadolint import Lintable, find_hadolint, hadolint_rule, run_hadolint
from kargo_release.images.lint.hadolint_rules import UNCHECKED
from kargo_release.images.lint.recipe import Check, Recipe
from kargo_release.images.lint.silencing import silence_by_comments

CHECKS: tuple[Check, ...] = (
    *users.CHECKS, *bases.CHECKS, *build_tools.CHECKS, *apt.CHECKS, *caches.CHECKS,
    *files.CHECKS, *secrets.CHECKS, *serving.CHECKS,
)  # fmt: skip
"""All of our rules on Dockerfiles."""

UNREADABLE = Rule(
    "KR000",
    Severity.ERROR,
    "the Dockerfile can't be read",
    "No builder would take it.",
    "Correct the line.",
)
# Any but those that hadolint hands to ShellCheck (hadolint README.md, "Inline").
_UNKNOWN_SHELL = re.compile(
    r"\s*hadolint\s+shell\s*=\s*(?!(?:/\S*/)?(?:sh|bash|dash|ash|ksh)\b)", re.IGNORECASE
)


def rules_of(findings: Sequence[Finding]) -> list[Rule]:
    """Return all of our rules, and those of Hadolint and ShellCheck that found something."""
    ours = [UNREADABLE, *(check.rule for check in CHECKS), UNCHECKED, *SILENCING_RULES]
    known = {rule.identifier for rule in ours}
    theirs = {each.rule: hadolint_rule(each) for each in findings if each.rule not in known}
    return [*ours, *(theirs[rule] for rule in sorted(theirs))]


def lint_images(
    images: Iterable[Image], tree: Tree, every: Iterable[Image], prefix: str
) -> list[Finding]:
    """Return what is wrong with the Dockerfiles of images, sorted by file and line.

    Args:
        images: Those to check.
        tree: The files that they are read from.
        every: All images of the tree, for one may be another's base.
        prefix: What their names in a registry begin with, ``docker.io/kalisio/``; or empty.

    Raises:
        RefusedError: There is no Hadolint.
        FailedError: Hadolint failed, or Git.
    """
    sources = _read([*every, *images], tree)
    return lint_sources([image.app for image in images], sources, prefix)


def lint_sources(apps: Sequence[str], sources: Mapping[str, Source], prefix: str) -> list[Finding]:
    """Return what is wrong with the Dockerfiles of ``apps``; as `lint_images`, without a tree."""
    hadolint = find_hadolint()
    recipes, found = _recipes(dict.fromkeys(apps), sources, prefix)
    with ThreadPoolExecutor(1) as pool:  # Hadolint is another process: meanwhile ours are at work
        lintable = [_for_hadolint(sources[app], each) for app, each in recipes.items()]
        theirs = pool.submit(run_hadolint, hadolint, lintable)
        ours = {app: list(findings_of(each)) for app, each in recipes.items()}
        merged = theirs.result()
    for app, recipe in recipes.items():
        of_app = (each for each in merged if each.subject == app)
        found += silence_by_comments([*ours[app], *of_app], recipe.dockerfile, app)
    return sorted(found)


def _recipes(
    apps: Iterable[str], sources: Mapping[str, Source], prefix: str
) -> tuple[dict[str, Recipe], list[Finding]]:
    """Return the recipes of ``apps``, and a finding for each that can't be read."""
    cookbook = Cookbook(sources, prefix)
    recipes: dict[str, Recipe] = {}
    unreadable: list[Finding] = []
    for app in apps:
        try:
            recipes[app] = cookbook.recipe(app)
        except InvalidError as error:
            unreadable.append(_unreadable(sources[app], error))
    return recipes, unreadable


def _read(images: Sequence[Image], tree: Tree) -> dict[str, Source]:
    """Return the images with their Dockerfiles, read in one run of Git; empty is one now gone."""
    by_file = {f"{image.folder}/{DOCKERFILE}": image for image in images}
    folders = {image.folder.rpartition("/")[0] or image.folder for image in images}
    entries = {each.path: each for folder in folders for each in tree.entries(folder)}
    oids = {file: entries[file].oid for file in by_file if file in entries}
    blobs = tree.read([*oids.values()])
    return {
        image.app: Source(image, file, blobs[oids[file]] if file in oids else b"")
        for file, image in by_file.items()
    }


def findings_of(recipe: Recipe) -> Iterator[Finding]:
    """Yield what our rules find in a recipe, silenced or not."""
    file = recipe.dockerfile.file
    for check in CHECKS:
        for spot in check.find(recipe):
            rule, place = check.rule, spot.instruction
            yield Finding(
                rule.identifier, rule.severity, recipe.app, file, place.line, place.column,
                spot.message, spot.remedy or rule.remedy,
            )  # fmt: skip


def _unreadable(source: Source, error: InvalidError) -> Finding:
    line = error.line if isinstance(error, DockerfileError) else 1
    return Finding(
        UNREADABLE.identifier, UNREADABLE.severity, source.image.app, source.file, line, 1,
        error.message, error.remedy,
    )  # fmt: skip


def _for_hadolint(source: Source, recipe: Recipe) -> Lintable:
    """Return the file with a blank line behind each heredoc, without which Hadolint stops there.

    And without its comments on a shell that ShellCheck does not know: they would silence it without
    a reason. An instruction SHELL tells the same.
    """
    ends = {each.end_line for each in recipe.dockerfile.instructions if each.heredocs}
    comments = (each for each in recipe.dockerfile.comments if _UNKNOWN_SHELL.match(each.text))
    blank = {each.line for each in comments}
    text: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(source.data.decode("utf-8-sig").split("\n"), start=1):
        kept = "" if number in blank else line
        parts = [kept, ""] if number in ends else [kept]
        text += parts
        numbers += [number] * len(parts)
    return Lintable(recipe.app, source.file, "\n".join(text), numbers)
