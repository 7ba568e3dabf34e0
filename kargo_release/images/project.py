"""What every command on images works with: the repository, its settings, its registry."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kargo_release import settings as settings_module
from kargo_release.errors import RefusedError, redact
from kargo_release.git.repository import Repository
from kargo_release.settings import Settings

if TYPE_CHECKING:
    from kargo_release.docker.login import Login
    from kargo_release.oci.registry import Registry

_ADDRESS = "oci://"


@dataclass(frozen=True)
class Project:
    """A Git repository with images, and the settings that hold in it."""

    repository: Repository
    settings: Settings
    environ: Mapping[str, str]

    @classmethod
    def open(cls, start: Path, environ: Mapping[str, str] | None = None) -> "Project":
        """Return the project that holds the folder ``start``.

        Raises:
            InvalidError: It is in no Git repository, or the settings can't be read.
            UsageError: A setting is wrong.
        """
        environ = dict(os.environ if environ is None else environ)
        repository = Repository.open(start)
        return cls(repository, settings_module.load(repository.root, environ), environ)

    @cached_property
    def prefix(self) -> str:
        """What stands before a repository in an image's whole name: ``docker.io/kalisio/``."""
        registry = (self.settings.image_registry or "").removeprefix(_ADDRESS).strip("/")
        return f"{registry}/" if registry else ""

    def reference(self, repository: str, tag: str) -> str:
        """Return an image's whole name; of one that is not pushed anywhere that on this machine."""
        return f"{self.prefix}{repository}:{tag}"

    def registry(self) -> "Registry":
        """Return the registry of images.

        Raises:
            RefusedError: None is set.
            UsageError: It is no registry's address.
        """
        if not self.prefix:
            raise RefusedError(
                "no registry of images is set, so that nothing can be pushed",
                "Set image_registry: docker.io/TEAM in kargo-release.yaml.",
            )
        return self.registry_at(self.prefix)

    def login(self) -> "Login | None":
        """Return the environment's login for the registry of images; bases may lie there, too.

        Raises:
            UsageError: Only one of its two variables is set.
        """
        from kargo_release.docker.login import Login
        from kargo_release.docker.names import registry_host
        from kargo_release.oci.image_credentials import login_of_environment

        found = login_of_environment(self.environ) if self.prefix else None
        if found is None:
            return None
        return Login(registry_host(self.prefix), found.username, found.password)

    def registry_at(self, place: str) -> "Registry":
        """Return a registry of images by host and path; the own login is for the own host alone."""
        from kargo_release.oci.image_credentials import find_docker_login, find_image_login
        from kargo_release.oci.registry import Registry

        is_own = place.partition("/")[0] == self.prefix.partition("/")[0]
        return Registry(
            f"{_ADDRESS}{place.strip('/')}",
            plain_http=self.settings.plain_http if is_own else None,
            environ=self.environ,
            login=find_image_login if is_own else find_docker_login,
            jobs=self.settings.jobs,
        )

    @cached_property
    def source(self) -> str:
        """The Git remote's address, without a login; empty where there is no remote."""
        asked = ["remote", "get-url", self.settings.git.remote]
        status, output, _ = self.repository.execute(asked)
        lines = output.decode(errors="replace").splitlines()
        return redact(lines[0]) if status == 0 and lines else ""
