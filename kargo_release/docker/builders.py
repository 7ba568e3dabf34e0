"""Which builder builds: BuildKit where its plugin is there, else the engine's own."""

from collections.abc import Mapping

from kargo_release.docker.buildx import BuildxBuilder, is_installed
from kargo_release.docker.classic import ClassicBuilder
from kargo_release.docker.engine import Engine
from kargo_release.docker.order import Builder


def builder_for(engine: Engine, environ: Mapping[str, str]) -> Builder:
    """Return the builder to use.

    Args:
        engine: Where images are kept.
        environ: The environment, in which ``docker`` and its plugin are looked for.
    """
    return BuildxBuilder(environ) if is_installed(environ) else ClassicBuilder(engine)
