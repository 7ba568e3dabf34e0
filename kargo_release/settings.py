"""The settings: ``kargo-release.yaml`` and the environment, made one frozen value."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

from kargo_release import yamlfile
from kargo_release.errors import UsageError, nearest
from kargo_release.settings_values import Origin, fill, refuse

FILE_NAME = "kargo-release.yaml"
_PREFIX = "KARGO_RELEASE_"
# Read by oci/credentials.py: secrets have no place among the settings.
_CREDENTIALS = ("REGISTRY_USERNAME", "REGISTRY_PASSWORD", "REGISTRY_PASSWORD_FILE")
_JOBS_LIMIT = 64
_FILE, _ENVIRONMENT = Origin(file=FILE_NAME), Origin(prefix=_PREFIX)

# Tells where a setting was given, as errors name it.
Where = Callable[[str], str]


@dataclass(frozen=True)
class S3Settings:
    """How the bucket is reached, where AWS's own configuration does not say it."""

    endpoint: str | None = None
    region: str | None = None
    single_writer: bool = False


@dataclass(frozen=True)
class GitSettings:
    """The remote that releases are tagged on; ``branch`` is empty for the remote's default."""

    remote: str = "origin"
    branch: tuple[str, ...] = ()
    tag: str = "{name}-{version}"
    claims: bool = True


@dataclass(frozen=True)
class Settings:
    """Every setting, checked. ``registry`` None is the embedded one that nobody asked for."""

    charts: str = "charts"
    images: str = "images"
    registry: str | None = None
    backup: str | None = None
    s3: S3Settings = field(default_factory=S3Settings)
    plain_http: bool | None = None
    image_registry: str | None = None
    git: GitSettings = field(default_factory=GitSettings)
    dev_version: str = "0.0.0-dev"
    helm: Literal["sdk", "path"] = "sdk"
    jobs: int = 8

    @property
    def is_local(self) -> bool:
        """Whether releases stay on this machine, in OCI layouts under ``.kargo``."""
        return self.registry in (None, "local")


def load(root: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the repository at ``root``.

    Args:
        root: The top of the repository; the file there is optional.
        environ: Environment variables; those that begin with ``KARGO_RELEASE_`` override the file,
            with ``__`` between the parts of a nested key.

    Raises:
        UsageError: An unknown key or variable, or a value of the wrong kind.
        InvalidError: The file can't be read.
    """
    settings = fill(Settings(), _read_file(root / FILE_NAME), _FILE)
    settings = fill(settings, _from_environment(environ), _ENVIRONMENT)

    def where(key: str) -> str:
        variable = _ENVIRONMENT.name(key)
        return variable if variable in environ else _FILE.name(key)

    _check(settings, where)
    charts, images = (_folder(where(key), getattr(settings, key)) for key in ("charts", "images"))
    return replace(settings, charts=charts, images=images)


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        _refuse_other_ending(path.with_suffix(".yml"))
        return {}
    if not path.is_file():
        raise UsageError(f"{path} is no file", "Put the settings in a plain file, or remove it.")
    try:
        with path.open("rb") as file:
            data = file.read(yamlfile.SIZE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", "Make it readable.") from None
    document = yamlfile.read(data, FILE_NAME)
    if document is None:  # only comments: every key has its default
        return {}
    document = yamlfile.read_mapping(data, FILE_NAME)
    if "apiVersion" in document:
        raise UsageError(
            f"{FILE_NAME} bears an apiVersion: it looks like a resource of Akuity's Kargo",
            "Give the resource another file name; this one holds settings (see README.md).",
        )
    return document


def _refuse_other_ending(path: Path) -> None:
    if path.exists():
        raise UsageError(f"{path.name} is not read", f"Call it {FILE_NAME}.")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable.removeprefix(_PREFIX) in _CREDENTIALS:
            continue
        _check_variable(variable)
        key, _, nested = variable.removeprefix(_PREFIX).lower().partition("__")
        if nested:
            given.setdefault(key, {})[nested] = value
        else:
            given[key] = value
    return given


def _check_variable(variable: str) -> None:
    known = [*_variables(Settings, ""), *_CREDENTIALS]
    name = variable.removeprefix(_PREFIX)
    if name not in known:
        # Without the prefix, which would make all of them near.
        inside = (each for each in known if each.startswith(f"{name}__"))
        near = nearest(name.upper(), known) or next(inside, "")
        remedy = f"Perhaps you meant {_PREFIX}{near}." if near else "Unset it."
        raise UsageError(f"unknown environment variable {variable}", remedy)


def _variables(kind: type[Any], prefix: str) -> Iterable[str]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        name = prefix + each.name.upper()
        if hasattr(hints[each.name], "__dataclass_fields__"):
            yield from _variables(hints[each.name], f"{name}__")
        else:
            yield name


def _check(settings: Settings, where: Where) -> None:
    """Raise UsageError for values of the right kind that mean nothing."""
    registry = settings.registry
    if not settings.is_local and not re.fullmatch(r"oci://[^/\s]+(/[^/\s]+)*", str(registry)):
        refuse(where("registry"), registry, "`local` or an address such as oci://host/path")
    if not _names_images(settings.image_registry):
        wanted = "a registry's host and a path, such as docker.io/TEAM"
        refuse(where("image_registry"), settings.image_registry, wanted)
    _check_backup(settings.backup or "", settings.s3, where)
    if any(settings.git.tag.count(part) != 1 for part in ("{name}", "{version}")):
        wanted = "a text with {name} and {version} in it, each once"
        refuse(where("git.tag"), settings.git.tag, wanted)
    if not _names_a_ref(settings.git.tag):
        refuse(where("git.tag"), settings.git.tag, "a name that Git takes for a tag")
    if not 1 <= settings.jobs <= _JOBS_LIMIT:
        refuse(where("jobs"), settings.jobs, f"from 1 to {_JOBS_LIMIT}")


def _names_images(registry: str | None) -> bool:
    """Whether images can be named by it; without a host it would be Docker Hub's to some."""
    host = r"(?:localhost|[^/\s]*[.:][^/\s]*)"
    return not registry or bool(re.fullmatch(rf"(?:oci://)?{host}(?:/[^/\s]+)*/?", registry))


def _check_backup(backup: str, s3: S3Settings, where: Where) -> None:
    if re.match(r"(?!s3://|rclone:)[A-Za-z][A-Za-z0-9+.-]+:", backup):
        refuse(where("backup"), backup, "s3://bucket/path, rclone:NAME or a folder")
    given = next((key for key in ("endpoint", "region") if getattr(s3, key)), "")
    if backup.startswith("rclone:") and given:
        raise UsageError(
            f"{where(f's3.{given}')} stands beside backup {backup}, which has its own",
            f"Remove it; where it is needed, set `{given}` of the remote with `rclone config`.",
        )


# What Git refuses in a ref's name: git-check-ref-format(1), and a dash in front as git-tag(1) does.
_NO_REF = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|/$|\.$|(?:^|/)\.|\.lock(?:/|$)|^(?:@|HEAD)$"
)


def _names_a_ref(template: str) -> bool:
    return not _NO_REF.search(template.replace("{name}", "name").replace("{version}", "1.0.0"))


def _folder(name: str, folder: str) -> str:
    """Return the folder as Git writes it: ``charts`` for ``./charts/``.

    Raises:
        UsageError: It is the repository itself, or outside of it.
    """
    plain = posixpath.normpath(folder)
    if plain.startswith(("/", "..")) or plain == "." or "\\" in folder:
        refuse(name, folder, "a folder inside the repository, with `/` between parts")
    return plain
