"""Logins to try, and what is asked of pushes with them."""

import re
from collections.abc import Callable

import pytest

from kargo_release.errors import RefusedError
from kargo_release.oci.registry import Registry

from .conftest import artifact
from .faulty import FaultyServer

USERS = {"releaser": "pass s3cret:ü"}
RIGHT = {
    "KARGO_RELEASE_REGISTRY_USERNAME": "releaser",
    "KARGO_RELEASE_REGISTRY_PASSWORD": "pass s3cret:ü",
}
WRONG = {**RIGHT, "KARGO_RELEASE_REGISTRY_PASSWORD": "wrong-s3cret"}
ROBOT = "robot$kalisio+releaser"
AS_ROBOT = {
    "KARGO_RELEASE_REGISTRY_USERNAME": ROBOT,
    "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret:/+$",
}


def push(registry: Registry, repository: str = "kano") -> str:
    return registry.push(repository, "1.4.0", artifact(), replace=False)


def refused(use: Callable[[], object]) -> RefusedError:
    with pytest.raises(RefusedError) as raised:
        use()
    remedy = re.compile(r"(Log in: |Correct .*what `)helm registry login \S+ --plain-http")
    assert remedy.match(raised.value.remedy)
    assert "s3cret" not in str(raised.value)
    return raised.value


def bodies(server: FaultyServer) -> list[str]:
    return [each.path for each in server.seen if each.length]
