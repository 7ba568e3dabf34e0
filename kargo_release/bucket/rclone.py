"""Finds the bucket that an rclone remote stands for: through aliases, to an s3 remote.

Sources: rclone's ``fs/fspath/path.go`` (names of remotes) and ``backend/alias/alias.go``.
"""

import re
from collections.abc import Mapping

from kargo_release.bucket.rclone_config import RcloneConfig, load
from kargo_release.bucket.rclone_s3 import access_of
from kargo_release.bucket.s3_access import Access
from kargo_release.errors import UsageError, hint

_NAME = r"[\w.+@][\w.+@ -]*"
_ADDRESS = re.compile(rf"rclone:({_NAME})(?:[:/](.*))?")
_TARGET = re.compile(rf"({_NAME}):(.*)")


def resolve(address: str, environ: Mapping[str, str]) -> tuple[str, Access]:
    """Return the bucket, as ``s3://bucket/prefix``, and how it is reached.

    Args:
        address: ``rclone:NAME``, ``rclone:NAME/path`` or, more as rclone writes it,
            ``rclone:NAME:path``.
        environ: The environment, in which rclone's variables count as they do for rclone.

    Raises:
        UsageError: There is no such remote, it is of another type, it leads round in a circle or
            to no bucket, or has options that are not known here.
        InvalidError: rclone's configuration can't be understood.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        # What stands behind a comma are options, keys among them (rclone's connection strings).
        shown, comma, _ = address.partition(",")
        raise UsageError(
            f"settings: backup {shown}{comma and ',…'} names no rclone remote",
            "Write it as rclone:NAME or rclone:NAME/path, with a NAME of `rclone listremotes`.",
        )
    config = load(environ)
    remote, path = _followed(config, found[1], found[2] or "")
    bucket, _, prefix = path.partition("/")
    if not bucket:
        raise UsageError(
            f"the rclone remote {remote} is a whole S3 service: {address} names no bucket in it",
            f"Write the bucket behind it: {address.rstrip('/:')}/BUCKET.",
        )
    return f"s3://{bucket}/{prefix}", access_of(config, remote)


def _followed(config: RcloneConfig, remote: str, path: str) -> tuple[str, str]:
    """Return the s3 remote that ``remote`` leads to, and the path there."""
    passed = [remote]
    path = path.strip("/")
    while (kind := config.type_of(remote)) == "alias":
        remote, base = _target(config, remote)
        path = "/".join(part for part in (base.strip("/"), path) if part)
        passed.append(remote)
        if remote in passed[:-1]:
            raise UsageError(
                f"rclone's aliases lead round in a circle: {' → '.join(passed)}",
                "Correct `remote` of one of them in rclone's configuration.",
            )
    if kind != "s3":
        raise _unusable(config, remote, kind)
    return remote, path


def _target(config: RcloneConfig, alias: str) -> tuple[str, str]:
    value = config.value(alias, "alias", "remote")
    found = _TARGET.fullmatch(value)
    if found is None:
        raise UsageError(
            f"the rclone remote {alias} is an alias of no other remote with a name",
            "Let its `remote` be NAME:path, or give a folder itself as `backup`.",
        )
    return found[1], found[2]


def _unusable(config: RcloneConfig, remote: str, kind: str) -> UsageError:
    if kind:
        return UsageError(
            f"the rclone remote {remote} is of the type {kind}, not s3 or an alias of s3",
            "Give a bucket or a folder as `backup`, or a remote of the type s3.",
        )
    if remote in config.sections:
        return UsageError(
            f"the rclone remote {remote} has no type", "Make it anew with `rclone config`."
        )
    if config.missing:
        return UsageError(
            f"there is no remote {remote}, for RCLONE_CONFIG names no file: {config.missing}",
            "Correct RCLONE_CONFIG, or unset it: rclone's usual file then counts.",
        )
    place = config.file or "rclone's configuration, of which there is no file"
    return UsageError(
        f"there is no remote {remote} in {place}",
        hint(remote, config.sections) or "Correct the name, or make it with `rclone config`.",
    )
