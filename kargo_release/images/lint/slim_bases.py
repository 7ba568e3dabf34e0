"""Which public images have a slim variant, and which hold compilers by themselves.

Source: docker-library/docs ``*/content.md`` and docker-library/official-images ``library/*``, the
lists of tags of Docker's official images.
"""

from collections.abc import Mapping

from kargo_release.images.dockerfile import Reference

SLIM_TAGS: Mapping[str, str] = {
    "clojure": "temurin-21-tools-deps-bookworm-slim",
    "debian": "bookworm-slim",
    "elixir": "1.17-slim",
    "erlang": "27-slim",
    "golang": "1.23-alpine",
    "haskell": "9.8-slim",
    "node": "20-bookworm-slim",
    "openjdk": "17-slim-bookworm",
    "perl": "5.40-slim-bookworm",
    "pypy": "3.10-slim-bookworm",
    "python": "3.12-slim-bookworm",
    "ruby": "3.3-slim-bookworm",
    "rust": "1.82-slim-bookworm",
    "swift": "5.10-slim",
}
"""Images with a slim variant, each with an example of its tag."""

BUILD_BASES: Mapping[str, str] = {
    "buildpack-deps": "compilers",
    "gcc": "compilers",
    "golang": "the Go toolchain",
    "gradle": "a JDK and Gradle",
    "haskell": "GHC and cabal",
    "maven": "a JDK and Maven",
    "rust": "the Rust toolchain and gcc",
}
"""Images made to build with, and what they hold; also in their slim variants."""

JAVA_BASES = frozenset(("amazoncorretto", "eclipse-temurin", "ibm-semeru-runtimes", "openjdk"))
"""Images of Java: a JDK, unless ``jre`` is in the tag."""

_SMALL = ("slim", "alpine", "nanoserver", "windowsservercore", "jre", "minimal")


def official_name(reference: Reference) -> str:
    """Return the name of one of Docker's official images, also from a mirror; else empty."""
    name = reference.name.removeprefix("docker.io/")
    folder, _, last = name.rpartition("/")
    return last if folder in ("", "library") or folder.endswith("/library") else ""


def is_small(tag: str) -> bool:
    """Whether a tag is that of a slim variant; alpine counts as one."""
    return any(part.startswith(_SMALL) for part in tag.split("-"))


def build_tools_in(reference: Reference) -> str:
    """Return what a base holds of compilers and build tools; empty for nothing known."""
    name = official_name(reference)
    if name in JAVA_BASES:
        is_runtime = not reference.tag or any(x.startswith("jre") for x in reference.tag.split("-"))
        return "" if is_runtime else "a JDK"
    return BUILD_BASES.get(name, "")
