"""The environment of the tests: nobody's settings, and the credentials of their servers."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from servers_s3 import ACCESS_KEY, SECRET_KEY

_SILENCED = (
    "KARGO_RELEASE_",
    "AWS_",
    "HELM_",
    "DOCKER_",
    "GIT_",
    "GITHUB_",
    "XDG_",
    "INVOKE_",
    "RCLONE_",
)
_ALSO_SILENCED = (
    "CI",
    "PYTHONDONTWRITEBYTECODE",  # would compile all of ours anew for every process
    "SOURCE_DATE_EPOCH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)


def silenced(names: Iterable[str]) -> list[str]:
    """Return the variables that would tell a test of somebody's settings."""
    return [name for name in names if name.startswith(_SILENCED) or name in _ALSO_SILENCED]


def given(home: Path) -> Mapping[str, str]:
    """Return the variables that every test has."""
    return {
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def enter(home: Path) -> None:
    """Give this whole process the environment of the tests."""
    for name in silenced(list(os.environ)):
        del os.environ[name]
    os.environ.update(given(home))
