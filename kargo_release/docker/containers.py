"""A container that runs one command."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kargo_release.docker.image import Ended

if TYPE_CHECKING:
    from docker.api import APIClient

_OUTPUT = 64 << 10  # bytes of a command's output that are kept
_LOG_FILE = "1m"  # what the engine keeps of it, however much there is
_MEMORY = 2 << 30  # bytes
_PROCESSES = 1000
_POLL = 0.05  # seconds


def run_once(
    api: "APIClient", image: str, command: Sequence[str], timeout: float, pulse: Callable[[], None]
) -> Ended:
    """Run a command in a new container, without network and rights, and remove the container.

    Args:
        api: The engine.
        image: Name or Id.
        command: In place of the entry point.
        timeout: Seconds after which it is killed.
        pulse: Is called while it runs; what it raises ends it.
    """
    from docker.types import LogConfig

    limits = api.create_host_config(
        network_mode="none",
        mem_limit=_MEMORY,
        pids_limit=_PROCESSES,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        log_config=LogConfig(
            type=LogConfig.types.JSON, config={"max-size": _LOG_FILE, "max-file": "1"}
        ),
    )
    with container_of(api, image, entrypoint=list(command), host_config=limits) as container:
        api.start(container)
        state = _ended(api, container, timeout, pulse)
        output = _last(api.logs(container, stream=True))
        code = None if state is None else int(state["ExitCode"])
        return Ended(code, output, out_of_memory=bool(state and state.get("OOMKilled")))


@contextmanager
def container_of(api: "APIClient", image: str, **options: Any) -> Iterator[str]:
    """Give a new container's Id, and remove it at the end, whatever happens."""
    from docker.errors import APIError

    container = str(api.create_container(image, **options)["Id"])
    try:
        yield container
    finally:
        with suppress(APIError, OSError):  # the error in the block is what must be told
            api.remove_container(container, force=True, v=True)


def _ended(api: "APIClient", container: str, timeout: float, pulse: Callable[[], None]) -> Any:
    """Return the state in which the container ended by itself; None when it had to be killed."""
    from docker.errors import APIError

    end = time.monotonic() + timeout
    while (state := api.inspect_container(container)["State"])["Running"]:
        if time.monotonic() > end:
            with suppress(APIError):  # it may have ended by itself meanwhile
                api.kill(container)
                return None
        pulse()
        time.sleep(_POLL)
    return state


def _last(blocks: Iterator[bytes]) -> str:
    """Return the end of an output of any length."""
    kept: deque[bytes] = deque()
    size = 0
    for block in blocks:
        kept.append(block)
        size += len(block)
        while size - len(kept[0]) > _OUTPUT:
            size -= len(kept.popleft())
    return b"".join(kept)[-_OUTPUT:].decode(errors="replace")
