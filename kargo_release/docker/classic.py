"""The engine's own builder, which every engine has: one platform, no mounts, no remote cache."""

import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from kargo_release.docker.engine import Call, Engine
from kargo_release.docker.faults import SEE_LOG, explained, told
from kargo_release.docker.order import (
    ApartContext,
    BuildOrder,
    Built,
    Demand,
    Log,
    Pulse,
    TarContext,
    TimeLimits,
)
from kargo_release.docker.polling import polled
from kargo_release.errors import FailedError, RefusedError

_WHAT = "build the image"
_BUILDKIT = "Install BuildKit's plugin docker-buildx (on Debian 13: apt-get install docker-buildx)."


class ClassicBuilder:
    """Builds by the engine itself.

    Args:
        engine: The engine.
        limits: When a build counts as hanging.
    """

    sees_engine = True
    takes_apart = False

    def __init__(self, engine: Engine, limits: TimeLimits | None = None) -> None:
        self._engine = engine
        self._limits = limits or TimeLimits()

    def check(self, order: BuildOrder, demand: Demand) -> None:
        """Refuse what only BuildKit can do.

        Args:
            order: The image.
            demand: What its Dockerfile asks of the builder.

        Raises:
            RefusedError: It is asked for.
        """
        wanted = next(self._too_much(order), "") or demand.buildkit
        if wanted:
            raise RefusedError(f"the engine's own builder can't do this: {wanted}", _BUILDKIT)

    def _too_much(self, order: BuildOrder) -> Iterator[str]:
        if len(order.platforms) > 1:
            yield f"several platforms ({', '.join(order.platforms)})"
        if order.platforms not in ((), (self._engine.platform,)):
            yield f"the platform {order.platforms[0]} on one of {self._engine.platform}"
        if isinstance(order.context, ApartContext):
            yield "a context that is another Git repository, with a Dockerfile of this one"
        if order.secrets:
            yield "secrets"
        if order.cache or order.keep_cache:
            yield "a cache in a registry"
        if order.push or order.attestations:
            yield "a push by the builder itself"

    def build(self, order: BuildOrder, log: Log, pulse: Pulse) -> Built:
        """Build an image.

        Raises:
            RefusedError: A registry does not let us.
            FailedError: It failed, or hung, or the engine died.
        """
        identifier = ""
        end = time.monotonic() + self._limits.total
        with told(_WHAT, asks_registry=True, remedy=SEE_LOG):
            call = Call()
            for said in polled(self._said(order, call), pulse, call.hang_up):
                if time.monotonic() > end:
                    raise TimeoutError("timed out")
                identifier = _heard(said, log) or identifier
        if not identifier:
            raise FailedError("the engine told of no image that it built", SEE_LOG)
        return Built(identifier, "")

    def _said(self, order: BuildOrder, call: Call) -> Generator[Mapping[str, Any], None, None]:
        """Yield what the engine says."""
        assert isinstance(order.context, TarContext)  # noqa: S101 - check has refused others
        with order.context.file.open("rb") as context:
            said = self._engine.api.build(
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
            call.answer = self._engine.answer
            yield from said


def _heard(said: Mapping[str, Any], log: Log) -> str:
    """Hand on what the engine says; return the Id of the image that it made, when it tells one.

    Raises:
        KargoError: It failed.
    """
    for line in str(said.get("stream") or said.get("status") or "").splitlines():
        if line.strip():
            log(line)
    if "error" in said:
        raise explained(_WHAT, str(said["error"]), asks_registry=True, remedy=SEE_LOG)
    return str((said.get("aux") or {}).get("ID", ""))
