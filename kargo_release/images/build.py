"""Builds images: what should be there, what is, and only what is missing.

The pipeline, in order: read what Git holds, look up the bases, compare with what is out, refuse
what may not be replaced, check the Dockerfiles; and then for each image, bases first: build, check
the image, try it, push, read back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kargo_release import plan
from kargo_release.docker.builders import builder_for
from kargo_release.docker.engine import Engine
from kargo_release.errors import KargoError, RefusedError, UsageError
from kargo_release.findings import Finding, has_errors
from kargo_release.images.audience import Audience
from kargo_release.images.bases import Bases
from kargo_release.images.carrying_out import CarryingOut, ImageRow
from kargo_release.images.desired import ImageBuild, counted
from kargo_release.images.destinations import EngineDestination, RegistryDestination
from kargo_release.images.guards import check_committed
from kargo_release.images.halting import Halting
from kargo_release.images.lint.linting import lint_images
from kargo_release.images.making import Maker, Manner, broken
from kargo_release.images.project import Project
from kargo_release.images.recipes import Wanted
from kargo_release.images.selection import Selection
from kargo_release.images.source import Source
from kargo_release.plan import State

_AS_USUAL = Manner()


@dataclass(frozen=True)
class Options:
    """What a person may ask for.

    Args:
        push: Push to the registry; else the image stays in the engine.
        manner: How images are built.
        force: Build what is unchanged, too; what stands for one version is not pushed again.
        dry_run: Return the plan, and change nothing.

    Raises:
        UsageError: They do not fit together.
    """

    push: bool = False
    manner: Manner = _AS_USUAL
    force: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.manner.cache and not self.push:
            raise UsageError("--cache keeps steps in the registry, and needs --push", "Add --push.")
        if self.manner.attestations and not self.push:
            raise UsageError(
                "--attest is for images in a registry, and needs --push", "Add --push."
            )


def build_images(
    project: Project,
    source: Source,
    wanted: Sequence[Wanted],
    options: Options,
    audience: Audience,
) -> list[ImageRow]:
    """Build images; return what became of each, bases first.

    One that is refused or fails does so alone, but for those that are based on it.

    Args:
        project: Where the images are.
        source: What they are built from.
        wanted: What is built, and its tags.
        options: What is asked for.
        audience: Told of the plan and of each step.

    Raises:
        InvalidError: A Dockerfile or a context can't be read, or is not possible.
        RefusedError: There is no engine, no registry to push to, or what would be pushed is not
            committed.
        FailedError: A destination can't be asked.
        InterruptError: Ctrl-C; the message says what is done.
    """
    if options.push:
        check_committed([each.image for each in wanted], source.changed)
    work = _begin(project, options, audience)
    audience.waits(f"looking up the bases of {counted(len(wanted))}")
    builds = _builds(project, source, wanted, work.maker)
    if options.push:
        check_committed([each.image for each in builds], source.changed)
    audience.waits(f"comparing {counted(len(builds))} with what is out")
    rows = [_allowed(row, work.destination.name, options) for row in _compared(builds, work)]
    rows = _checked(rows, work, project, source, options)
    audience.planned(rows)
    return rows if options.dry_run else work.run(rows)


def _begin(project: Project, options: Options, audience: Audience) -> CarryingOut:
    store = project.registry() if options.push else None
    engine = Engine.connect(project.environ, project.login())
    halting = Halting(audience)
    builder = builder_for(engine)
    maker = Maker(engine, builder, halting, options.manner)
    jobs = project.settings.jobs
    destination = (
        RegistryDestination(store, maker, jobs) if store else EngineDestination(maker, jobs)
    )
    return CarryingOut(destination, maker, halting, audience, jobs)


def _builds(
    project: Project, source: Source, wanted: Sequence[Wanted], maker: Maker
) -> list[ImageBuild]:
    engine = maker.engine
    local = engine.image if maker.builder.sees_engine else lambda _: None
    bases = Bases(local, project.registry_at, project.prefix, jobs=project.settings.jobs)
    selection = Selection(project, source, bases, engine.platform)
    return selection.builds(wanted)


def _compared(builds: Sequence[ImageBuild], work: CarryingOut) -> list[ImageRow]:
    """Return how each build stands; one that can't be made is compared with nothing."""
    destination = work.destination
    sound = [build for build in builds if build.fault is None]
    rows = {row.desired.title: row for row in plan.compare([destination], sound)}
    for build in builds:
        if build.fault:
            rows[build.title] = plan.unasked(build, destination.name, build.fault)
    return [rows[build.title] for build in builds]


def _allowed(row: ImageRow, destination: str, options: Options) -> ImageRow:
    """Return the row, refused where what is out may not be replaced; or lacking when forced."""
    found = row.found.get(destination)
    if row.error is not None or found is None or found.state is State.ABSENT:
        return row
    lacking = _lacking(row, destination) if options.force else row
    if lacking.is_complete:
        return row
    if options.push and row.desired.image.is_pinned:
        return lacking.stopped(_out_already(row.desired, found.state))
    return lacking


def _lacking(row: ImageRow, destination: str) -> ImageRow:
    """Return the row as if something else were there."""
    found = replace(row.found[destination], state=State.DIFFERENT)
    return replace(row, found={destination: found}, outcomes={destination: plan.Outcome.PLANNED})


def _out_already(build: ImageBuild, state: State) -> RefusedError:
    if state is State.SAME:
        return RefusedError(
            f"{build.reference} is out, and stands for one version: it is never pushed again",
            "Leave out --force; or put {append} into the image's `tag`, which may be replaced.",
        )
    return RefusedError(
        f"{build.reference} is out with other inputs, and stands for one version",
        "Its context, Dockerfile, arguments or a base differ. Give the image a new `version`, or"
        " put {append} into its `tag`, which may be replaced.",
    )


def _checked(
    rows: Sequence[ImageRow],
    work: CarryingOut,
    project: Project,
    source: Source,
    options: Options,
) -> list[ImageRow]:
    """Return the rows, refused where a Dockerfile breaks a rule or the builder can't build it."""
    images = [row.desired.image for row in rows if _is_open(row)]
    if not images:
        return list(rows)
    work.audience.waits(f"checking the Dockerfiles of {counted(len(images))}")
    findings = lint_images(images, source.tree, source.readable, project.prefix)
    work.audience.found(findings)
    return [_refused(row, findings, work.maker, push=options.push) for row in rows]


def _is_open(row: ImageRow) -> bool:
    """Whether the image is to be built, or would be if what it begins with were there."""
    return row.desired.fault is not None or (row.error is None and not row.is_complete)


def _refused(row: ImageRow, findings: Sequence[Finding], maker: Maker, *, push: bool) -> ImageRow:
    if row.error is not None or row.is_complete:
        return row
    own = [each for each in findings if each.subject == row.desired.app]
    if has_errors(own):
        return row.stopped(broken(row.desired, own))
    try:
        maker.check(row.desired, push=push)
    except KargoError as error:
        return row.stopped(error)
    return row
