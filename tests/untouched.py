"""All that a command could change, so that a test can tell whether it did."""

import contextlib
from pathlib import Path
from typing import Any

from released import archives_in_registry
from sandbox import Sandbox


def everything(sandbox: Sandbox) -> dict[str, Any]:
    """Return the clone with its .git, the remote, the bucket and the registry, as they are."""
    charts = [path.name for path in (sandbox.path / "charts").glob("*")]
    return {
        "clone": files(sandbox.path),
        "remote": files(sandbox.remote) if sandbox.remote else None,
        "bucket": _objects(sandbox) if sandbox.bucket else None,
        "registry": {name: _tags(sandbox, name) for name in charts} if sandbox.registry else None,
    }


def files(folder: Path) -> dict[str, bytes | None]:
    """Return what is below the folder: files with their content, folders with None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def _objects(sandbox: Sandbox) -> dict[str, str]:
    client = sandbox.s3()
    with contextlib.suppress(client.exceptions.NoSuchBucket):
        listing = client.list_objects_v2(Bucket=sandbox.bucket)
        return {each["Key"]: each["ETag"] for each in listing.get("Contents", ())}
    return {}


def _tags(sandbox: Sandbox, name: str) -> dict[str, str] | None:
    try:
        return archives_in_registry(sandbox, name)
    except OSError:  # one that does not answer changes nothing
        return None
