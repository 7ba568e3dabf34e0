"""Reads rclone's configuration: its file, and the variables that come before the file.

Sources: rclone's documentation, "Configuration file" and "Config file" under "Environment
variables"; ``fs/config/config.go`` (where the file is), ``fs/configmap.go`` (which source wins),
``fs/config/crypt.go`` (an encrypted file); ``read.go`` of unknwon/goconfig (the file's format).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kargo_release.errors import InvalidError, UsageError

_FILE = "RCLONE_CONFIG"
_LARGEST = 1 << 20  # bytes
_REFERENCE = re.compile(r"%\([^)]+\)s")
_QUOTES = ("`", '"""')


@dataclass(frozen=True)
class RcloneConfig:
    """The remotes that rclone knows; their values may be secrets.

    Args:
        file: Where they are from; None when there is no file.
        sections: The file's sections.
        environ: The environment.
    """

    file: Path | None
    sections: Mapping[str, Mapping[str, str]] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    @property
    def missing(self) -> str:
        """The file that ``RCLONE_CONFIG`` names, and that is not there; empty for none."""
        return "" if self.file else self.environ.get(_FILE, "")

    def type_of(self, remote: str) -> str:
        """Return the remote's type, such as ``s3``; empty when there is no such remote."""
        named = self.environ.get(_variable("CONFIG", remote, "TYPE"))
        return self._in_file(remote, "type") if named is None else named

    def value(self, remote: str, kind: str, key: str) -> str:
        """Return an option of a remote, empty when nothing gives it.

        A variable for all remotes of a type comes before one for this remote, and that before the
        file, as rclone has it.

        Raises:
            UsageError: The value refers to another one.
        """
        general = self.environ.get(_variable(kind, key))
        own = self.environ.get(_variable("CONFIG", remote, key))
        if general or own is not None:
            return general or own or ""
        return self._in_file(remote, key) if general is None else ""

    def _in_file(self, remote: str, key: str) -> str:
        value = self.sections.get(remote, {}).get(key)
        if value is None:  # what [a.b] does not say, [a] may
            parent = remote.rpartition(".")[0]
            return self._in_file(parent, key) if parent else ""
        if _REFERENCE.search(value):
            raise UsageError(
                f"{self.file}: `{key}` of the remote {remote} refers to another value by %(…)s",
                "Write the value itself.",
            )
        return value


def load(environ: Mapping[str, str]) -> RcloneConfig:
    """Return rclone's configuration.

    Args:
        environ: The environment, which tells where the file is and may have remotes itself.

    Raises:
        UsageError: The file can't be read, or is encrypted.
        InvalidError: It is no configuration of rclone's.
    """
    file = _file(environ)
    return RcloneConfig(file, {} if file is None else _sections(_text(file), file), environ)


def _variable(*parts: str) -> str:
    return "_".join(("RCLONE", *parts)).upper()


def _file(environ: Mapping[str, str]) -> Path | None:
    if _FILE in environ:
        named = environ[_FILE]
        return Path(named) if named and Path(named).exists() else None
    return next((path for path in _usual_places(environ) if path.exists()), None)


def _usual_places(environ: Mapping[str, str]) -> list[Path]:
    places = [
        Path(environ[variable], "rclone", "rclone.conf")
        for variable in ("APPDATA", "XDG_CONFIG_HOME")
        if environ.get(variable)
    ]
    if home := environ.get("HOME") or environ.get("USERPROFILE"):
        places += [Path(home, ".config", "rclone", "rclone.conf"), Path(home, ".rclone.conf")]
    return places


def _text(file: Path) -> str:
    if not file.is_file():
        raise UsageError(f"rclone's configuration {file} is no file", "Correct RCLONE_CONFIG.")
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"rclone's configuration {file} can't be read: {error.strerror}", "Make it readable."
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if len(data) > _LARGEST or "\0" in text:
        raise InvalidError(
            f"{file} is no configuration of rclone's: it is no text, or has more than 1 MiB",
            "Correct RCLONE_CONFIG.",
        )
    return text


def _sections(text: str, file: Path) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    section = sections.setdefault("DEFAULT", {})
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    told = [(number, line) for number, line in lines if line and line[0] not in "#;"]
    if told and told[0][1].startswith("RCLONE_ENCRYPT_V"):
        raise _encrypted(file)
    for number, line in told:
        if line[0] == "[" and line[-1] == "]":
            section = sections.setdefault(line[1:-1].strip(), {})
        else:
            key, value = _pair(line, f"{file}, line {number}")
            section[key] = value
    return sections


def _pair(line: str, place: str) -> tuple[str, str]:
    found = re.match(r"([^=:]+)[=:](.*)", line)
    value = _unquoted(found[2].strip()) if found else None
    if found is None or value is None:
        # The line may be part of a secret.
        raise InvalidError(f"{place} is neither a section nor a key with a value", "Correct it.")
    return found[1].strip(), value


def _unquoted(value: str) -> str | None:
    """Return the value without the quotes that keep its spaces; None when they do not end."""
    for quote in _QUOTES:
        if value.startswith(quote) and len(value) >= 2 * len(quote):
            end = value.rfind(quote, len(quote))
            return value[len(quote) : end] if end > 0 else None
    return value


def _encrypted(file: Path) -> UsageError:
    return UsageError(
        f"rclone's configuration {file} is encrypted",
        (
            "Take that off with `rclone config encryption remove`, or set RCLONE_CONFIG to a file"
            " that is not encrypted."
        ),
    )
