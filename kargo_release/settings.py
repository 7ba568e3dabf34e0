"""The settings: ``kargo-release.yaml`` and the environment, made one frozen value."""

import posixpath
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from kargo_release import yamlfile
from kargo_release.errors import UsageError, hint, redact

FILE_NAME = "kargo-release.yaml"
_PREFIX = "KARGO_RELEASE_"
# Read by oci/credentials.py: secrets have no place among the settings.
_CREDENTIALS = ("REGISTRY_USERNAME", "REGISTRY_PASSWORD", "REGISTRY_PASSWORD_FILE")
_JOBS_LIMIT = 64
_SHOWN = 60  # characters of a wrong value that a message repeats


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
    given = _read_file(root / FILE_NAME)
    settings: Settings = _fill(Settings(), given, FILE_NAME, "")
    settings = _fill(settings, _from_environment(environ), "the environment", "")
    _check(settings)
    charts, images = _folder("charts", settings.charts), _folder("images", settings.images)
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
    known = [*_variables(Settings, _PREFIX), *(_PREFIX + name for name in _CREDENTIALS)]
    if variable not in known:
        raise UsageError(
            f"unknown environment variable {variable}", hint(variable, known) or "Unset it."
        )


def _variables(kind: type[Any], prefix: str) -> Iterable[str]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        name = prefix + each.name.upper()
        if hasattr(hints[each.name], "__dataclass_fields__"):
            yield from _variables(hints[each.name], f"{name}__")
        else:
            yield name


def _fill(settings: Any, given: Mapping[str, Any], source: str, prefix: str) -> Any:
    hints = get_type_hints(type(settings))
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            known = [prefix + name for name in hints]
            raise UsageError(
                f"{source}: unknown setting `{prefix}{key}`",
                hint(prefix + str(key), known) or f"Known are: {', '.join(known)}.",
            )
        if hasattr(hints[key], "__dataclass_fields__"):
            nested = (
                value if isinstance(value, Mapping) else _refuse(source, key, value, "a mapping")
            )
            changes[key] = _fill(getattr(settings, key), nested, source, f"{key}.")
        else:
            changes[key] = _convert(value, hints[key], source, prefix + key)
    return replace(settings, **changes)


def _convert(value: Any, kind: Any, source: str, key: str) -> Any:
    """Return ``value`` as the kind that the field is declared with."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return value if value in choices else _refuse(source, key, value, " or ".join(choices))
    if get_origin(kind) is tuple:
        return _texts(value, source, key)
    return _CONVERTERS[kind](value, source, key)


def _text(value: Any, source: str, key: str) -> str:
    return (
        value
        if isinstance(value, str) and value
        else _refuse(source, key, value, "a text that is not empty")
    )


def _texts(value: Any, source: str, key: str) -> tuple[str, ...]:
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list):
        _refuse(source, key, value, "a text or a list of texts")
    return tuple(_text(part, source, key) for part in parts)


def _truth(value: Any, source: str, key: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    truth = words.get(value.lower()) if isinstance(value, str) else value
    return truth if isinstance(truth, bool) else _refuse(source, key, value, "true or false")


def _count(value: Any, source: str, key: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,4}", text):
        _refuse(source, key, value, "a whole number")
    return int(text)


_CONVERTERS = {str: _text, bool: _truth, int: _count}


def _refuse(source: str, key: str, value: Any, wanted: str) -> Any:
    # Before it is cut: of a password without its end nobody could tell that it is one.
    shown = "empty" if value is None else redact(repr(value))
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    raise UsageError(f"{source}: `{key}` is {shown}", f"It must be {wanted}.")


def _check(settings: Settings) -> None:
    """Raise UsageError for values of the right kind that mean nothing."""
    registry = settings.registry
    if not settings.is_local and not re.fullmatch(r"oci://[^/\s]+(/[^/\s]+)*", str(registry)):
        _refuse("settings", "registry", registry, "`local` or an address such as oci://host/path")
    _check_backup(settings.backup or "", settings.s3)
    if any(settings.git.tag.count(part) != 1 for part in ("{name}", "{version}")):
        wanted = "a text with {name} and {version} in it, each once"
        _refuse("settings", "git.tag", settings.git.tag, wanted)
    if not _names_a_ref(settings.git.tag):
        _refuse("settings", "git.tag", settings.git.tag, "a name that Git takes for a tag")
    if not 1 <= settings.jobs <= _JOBS_LIMIT:
        _refuse("settings", "jobs", settings.jobs, f"from 1 to {_JOBS_LIMIT}")


def _check_backup(backup: str, s3: S3Settings) -> None:
    if re.match(r"(?!s3://|rclone:)[A-Za-z][A-Za-z0-9+.-]+:", backup):
        _refuse("settings", "backup", backup, "s3://bucket/path, rclone:NAME or a folder")
    given = next((key for key in ("endpoint", "region") if getattr(s3, key)), "")
    if backup.startswith("rclone:") and given:
        raise UsageError(
            f"settings: `s3.{given}` stands beside backup {backup}, which has its own",
            f"Remove it; where it is needed, set `{given}` of the remote with `rclone config`.",
        )


# What Git refuses in a ref's name: git-check-ref-format(1), and a dash in front as git-tag(1) does.
_NO_REF = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|/$|\.$|(?:^|/)\.|\.lock(?:/|$)|^(?:@|HEAD)$"
)


def _names_a_ref(template: str) -> bool:
    return not _NO_REF.search(template.replace("{name}", "name").replace("{version}", "1.0.0"))


def _folder(key: str, folder: str) -> str:
    """Return the folder as Git writes it: ``charts`` for ``./charts/``.

    Raises:
        UsageError: It is the repository itself, or outside of it.
    """
    plain = posixpath.normpath(folder)
    if plain.startswith(("/", "..")) or plain == "." or "\\" in folder:
        _refuse("settings", key, folder, "a folder inside the repository, with `/` between parts")
    return plain
