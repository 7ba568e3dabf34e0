"""Dockerfiles of images that are nowhere but in a test, and what lint-image says of them."""

from collections.abc import Mapping

from kargo_release.errors import InvalidError
from kargo_release.findings import Finding
from kargo_release.images.dockerfile import Dockerfile
from kargo_release.images.dockerfile_parser import parse_dockerfile
from kargo_release.images.image import Image
from kargo_release.images.lint.cookbook import Cookbook, Source
from kargo_release.images.lint.linting import findings_of, lint_sources

PREFIX = "docker.io/kalisio/"
GOOD = 'FROM debian:bookworm-slim\nUSER 1000\nCMD ["true"]\n'


def parse(text: str | bytes, arguments: Mapping[str, str] | None = None) -> Dockerfile:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_dockerfile(data, "Dockerfile", arguments)


def image(app: str, arguments: Mapping[str, str] | None = None, target: str | None = None) -> Image:
    folder = f"images/{app}"
    return Image(
        app=app, folder=folder, version="1.0", repository=app, append="latest", context=folder,
        tag_template="{version}-{append}", arguments=arguments or {}, target=target,
        platforms=(), size_limit=None, smoke=(),
    )  # fmt: skip


def source(text: str | bytes, described: Image) -> Source:
    data = text if isinstance(text, bytes) else text.encode()
    return Source(described, f"{described.folder}/Dockerfile", data)


def ours(
    text: str,
    *,
    arguments: Mapping[str, str] | None = None,
    target: str | None = None,
    bases: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what our rules find in a Dockerfile; ``bases`` are other images of the repository."""
    sources = {"kano": source(text, image("kano", arguments, target))}
    sources |= {app: source(base, image(app)) for app, base in (bases or {}).items()}
    return sorted(findings_of(Cookbook(sources, PREFIX).recipe("kano")))


def rules(
    text: str,
    *,
    arguments: Mapping[str, str] | None = None,
    target: str | None = None,
    bases: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the rule and line of all that ours find, as ``KR001:1``."""
    found = ours(text, arguments=arguments, target=target, bases=bases)
    return [f"{each.rule}:{each.line}" for each in found]


def ours_or_error(text: str) -> list[Finding] | InvalidError:
    """Return what our rules find, or the error, which must tell where and what to do."""
    try:
        return ours(text)
    except InvalidError as refused:
        error = refused
    assert "Dockerfile, line " in error.message
    assert error.remedy
    return error


def lint(text: str | bytes, app: str = "kano") -> list[Finding]:
    """Return what lint-image says of one Dockerfile, Hadolint's rules included."""
    return lint_sources([app], {app: source(text, image(app))}, PREFIX)
