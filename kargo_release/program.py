"""The `kargo-release` command: invoke's program over our tasks."""

import gc
import sys

from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.program import Program

from kargo_release import __version__
from kargo_release.commandline import keep_libraries_quiet, reader_may_leave, tell
from kargo_release.errors import UsageError
from kargo_release.tasks import namespace

# invoke has more of them, for programs that run shell commands.
_CORE_OPTIONS = (
    ("COMMAND --help", "Show what a command takes, with an example."),
    ("--list", "List the commands."),
    ("--dry, -R", "Show the plan and change nothing: the commands' --dry-run."),
    ("--debug, -d", "Print the traceback of an error."),
    ("--print-completion-script=SHELL", "Print the completion for bash, zsh or fish."),
    ("--version", "Print the version."),
)


class KargoRelease(Program):
    """invoke's program, with the help that a platform engineer needs and 2 for bad usage."""

    def __init__(self, namespace: Collection) -> None:
        name = "kargo-release"
        super().__init__(
            version=__version__, namespace=namespace, name=name, binary=name, binary_names=[name]
        )

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse invoke's core options; bad usage of them ends with 2."""
        try:
            super().parse_core(argv)
        except (ParseError, ValueError) as error:
            self._refuse(str(error))
        keep_libraries_quiet()

    def parse_cleanup(self) -> None:
        """Answer ``--help`` and ``--list``; help for an unknown command ends with 2."""
        try:
            super().parse_cleanup()
        except ParseError as error:
            self._refuse(str(error))

    def print_help(self) -> None:
        """Print the usage, the commands, and what of invoke's core options matters here."""
        print(f"Usage: {self.binary} COMMAND [NAME...] [--options]\n")  # noqa: T201 - as invoke does
        self.list_tasks()
        print("Options:\n")  # noqa: T201 - as invoke does
        self.print_columns(_CORE_OPTIONS)

    def task_list_opener(self, extra: str = "") -> str:  # noqa: ARG002 - invoke's signature
        """Return the title of the list of commands."""
        return "Commands"

    def _refuse(self, message: str) -> None:
        error = UsageError(message, f"{self.binary} --help shows what there is.")
        tell(error, None, as_json="--json" in self.argv)
        sys.exit(error.exit_code)


def main() -> None:
    """Run the command line; exit with the code of the contract."""
    # What libraries make as they load stays: to look for garbage in it at every 700 objects, which
    # is Python's own measure, takes a twentieth of a command's time.
    gc.set_threshold(50_000)
    with reader_may_leave():
        KargoRelease(namespace).run()
