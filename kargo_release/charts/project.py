"""What every command on charts works with: the repository, its settings, its stores."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kargo_release import settings as settings_module
from kargo_release.errors import FailedError, UsageError
from kargo_release.git.repository import Repository
from kargo_release.settings import Settings

if TYPE_CHECKING:
    from kargo_release.bucket.store import ObjectStore
    from kargo_release.charts.destinations.backup import BackupDestination
    from kargo_release.charts.destinations.registry import RegistryDestination
    from kargo_release.git.remote import Remote
    from kargo_release.oci.artifact import Store

# Kept out of Git by a .gitignore of its own.
LOCAL_FOLDER = ".kargo"


@dataclass(frozen=True)
class Project:
    """A Git repository with charts, and the settings that hold in it."""

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

    @property
    def remote(self) -> "Remote | None":
        """The Git remote that is tagged; None for releases that stay on this machine.

        Raises:
            RefusedError: There is no such remote.
        """
        from kargo_release.git.remote import Remote

        if self.settings.is_local:
            return None
        return Remote.open(self.repository, self.settings.git.remote)

    def registry(self) -> "RegistryDestination":
        """Return the registry as a destination."""
        from kargo_release.charts.destinations.registry import RegistryDestination

        return RegistryDestination(self.store(), self.settings.jobs)

    def backup(self) -> "BackupDestination | None":
        """Return the backup as a destination; None where there is none.

        Raises:
            UsageError: Its folder is that of a user whom nobody knows, its bucket has no name, or
                rclone has no such remote for it.
            InvalidError: rclone's configuration can't be understood.
        """
        from kargo_release.charts.destinations.backup import BackupDestination

        store = self.object_store()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return None if store is None else BackupDestination(store, self.settings.jobs, now)

    def store(self) -> "Store":
        """Return what holds the registry's artifacts."""
        settings = self.settings
        if settings.registry is None or settings.is_local:
            from kargo_release.oci.layout import Layouts

            return Layouts(self._local_folder() / "registry", f"{LOCAL_FOLDER}/registry")
        from kargo_release.oci.registry import Registry

        return Registry(
            settings.registry,
            plain_http=settings.plain_http,
            environ=self.environ,
            jobs=settings.jobs,
        )

    def object_store(self) -> "ObjectStore | None":
        """Return what holds the backup's objects; None where there is no backup.

        Raises:
            UsageError: Its folder is that of a user whom nobody knows, its bucket has no name, or
                rclone has no such remote for it.
            InvalidError: rclone's configuration can't be understood.
        """
        from kargo_release.bucket.folder import FolderStore

        backup = self.settings.backup
        if backup is None:
            folder = self._local_folder() / "backup"
            local = self.settings.is_local
            return FolderStore(folder, f"{LOCAL_FOLDER}/backup") if local else None
        if backup.startswith(("s3://", "rclone:")):
            return self._bucket(backup)
        return FolderStore(self.repository.root / _expanded(backup), backup)

    def _bucket(self, backup: str) -> "ObjectStore":
        from kargo_release.bucket.s3 import S3Store
        from kargo_release.bucket.s3_access import Access

        s3, jobs = self.settings.s3, self.settings.jobs
        access = Access(endpoint=s3.endpoint, region=s3.region)
        if backup.startswith("rclone:"):
            from kargo_release.bucket.rclone import resolve

            backup, access = resolve(backup, self.environ)
        return S3Store(backup, access, single_writer=s3.single_writer, jobs=jobs)

    def _local_folder(self) -> Path:
        return self.repository.root / LOCAL_FOLDER

    def prepare(self) -> None:
        """Make the folder of the embedded default, before anything is written to it.

        Raises:
            FailedError: It can't be made.
        """
        folder = self._local_folder()
        if not self.settings.is_local or (folder / ".gitignore").exists():
            return
        try:
            folder.mkdir(exist_ok=True)
            (folder / ".gitignore").write_text("*\n")
        except OSError as error:
            raise FailedError(
                f"{folder} can't be written to: {error.strerror}",
                "Make it a folder that is yours, on a disk with space; then run this again.",
            ) from None


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise UsageError(
            f"settings: backup {folder}: this user's home folder is not known",
            "Write the folder's whole path.",
        ) from None
