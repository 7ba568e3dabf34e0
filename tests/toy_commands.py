"""Commands to try the command line with: the tests copy this file as `tasks.py`."""

import sys
import time
from collections.abc import Sequence

from invoke.context import Context
from invoke.tasks import task

from kargo_release.commandline import Reply, command
from kargo_release.errors import FailedError, InvalidError, RefusedError


@command("NAME...", ref="Release this.", platform="Build for this.", jobs="How many at once.")
def release_toy(
    names: Sequence[str],
    ref: str = "HEAD",
    platform: Sequence[str] = (),
    jobs: int = 8,
    dry_run: bool = False,
) -> Reply:
    """Release toys.

    Example: release-toy bear --ref v1
    """
    given = {"names": names, "ref": ref, "platform": platform, "jobs": jobs, "dry_run": dry_run}
    return Reply(text=repr(given), document=given)


@command("[NAME...]")
def release_dev_toy(names: Sequence[str]) -> Reply:
    """Release any number of toys."""
    return Reply(text=f"names {' '.join(names)}")


@command("APP [TAG]")
def paint_toy(names: Sequence[str]) -> Reply:
    """Paint one toy."""
    return Reply(text=f"names {' '.join(names)}")


@command()
def list_toys() -> Reply:
    """List the toys."""
    return Reply(text="toys", document={"toys": []})


@command("KIND")
def break_toy(names: Sequence[str]) -> Reply:
    """Fail in the way that is named."""
    match names[0]:
        case "failed":
            raise FailedError("the registry https://me:s3cret@host broke", "Run it again.")
        case "refused":
            raise RefusedError("it is out with other content", "Choose another version.")
        case "invalid":
            raise InvalidError("no toy \x1b[2J here")
        case "partly":
            return Reply("one of two", {"toys": ["one"]}, exit_code=1)
    raise TypeError("https://me:s3cret@host is no toy")


@command()
def wait_for_toy() -> Reply:
    """Wait until interrupted."""
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    time.sleep(60)
    return Reply()


@command()
def flood() -> Reply:
    """Print much, some of it not in every encoding."""
    return Reply(text="toy \udcff é\n" * 100_000)


@task
def greet(c: Context, name: str = "you", loud: bool = False) -> None:
    """Greet, as a task of somebody else."""
    sys.stdout.write(f"hello {name} {loud} {c.config.run.dry}\n")


@task(iterable=["dish"])
def cook(c: Context, where: str, dish: Sequence[str] | None = None) -> None:
    """Cook, as a task of somebody else."""
    sys.stdout.write(f"cooked {where} {dish}\n")
