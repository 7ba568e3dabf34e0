"""Checks a built image: what no look at its Dockerfile can tell for sure."""

import posixpath
from collections.abc import Iterator, Mapping

from kargo_release.docker.image import LocalImage
from kargo_release.findings import Finding, Rule, Severity
from kargo_release.images.desired import OUR_LABELS, ImageBuild
from kargo_release.images.image_file import DOCKERFILE, FILE_NAME
from kargo_release.images.image_files import ImageFiles

RUNS_AS_ROOT = Rule(
    "KR100",
    Severity.ERROR,
    "the image runs as root",
    "Who breaks out of a program that runs as root is root; clusters refuse such images.",
    "Write USER with an unprivileged user, by number, before CMD; it must be in /etc/passwd.",
)
LOW_PORT = Rule(
    "KR101",
    Severity.ERROR,
    "the image exposes a port below 1024",
    "An unprivileged user may not open it in many clusters, so that the program does not start.",
    "Let the program listen on a port from 1024 up; a base's EXPOSE can't be taken back.",
)
SET_UID = Rule(
    "KR102",
    Severity.ERROR,
    "a set-uid or set-gid file was added over the base",
    "Whoever runs it becomes its owner, mostly root.",
    "Remove the bit in the layer that brings the file: chmod u-s,g-s FILE.",
)
TOO_LARGE = Rule(
    "KR103",
    Severity.ERROR,
    "the image is over its size",
    "It takes longer to pull, and what makes it large is mostly what nobody runs.",
    "Leave build tools and caches in another stage, or raise `size_limit`.",
)
NO_ENTRY_POINT = Rule(
    "KR104",
    Severity.ERROR,
    "what the image starts can't be started by its user",
    "A container of it ends at once.",
    "Correct ENTRYPOINT or CMD, or the rights of the file: COPY --chmod=0755.",
)
NO_LABEL = Rule(
    "KR105",
    Severity.ERROR,
    "a label of ours is missing, or another's",
    "By the labels one tells what the image was built from, and whether it is up to date.",
    "Remove the LABEL from the Dockerfile.",
)
NO_SOURCE = Rule(
    "KR106",
    Severity.WARNING,
    "the image does not tell where its source is",
    "Who finds the image in a registry can't find what it was built from.",
    "Add the Git remote: git remote add origin URL",
)
SMOKE_FAILED = Rule(
    "KR107",
    Severity.ERROR,
    "the smoke command failed",
    "The image does not do what its image.yaml says that it can.",
    "Run the command in the image, and mend either.",
)
RULES = (
    *(RUNS_AS_ROOT, LOW_PORT, SET_UID, TOO_LARGE, NO_ENTRY_POINT),
    *(NO_LABEL, NO_SOURCE, SMOKE_FAILED),
)
"""All rules on built images."""

_LOWEST_PORT = 1024
# What the engine sets where an image does not (moby/moby oci/defaults.go, DefaultPathEnv).
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOST_TOLD = 10  # findings of one rule


def inspect(
    build: ImageBuild, image: LocalImage, files: ImageFiles, set_ids_of_base: Mapping[str, int]
) -> list[Finding]:
    """Return what is wrong with a built image, sorted.

    Args:
        build: What it was built from.
        image: What the image says of itself.
        files: The files in it.
        set_ids_of_base: The bits of files in its base that are set-uid or set-gid, by their paths.
    """
    told = [
        *_of_user(image, files),
        *_of_ports(image),
        *_of_set_ids(files.set_ids, set_ids_of_base),
        *_of_size(build, image),
        *_of_command(image, files),
        *_of_labels(build, image),
    ]
    return sorted(finding(build, rule, message) for rule, message in told)


def finding(build: ImageBuild, rule: Rule, message: str) -> Finding:
    """Return a finding on a built image, which has no line: it is told at the top of a file."""
    file = FILE_NAME if rule in (TOO_LARGE, SMOKE_FAILED) else DOCKERFILE
    place = posixpath.join(build.image.folder, file)
    return Finding(rule.identifier, rule.severity, build.title, place, 1, 1, message, rule.remedy)


_Told = Iterator[tuple[Rule, str]]


def _of_user(image: LocalImage, files: ImageFiles) -> _Told:
    name = image.user.partition(":")[0]
    user = files.user(image.user)
    if not name:
        yield RUNS_AS_ROOT, "no USER is set, so that the image runs as root"
    elif user is None:
        yield RUNS_AS_ROOT, f"the user {name[:40]!r} is not in the image's /etc/passwd"
    elif user.uid == 0:
        yield RUNS_AS_ROOT, f"the user {name[:40]!r} is root"


def _of_ports(image: LocalImage) -> _Told:
    for port in image.ports:
        number = port.partition("/")[0]
        if number.isdecimal() and int(number[:6]) < _LOWEST_PORT:
            yield LOW_PORT, f"the image exposes the port {port}"


def _of_set_ids(found: Mapping[str, int], base: Mapping[str, int]) -> _Told:
    added = [path for path, bits in found.items() if bits & ~base.get(path, 0)]
    for path in sorted(added)[:_MOST_TOLD]:
        yield SET_UID, f"/{path} is set-uid or set-gid, and is not so in the base"
    if len(added) > _MOST_TOLD:
        yield SET_UID, f"{len(added) - _MOST_TOLD} files more are set-uid or set-gid"


def _of_size(build: ImageBuild, image: LocalImage) -> _Told:
    limit = build.image.size_limit
    if limit is not None and image.size > limit:
        yield TOO_LARGE, f"the image is {megabytes(image.size)}, over {megabytes(limit)}"


def megabytes(size: int) -> str:
    """Return a number of bytes in words, by Docker's units of a thousand."""
    return f"{size / 1_000_000:.1f} MB"


def _of_command(image: LocalImage, files: ImageFiles) -> _Told:
    user = files.user(image.user)
    command = image.entrypoint or image.command
    if not command or not command[0]:
        yield NO_ENTRY_POINT, "the image has neither ENTRYPOINT nor CMD"
        return
    program = command[0]
    places = list(_places(program, image))
    found = [place for place in places if files.file(place) is not None]
    if not found:
        yield NO_ENTRY_POINT, f"{program[:80]!r} is nowhere in the image"
    elif user is not None and not any(files.is_executable(place, user) for place in found):
        yield NO_ENTRY_POINT, f"{found[0][:80]} can't be executed by the image's user"


def _places(program: str, image: LocalImage) -> Iterator[str]:
    """Yield where a program may be, as runc looks for it (libcontainer, LookPath)."""
    if "/" in program:
        yield posixpath.normpath(posixpath.join(image.working_directory or "/", program))
        return
    for folder in _path(image).split(":"):
        yield posixpath.normpath(posixpath.join("/", folder, program))


def _path(image: LocalImage) -> str:
    variables = dict(each.partition("=")[::2] for each in image.environment)
    return variables.get("PATH", _USUAL_PATH)


def _of_labels(build: ImageBuild, image: LocalImage) -> _Told:
    for name in OUR_LABELS:
        wanted = build.labels.get(name, "")
        if not wanted:
            yield NO_SOURCE, f"there is no label {name}, for the clone has no Git remote"
        elif image.labels.get(name) != wanted:
            yield NO_LABEL, f"the label {name} is {image.labels.get(name, '')[:80]!r}"
