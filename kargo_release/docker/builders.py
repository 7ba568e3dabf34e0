"""Which builder builds: BuildKit where its plugin is there, else the engine's own."""

from kargo_release.docker.buildx import BuildxBuilder, is_installed
from kargo_release.docker.classic import ClassicBuilder
from kargo_release.docker.engine import Engine
from kargo_release.docker.order import Builder


def builder_for(engine: Engine) -> Builder:
    """Return the builder to use.

    Args:
        engine: Where images are kept; in its environment ``docker`` and the plugin are looked for.
    """
    return BuildxBuilder(engine) if is_installed(engine.environ) else ClassicBuilder(engine)
