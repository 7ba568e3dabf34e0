"""A remote registry as a store of artifacts.

Protocol: OCI distribution specification 1.1, ``spec.md``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kargo_release.errors import FailedError, RefusedError
from kargo_release.oci.access import Access
from kargo_release.oci.address import address
from kargo_release.oci.artifact import Artifact, Manifest
from kargo_release.oci.authentication import Authentication
from kargo_release.oci.call import Answer
from kargo_release.oci.credentials import FindLogin, find_login
from kargo_release.oci.hosts import api_host, is_loopback
from kargo_release.oci.image_credentials import PASSWORD, USER, find_image_login
from kargo_release.oci.manifest import digest_of, read_manifest
from kargo_release.oci.names import (
    check_digest,
    check_repository,
    check_tag,
    check_tag_or_digest,
    is_digest,
)
from kargo_release.oci.retry import TimeLimits, retry
from kargo_release.oci.tokens import Scope

if TYPE_CHECKING:
    from kargo_release.oci.repository import Repository

_DIGEST = "Docker-Content-Digest"
_PULL = "pull"
_PUSH = "pull,push"


class Registry:
    """A store in a registry; one for a run, used by all its threads.

    Args:
        url: ``oci://host[:port]/path``; the repositories are below the path.
        plain_http: Whether to speak plain HTTP; None means: only to this machine.
        environ: The environment, for credentials, proxies and authorities.
        login: Looks up who we are: `find_login`, or for images another.
        jobs: How many connections are kept.
        limits: How long the registry is waited for.

    Raises:
        UsageError: The URL is no such address.
    """

    def __init__(
        self,
        url: str,
        *,
        plain_http: bool | None,
        environ: Mapping[str, str],
        login: FindLogin = find_login,
        jobs: int = 8,
        limits: TimeLimits | None = None,
    ) -> None:
        from kargo_release.oci.session import Session

        self._address = address(url)
        host, path = self._address.host, self._address.path
        if plain_http is None:
            plain_http = is_loopback(urlsplit(url).hostname or "")
        root = f"{'http' if plain_http else 'https'}://{api_host(host)}"
        limits = limits or TimeLimits()
        self._session = Session(host, root, jobs=jobs, environ=environ, limits=limits)
        if login is not find_login:
            self._session.log_in = f"docker login {host}"
        if login is find_image_login:
            self._session.or_else = f"; or set {USER} and {PASSWORD}"
        self._authentication = Authentication(self._session, partial(login, host, path, environ))

    def reference(self, repository: str, tag: str) -> str:
        """Return how a person names the artifact: ``host/path/kano:1.4.0``."""
        separator = "@" if is_digest(tag) else ":"
        return f"{self._address.host}/{self._path(repository)}{separator}{tag}"

    def manifest(self, repository: str, tag: str) -> Manifest | None:
        """Return the manifest that ``tag`` (or a digest) names, or None when there is none.

        Raises:
            InvalidError: What answered is no manifest.
            RefusedError: The login is missing or has no right.
            FailedError: The registry cannot be reached, is not well, or other bytes came than it
                sent or the digest names.
        """
        where = self.reference(repository, check_tag_or_digest(tag))
        answer = self._repository(repository, _PULL).manifest(tag)
        if answer is None:
            return None
        _check_arrived(answer, where)
        manifest = read_manifest(answer.content, where)
        if is_digest(tag) and manifest.digest != tag:
            raise _altered(where, manifest.digest)
        return manifest

    def blob(self, repository: str, digest: str, limit: int) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest checked.

        Raises:
            InvalidError: It is missing.
            FailedError: As ``manifest``, and when more bytes come.
        """
        data = self._repository(repository, _PULL).blob(check_digest(digest), limit)
        if digest_of(data) != digest:
            raise _altered(self.reference(repository, digest), digest_of(data))
        return data

    def push(self, repository: str, tag: str, artifact: Artifact, *, replace: bool) -> str:
        """Store the artifact under ``tag`` and return its manifest's digest.

        Raises:
            RefusedError: The tag names something else and ``replace`` is false; or the login is
                missing or has no right. Nothing was changed.
            FailedError: The registry cannot be reached, is not well, or stored other bytes.
        """
        there = self._repository(repository, _PUSH)
        where = self.reference(repository, check_tag(tag))
        manifest = artifact.manifest
        if not replace and (held := _held(there, tag)):
            return _same(where, held, manifest.digest)
        # Of a release others may be pushing the same; a development version is mostly new.
        may_be_there = chain([not replace], repeat(True))

        def store() -> str:
            _upload(there, artifact, may_be_there=next(may_be_there))
            return there.put(manifest, tag)

        stored = retry(store, there.session.limits) or _held(there, tag)
        if stored != manifest.digest:
            raise FailedError(
                f"{where} was pushed as {manifest.digest}, and the registry {_says(stored)}",
                "Check the registry and what lies before it, then run the command again.",
            )
        return stored

    def tags(self, repository: str) -> list[str]:
        """Return the repository's tags; empty when there is no such repository."""
        from kargo_release.oci.client import OrasClient

        return OrasClient(self._repository(repository, _PULL)).tags()

    def access(self, repository: str) -> Access:
        """Return whether we may pull and push, found out without leaving anything there.

        It lists the repository's tags, begins an upload and cancels it. The repository need not
        exist, though a registry may refuse one in a project that does not.

        Raises:
            FailedError: The registry cannot be reached or is not well, whatever was asked.
            InvalidError: What answers is no registry.
        """
        pull = _refused(partial(self.tags, repository))
        push = _refused(partial(self._try_upload, repository))
        authentication, source = self._authentication.used()
        return Access(pull, push, authentication, source)

    def _try_upload(self, repository: str) -> None:
        from kargo_release.oci.client import OrasClient

        OrasClient(self._repository(repository, _PUSH)).try_upload()

    def _path(self, repository: str) -> str:
        path = f"{self._address.path}/{check_repository(repository)}"
        return check_repository(path.lstrip("/"))

    def _repository(self, repository: str, actions: str) -> "Repository":
        from kargo_release.oci.repository import Repository

        scope = Scope(self._path(repository), actions)
        return Repository(self._session, self._authentication, scope)


def _refused(use: Callable[[], object]) -> RefusedError | None:
    try:
        use()
    except RefusedError as error:
        return error
    return None


def _upload(there: "Repository", artifact: Artifact, *, may_be_there: bool) -> None:
    from kargo_release.oci.client import OrasClient

    client = OrasClient(there)
    for blob in dict.fromkeys((artifact.config, *artifact.layers)):
        client.upload(blob, may_be_there=may_be_there)


def _held(there: "Repository", tag: str) -> str:
    """Return the digest of what ``tag`` names; empty when there is nothing."""
    head = there.manifest(tag, "HEAD")
    if head is None:
        return ""
    told = head.headers.get(_DIGEST, "")
    if is_digest(told):
        return told
    answer = there.manifest(tag)
    return digest_of(answer.content) if answer else ""


def _says(stored: str) -> str:
    return f"says {stored}" if stored else "does not have it"


def _same(where: str, held: str, digest: str) -> str:
    if held == digest:
        return digest
    raise RefusedError(
        f"{where} is already out with other content ({held})", "Give it a new version."
    )


def _check_arrived(answer: Answer, where: str) -> None:
    """Compare what came with the digest that the registry tells beside it."""
    told, came = answer.headers.get(_DIGEST, ""), digest_of(answer.content)
    if is_digest(told) and told.startswith("sha256:") and told != came:
        raise FailedError(
            f"{where} came with other bytes than the registry sent: {came} instead of {told}",
            "Check what lies before the registry, then run the command again.",
        )


def _altered(where: str, found: str) -> FailedError:
    return FailedError(
        f"{where} came with other bytes, of {found}",
        "Check the registry and what lies before it, then run the command again.",
    )
