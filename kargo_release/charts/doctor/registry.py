"""The registry: as whom it is reached, and whether it lets us pull and push."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from kargo_release.charts.doctor.check import Check, failed, not_needed, ok, unknown, warning
from kargo_release.charts.guards import check_registry_was_chosen, is_ci
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import InvalidError, RefusedError
from kargo_release.oci.access import Access
from kargo_release.oci.hosts import is_loopback

NAMES = ("registry", "registry pull", "registry push", "registry tags")
_REGISTRY, _PULL, _PUSH, _TAGS = NAMES


def look(project: Project) -> Sequence[Check]:
    """Return how the registry stands.

    Raises:
        UsageError: Its address or the login is wrong.
        RefusedError: Under CI, no registry is set.
        InvalidError: What answers is no registry, or credentials can't be read.
        FailedError: It can't be reached.
    """
    check_registry_was_chosen(project.settings, project.environ)
    store, name = project.store(), _first_chart(project)
    access = store.access(name)
    repository = store.reference(name, "x").removesuffix(":x")
    return [
        _reached(project, access),
        _right(_PULL, f"may pull {repository}", access.pull),
        _right(_PUSH, f"may push to {repository}", access.push),
        _tags(project),
    ]


def _first_chart(project: Project) -> str:
    """Return the chart whose path is asked for; any name where there is no chart yet."""
    repository = project.repository
    try:
        names = Sources(repository.tree(repository.commit()), project.settings.charts).names
    except InvalidError:
        names = []
    return names[0] if names else "chart"


def _reached(project: Project, access: Access) -> Check:
    settings = project.settings
    if settings.is_local:
        return _local(is_ci=is_ci(project.environ))
    login = f"{access.authentication} login from {access.source}"
    told = f"{settings.registry} answers; {login if access.source else 'without a login'}"
    host = urlsplit(str(settings.registry)).hostname or ""
    if settings.plain_http and not is_loopback(host):
        return warning(
            _REGISTRY,
            f"{told}; plain_http sends login and charts there unencrypted",
            "Give the registry a certificate, and take out `plain_http`.",
        )
    return ok(_REGISTRY, told)


def _local(*, is_ci: bool) -> Check:
    if is_ci:
        return warning(
            _REGISTRY,
            "the registry is local, and what CI keeps on its own disk is lost with it",
            "Set registry: oci://HOST/PATH, unless you mean it.",
        )
    return ok(_REGISTRY, "the registry is local: releases stay on this machine, in .kargo/registry")


def _right(name: str, told: str, refusal: RefusedError | None) -> Check:
    return failed(name, refusal) if refusal else ok(name, told)


def _tags(project: Project) -> Check:
    if project.settings.is_local:
        return not_needed(_TAGS, "nobody else writes there")
    return unknown(
        _TAGS,
        "a registry does not tell whether its tags are immutable; a release never replaces one, "
        f"release-dev-chart replaces {project.settings.dev_version}",
    )
