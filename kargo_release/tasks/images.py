"""The commands that build images."""

from pathlib import Path
from typing import TYPE_CHECKING

from kargo_release.commandline import Reply, command
from kargo_release.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kargo_release.images.carrying_out import ImageRow
    from kargo_release.images.making import Manner
    from kargo_release.images.project import Project
    from kargo_release.images.recipes import Wanted
    from kargo_release.images.source import Source
    from kargo_release.tasks.image_progress import BuildProgress

_RUNNERS = "linux/amd64"  # GitHub's own; what a plan hands on is told without an engine
_BOTH = {
    "push": "Push to the registry that image_registry names; what is built must be committed.",
    "no_cache": "Do every step anew.",
    "cache": "Take steps from the registry, and keep new ones there; needs a builder of BuildKit.",
    "secret": "ID=FILE for RUN --mount=type=secret,id=ID; may be repeated; needs BuildKit.",
    "attest": "Push provenance or sbom with the image; may be repeated; needs BuildKit.",
    "force": "Build what is unchanged, too.",
    "verbose": "Show all that the builder says.",
}


@command(
    "[APP] [TAG]",
    all="Build all images.",
    platform="Build for this one, such as linux/arm64, instead of those of image.yaml.",
    **_BOTH,
)
def build_image(  # noqa: PLR0913, PLR0917 - the parameters are the command's options
    names: tuple[str, ...],
    all: bool = False,  # noqa: A002 - the option's name
    push: bool = False,
    platform: tuple[str, ...] = (),
    no_cache: bool = False,
    cache: bool = False,
    secret: tuple[str, ...] = (),
    attest: tuple[str, ...] = (),
    force: bool = False,
    verbose: bool = False,
    dry_run: bool = False,
) -> Reply:
    """Build an image: check its Dockerfile, build, check what was built, try it, and push.

    TAG is what is appended to the version, what image.yaml says when not given. What is there
    already of the same inputs is left alone. What stands for one version is never replaced.

    Example: kargo-release build-image mapserver --push
    """
    from kargo_release.images.build import Options, build_images
    from kargo_release.images.project import Project
    from kargo_release.images.source import working_tree

    _check_names(names, is_all=all)
    manner = _manner(no_cache=no_cache, cache=cache, secrets=secret, attestations=attest)
    options = Options(push=push, manner=manner, force=force, dry_run=dry_run)
    project = Project.open(Path.cwd())
    with _progress(verbose=verbose) as progress, working_tree(project) as source:
        wanted = _wanted(source, names, platform)
        rows = build_images(project, source, wanted, options, progress)
    return _reply(rows, progress, project, is_done=not dry_run)


@command(
    message="Read this text instead of a commit's message.",
    ref="Read the message of this commit; HEAD when not given.",
    range="Read the messages of a push: BEFORE..AFTER.",
    **_BOTH,
)
def build_from_commit(  # noqa: PLR0913, PLR0917 - the parameters are the command's options
    message: str = "",
    ref: str = "",
    range: str = "",  # noqa: A002 - the option's name
    push: bool = False,
    no_cache: bool = False,
    cache: bool = False,
    secret: tuple[str, ...] = (),
    attest: tuple[str, ...] = (),
    force: bool = False,
    verbose: bool = False,
    dry_run: bool = False,
) -> Reply:
    """Build what commits ask for: each `[build APP]` and `[build APP TAG]` in their messages.

    Images are built as the commit holds them; of a range, as the last commit does.

    Example: kargo-release build-from-commit --push
    """
    from kargo_release.actions import write_outputs
    from kargo_release.images.build import Options, build_images
    from kargo_release.images.commits import Source as Messages
    from kargo_release.images.project import Project
    from kargo_release.images.recipes import Recipes
    from kargo_release.images.requested import requested
    from kargo_release.images.source import committed

    manner = _manner(no_cache=no_cache, cache=cache, secrets=secret, attestations=attest)
    options = Options(push=push, manner=manner, force=force, dry_run=dry_run)
    # The command line takes no empty values: what is empty was not given.
    messages = Messages(message or None, ref or None, range or None)
    project = Project.open(Path.cwd())
    with _progress(verbose=verbose) as progress:
        source = committed(project, messages.revision)
        asked = requested(project.repository, source.images, messages)
        progress.warn(asked.warnings)
        if dry_run or not asked.builds:  # a plan is handed on whether an engine is there or not
            recipes = Recipes(project, source, _RUNNERS)
            write_outputs(asked.outputs(recipes), project.environ)
        if not asked.builds:
            return Reply("nothing to build", {"images": []})
        wanted = [build.wanted for build in asked.builds]
        rows = build_images(project, source, wanted, options, progress)
    return _reply(rows, progress, project, is_done=not dry_run)


def _manner(
    *, no_cache: bool, cache: bool, secrets: tuple[str, ...], attestations: tuple[str, ...]
) -> "Manner":
    from kargo_release.docker.order import ATTESTATIONS
    from kargo_release.images.making import Manner

    for each in attestations:
        if each not in ATTESTATIONS:
            raise UsageError(
                f"--attest takes {' or '.join(ATTESTATIONS)}, not {each!r:.80}", "Choose of them."
            )
    return Manner(no_cache, cache, dict(map(_secret, secrets)), attestations)


def _secret(given: str) -> tuple[str, Path]:
    """Return a secret's id and its file."""
    name, _, file = given.partition("=")
    if not name or not file:  # what was given may be the secret itself
        raise UsageError("--secret takes ID=FILE", "Put the secret into a file, and name that.")
    if not Path(file).is_file():
        raise UsageError(f"the file of the secret {name!r:.80} is not there", "Correct its path.")
    return name, Path(file).absolute()


def _check_names(names: tuple[str, ...], *, is_all: bool) -> None:
    """Raise UsageError unless either an app is named, or all are meant."""
    usage = "Usage: build-image APP [TAG] [--options], or build-image --all [--options]"
    if is_all and names:
        raise UsageError(f"build-image has no use for {names[0]!r:.200} beside --all", usage)
    if not is_all and not names:
        raise UsageError("build-image needs APP [TAG]", usage)


def _wanted(source: "Source", names: tuple[str, ...], platforms: tuple[str, ...]) -> "list[Wanted]":
    from dataclasses import replace

    from kargo_release.images.image_keys import PLATFORM
    from kargo_release.images.recipes import Wanted

    append = names[1] if len(names) > 1 else None
    if append in source.images:
        raise UsageError(
            f"{append!r} is an image, too, and build-image takes one and its TAG",
            "Build one after the other, or --all.",
        )
    if bad := [each for each in platforms if not PLATFORM.fullmatch(each)]:
        raise UsageError(f"{bad[0]!r:.80} is no platform", "Write one such as linux/arm64.")
    images = source.images.named(names[:1] or source.images)
    chosen = [replace(each, platforms=platforms) if platforms else each for each in images]
    return [Wanted(image, image.tag(append)) for image in chosen]


def _reply(
    rows: "Sequence[ImageRow]", progress: "BuildProgress", project: "Project", *, is_done: bool
) -> Reply:
    from kargo_release.tasks import image_documents
    from kargo_release.tasks.handing_on import handed_on

    progress.tell_errors(rows)
    reply = Reply(
        image_documents.build_table(rows),
        image_documents.build_document(rows, progress.findings),
        image_documents.exit_code(rows),
    )
    outputs = image_documents.build_outputs(rows) if is_done else {}
    return handed_on(reply, project.environ, outputs, image_documents.build_summary(rows))


def _progress(*, verbose: bool) -> "BuildProgress":
    from kargo_release.console import Console
    from kargo_release.tasks.image_progress import BuildProgress

    return BuildProgress(Console(), verbose=verbose)
