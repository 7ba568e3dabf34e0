"""The `kargo-release` command: invoke's program over our tasks."""

import sys

from invoke.exceptions import ParseError
from invoke.program import Program

from kargo_release import __version__
from kargo_release.commandline import help_of, reader_may_leave, tell
from kargo_release.errors import UsageError
from kargo_release.tasks import namespace

# invoke has more of them, for programs that run shell commands.
_CORE_OPTIONS = ("help", "list", "version", "dry", "debug", "print-completion-script")


class KargoRelease(Program):
    """invoke's program, with the help that a platform engineer needs and 2 for bad usage."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse invoke's core options; bad usage of them ends with 2."""
        try:
            super().parse_core(argv)
        except (ParseError, ValueError) as error:
            self._refuse(str(error))

    def parse_cleanup(self) -> None:
        """Answer ``--help`` and ``--list``; help for an unknown command ends with 2."""
        try:
            super().parse_cleanup()
        except ParseError as error:
            self._refuse(str(error))

    def print_help(self) -> None:
        """Print the usage, the commands, and what of invoke's core options matters here."""
        print(f"Usage: {self.binary} COMMAND [NAME...] [--options]\n")  # noqa: T201 - as invoke's own
        self.list_tasks()
        print("Options of every command:\n")  # noqa: T201
        arguments = [each for each in self.core_args() if each.names[0] in _CORE_OPTIONS]
        self.print_columns([help_of(each) for each in arguments])
        print(f"{self.binary} COMMAND --help tells more, with an example.")  # noqa: T201

    def task_list_opener(self, extra: str = "") -> str:  # noqa: ARG002 - invoke's signature
        """Return the title of the list of commands."""
        return "Commands"

    def _refuse(self, message: str) -> None:
        error = UsageError(message, f"{self.binary} --help shows what there is.")
        tell(error, None, as_json="--json" in self.argv)
        sys.exit(error.exit_code)


def main() -> None:
    """Run the command line; exit with the code of the contract."""
    with reader_may_leave():
        program = KargoRelease(
            version=__version__,
            namespace=namespace,
            name="kargo-release",
            binary="kargo-release",
            binary_names=["kargo-release"],
        )
        program.run()
