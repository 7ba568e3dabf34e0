"""The engine's own builder, which every engine has: one platform, no mounts, no remote cache."""

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

from kargo_release.docker.engine import Engine
from kargo_release.docker.faults import explained, told
from kargo_release.docker.order import (
    BuildError,
    BuildOrder,
    Built,
    KeptLog,
    Log,
    RemoteContext,
    TarContext,
    TimeLimits,
)
from kargo_release.errors import RefusedError

_BUILDKIT = "Install BuildKit's plugin docker-buildx (on Debian 13: apt-get install docker-buildx)."


class ClassicBuilder:
    """Builds by the engine itself.

    Args:
        engine: The engine.
        limits: When a build counts as hanging.
    """

    def __init__(self, engine: Engine, limits: TimeLimits | None = None) -> None:
        self._engine = engine
        self._limits = limits or TimeLimits()

    def check(self, order: BuildOrder, demand: str) -> None:
        """Refuse what only BuildKit can do.

        Args:
            order: The image.
            demand: What in its Dockerfile needs BuildKit; empty for nothing.

        Raises:
            RefusedError: It is asked for.
        """
        wanted = next(self._too_much(order), "") or demand
        if wanted:
            raise RefusedError(f"the engine's own builder can't do this: {wanted}", _BUILDKIT)

    def _too_much(self, order: BuildOrder) -> Iterator[str]:
        if len(order.platforms) > 1:
            yield f"several platforms ({', '.join(order.platforms)})"
        if order.platforms not in ((), (self._engine.platform,)):
            yield f"the platform {order.platforms[0]} on one of {self._engine.platform}"
        if isinstance(order.context, RemoteContext):
            yield "a context that is another Git repository, with a Dockerfile of this one"
        if order.secrets:
            yield "secrets"
        if order.cache or order.keep_cache:
            yield "a cache in a registry"
        if order.push or order.attestations:
            yield "a push by the builder itself"

    def build(self, order: BuildOrder, log: Log) -> Built:
        """Build an image.

        Raises:
            BuildError: It failed, or hung; the error bears the log.
            FailedError: The engine died.
        """
        kept, what = KeptLog(log), "build the image"
        identifier = ""
        with told(what, asks_registry=True), closing(self._said(order)) as said:
            for each in said:
                for line in str(each.get("stream") or each.get("status") or "").splitlines():
                    if line.strip():
                        kept(line)
                if "error" in each:
                    known = explained(what, str(each["error"]), asks_registry=True)
                    raise BuildError(known.message, "Mend what the log shows.", kept.lines)
                identifier = str((each.get("aux") or {}).get("ID", identifier))
        if not identifier:
            raise BuildError("the engine told of no image that it built", "", kept.lines)
        for tag in order.tags:
            self._engine.tag(identifier, tag)
        return Built(identifier, "")

    def _said(self, order: BuildOrder) -> Generator[Mapping[str, Any], None, None]:
        """Yield what the engine says, until it takes too long."""
        assert isinstance(order.context, TarContext)  # noqa: S101 - check has refused others
        end = time.monotonic() + self._limits.total
        with order.context.file.open("rb") as context:
            stream = self._engine.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=order.context.dockerfile,
                buildargs=dict(order.arguments),
                labels=dict(order.labels),
                target=order.target or "",
                nocache=order.no_cache,
                timeout=int(self._limits.silence),
                rm=True,
                forcerm=True,
                decode=True,
            )
            for said in stream:
                if time.monotonic() > end:
                    raise TimeoutError("timed out")
                yield said
