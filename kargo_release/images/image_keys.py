"""What an ``image.yaml`` says: every key checked, the unknown refused."""

import posixpath
import re
from collections.abc import Mapping

from kargo_release import yamlfile
from kargo_release.errors import InvalidError
from kargo_release.images import git_context
from kargo_release.images.git_context import GitContext
from kargo_release.images.image import FIELD, Image
from kargo_release.images.image_values import Values
from kargo_release.oci import names

FILE_NAME = "image.yaml"
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# moby/buildkit frontend/dockerfile/instructions/parse.go, parseBuildStageName.
_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
PLATFORM = re.compile(r"[a-z0-9][a-z0-9_.-]*(?:/[a-z0-9][a-z0-9_.-]*){1,2}")
"""``os/arch`` or ``os/arch/variant``, of such parts as containerd takes (platforms/platforms.go,
Parse), but in lower case, as they are kept."""

KEYS = (
    *("version", "repository", "tag", "append", "arguments", "context"),
    *("target", "platforms", "size_limit", "smoke"),
)
_TAG_FORM = (
    "a tag with {version} or {append} in it, such as `{version}-{append}`, of letters, digits, `.`,"
    " `_` and `-`"
)
_REPOSITORY_FORM = "of lower-case letters and digits, with single `.`, `_` or `-` between them"


def read_image(app: str, folder: str, data: bytes) -> Image:
    """Return what an ``image.yaml`` says.

    Args:
        app: The name of the folder that it lies in.
        folder: The folder's path from the repository's root.
        data: The file's bytes.

    Raises:
        InvalidError: It can't be read, or breaks a rule.
    """
    source = f"{folder}/{FILE_NAME}"
    values = Values(yamlfile.read_mapping(data, source), source, KEYS)
    version = values.text("version")
    if version is None:
        raise InvalidError(f"{source} has no `version`", "Write the upstream's: `version: 1.2.3`.")
    image = Image(
        app=app,
        folder=folder,
        version=version,
        repository=_repository(values, app),
        tag_template=_template(values),
        append=_append(values),
        arguments=_arguments(values),
        context=_context(values, folder),
        target=_target(values),
        platforms=_platforms(values),
        size_limit=values.size("size_limit"),
        smoke=values.texts("smoke"),
    )
    _check_default_tag(image, source)
    return image


def _check_default_tag(image: Image, source: str) -> None:
    try:
        image.tag(None)
    except InvalidError as error:
        raise InvalidError(f"{source}: the tag of {error.message}", error.remedy) from None


def _repository(values: Values, app: str) -> str:
    repository = values.text("repository") or app
    try:
        return names.check_repository(repository)
    except InvalidError:
        values.refuse("repository", _REPOSITORY_FORM)


def _template(values: Values) -> str:
    template = values.text("tag") or "{version}-{append}"
    rest = FIELD.sub("", template)
    if rest == template or not re.fullmatch(r"[A-Za-z0-9_.-]*", rest):
        values.refuse("tag", _TAG_FORM)
    return template


def _append(values: Values) -> str:
    append = values.text("append") or "latest"
    try:
        return names.check_tag(append)
    except InvalidError:
        values.refuse("append", "up to 128 letters, digits, `.`, `_` and `-`, no `.` or `-` first")


def _arguments(values: Values) -> Mapping[str, str]:
    arguments = values.mapping("arguments")
    for name in arguments:
        if not _ARGUMENT.fullmatch(name):
            wanted = "a mapping whose keys are letters, digits and `_`, no digit first"
            values.refuse("arguments", wanted, name)
    return arguments


def _context(values: Values, folder: str) -> str | GitContext:
    given = values.text("context")
    if given is None:
        return folder
    if git_context.is_address(given):
        context = git_context.parse(given)
        return values.refuse("context", context) if isinstance(context, str) else context
    plain = posixpath.normpath(given)
    if plain.startswith("/") or plain.split("/")[0] == ".." or "\\" in plain:
        values.refuse("context", "a folder inside the repository, from its root, or a Git URL")
    return plain


def _target(values: Values) -> str | None:
    target = values.text("target")
    if target is not None and not _STAGE.fullmatch(target):
        values.refuse("target", "the name of a stage: letters, digits, `_`, `.`, `-`")
    return target


def _platforms(values: Values) -> tuple[str, ...]:
    platforms = values.texts("platforms")
    for at, platform in enumerate(platforms):
        if not PLATFORM.fullmatch(platform):
            wanted = "os/arch or os/arch/variant, such as linux/amd64 or linux/arm/v7"
            values.refuse(f"platforms[{at}]", wanted, platform)
    return tuple(dict.fromkeys(platforms))
