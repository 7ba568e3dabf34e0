"""What invoke's command line lacks, for our tasks alone: `command` makes one.

invoke 3.0 takes neither several names nor none, ends with 1 on bad usage, and has a core flag
``--dry`` that our tasks would not heed. When this module is imported it therefore wraps five of
invoke's methods: `Parser.parse_argv`, `ParseMachine.handle` and `ParseMachine.complete_flag` of
parser/parser.py, `Program.parse_tasks` and `Program.print_task_help` of program.py. Subclasses
would not do: the loader of ``tasks.py`` copies collections into invoke's own class, and the
parser's state machine loses its states in a subclass. Each wrapper leaves everybody else's tasks to
invoke.
"""

import inspect
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from typing import Any, TextIO

from invoke.context import Context
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.parser.parser import ParseMachine, Parser, ParseResult
from invoke.program import Program
from invoke.tasks import Task

from kargo_release.errors import InterruptError, KargoError, UsageError, nearest, redact

_log = logging.getLogger("kargo_release")
_COMMON_OPTIONS = {
    "json": "Print one JSON document on stdout.",
    "dry_run": "Show the plan and change nothing; --dry and -R mean the same.",
}


@dataclass(frozen=True)
class Reply:
    """What a command answers.

    Attributes:
        text: What a person reads on stdout; when it is empty, nothing is printed.
        document: What a program reads with ``--json``. ``command``, ``ok`` and ``error`` (null) are
            put before it; ``error`` may be given here.
        exit_code: 0 when all went well.
    """

    text: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0


class InternalError(KargoError):
    """A defect of ours. Exit code 1."""

    kind = "internal"


class BadUsageError(ParseError):
    """A `UsageError` inside of invoke's parser, whose completion expects a `ParseError`."""

    def __init__(self, context: ParserContext, message: str, remedy: str) -> None:
        super().__init__(message, context)
        self.error = UsageError(message, remedy)


class _Value(str):
    """What stands behind ``=``: the value of an option, even if it looks like one itself."""

    __slots__ = ()


class Names(Argument):
    """The argument that takes the words that are no options; every task of ours has it.

    Args:
        usage: What is taken, as usage lines write it: ``NAME...`` is one or more, ``[NAME...]`` any
            number, ``APP [TAG]`` one or two, and an empty text none.
    """

    def __init__(self, usage: str) -> None:
        super().__init__(name="names", kind=list)
        self.usage = usage
        self.least = sum(not word.startswith("[") for word in usage.split())
        self.most = sys.maxsize if "..." in usage else len(usage.split())

    def check(self, command: str, names: Sequence[str]) -> None:
        """Raise `UsageError` unless there are as many ``names`` as the usage says."""
        remedy = f"Usage: {' '.join(f'{command} {self.usage}'.split())} [--options]"
        if len(names) < self.least:
            raise UsageError(f"{command} needs {self.usage}", remedy)
        if len(names) > self.most:
            raise UsageError(f"{command} has no use for {names[self.most]!r}", remedy)


class Command(Task[Callable[..., Reply]]):
    """A task whose errors, exit codes and documents are those of the contract: see `command`."""

    def __init__(self, body: Callable[..., Reply], usage: str, options: Mapping[str, str]) -> None:
        super().__init__(body, positional=(), auto_shortflags=False)
        self.usage = usage
        self.options = {**_COMMON_OPTIONS, **options}

    @property
    def command(self) -> str:
        """The task's name as it is typed."""
        return str(self.name).replace("_", "-")

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: ARG002 - invoke's signature
        """Return the arguments that the body's signature and the contract ask for."""
        defaults = {
            each.name: each.default for each in inspect.signature(self.body).parameters.values()
        }
        defaults = {**defaults, "json": False}
        defaults.pop("names", None)
        return [
            Names(self.usage),
            *(_option(name, defaults[name], self.options[name]) for name in defaults),
        ]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body and print its reply, or tell its error; end with the exit code of either."""
        as_json = kwargs.pop("json", False)
        # CI ends what it cancels with SIGTERM: it is to stop as cleanly as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        keep_libraries_quiet()
        try:
            reply: Reply = self.body(**self._arguments(args[0], kwargs))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the border where all errors are told
            failure = _failure(error)
            tell(failure, self.command, as_json=as_json)
            raise Exit(code=failure.exit_code) from None
        _print_reply(reply, self.command, as_json=as_json)
        if reply.exit_code:
            raise Exit(code=reply.exit_code)
        return reply

    def _arguments(self, context: Context, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body's arguments; what stands after ``--`` are names too."""
        arguments = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        names = (*arguments.pop("names", ()), *context.remainder.split())
        Names(self.usage).check(self.command, names)
        if "dry_run" in arguments:
            arguments["dry_run"] = arguments["dry_run"] or bool(context.config.run.dry)
        return arguments | ({"names": names} if self.usage else {})


def command(usage: str = "", /, **options: str) -> Callable[[Callable[..., Reply]], Command]:
    """Return a decorator that makes a task of a function.

    The function's parameters are the task's options, each by its default: False makes a switch, a
    number takes a whole number, ``()`` may be repeated, anything else is a text. The parameter
    ``names``, needed when the usage has any, gets the tuple of all words that are no options. The
    function returns a `Reply` or raises a `KargoError`; its docstring, with an example, is what
    ``--help`` shows. Every task has ``--json``; one with ``dry_run`` heeds invoke's ``--dry``.

    Args:
        usage: The names taken, as in `Names`.
        options: The help text of each option but ``json`` and ``dry_run``, by parameter.
    """
    return lambda body: Command(body, usage, options)


def tell(error: KargoError, command: str | None, *, as_json: bool) -> None:
    """Print ``error`` on stderr, and with ``as_json`` its document on stdout."""
    _write(f"error: {error}", sys.stderr)
    if as_json:
        _write(_document(command, error.exit_code, {"error": error.document()}), sys.stdout)


def keep_libraries_quiet() -> None:
    """Make ``--debug`` a matter of ours: at that level libraries log headers, tokens included."""
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger().setLevel(logging.WARNING)
        _log.setLevel(logging.DEBUG)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let the reader of stdout leave early, as ``head`` does, without a word."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end: see "Note on SIGPIPE" in Python's signal.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _perhaps(word: str, known: Iterable[str]) -> str:
    """Return the end of a message that offers the nearest known word; empty when none is near."""
    near = nearest(word, known)
    return f"; perhaps {near}" if near else ""


def _option(parameter: str, default: Any, text: str) -> Argument:
    kind = list if default == () else type(default) if isinstance(default, int) else str
    names = (parameter.replace("_", "-"),)
    # invoke makes a name that stands for itself run in circles.
    attribute = parameter if "_" in parameter else None
    return Argument(names=names, attr_name=attribute, kind=kind, default=default, help=text)


def _failure(error: BaseException) -> KargoError:
    if _log.isEnabledFor(logging.DEBUG):
        _write(redact("".join(traceback.format_exception(error))), sys.stderr)
    if isinstance(error, KargoError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptError("interrupted", "Running it again goes on where it stopped.")
    return InternalError(
        f"internal error: {type(error).__name__}: {error}",
        "Please run it again with --debug and report what it prints.",
    )


def _print_reply(reply: Reply, command: str, *, as_json: bool) -> None:
    text = _document(command, reply.exit_code, reply.document) if as_json else reply.text
    if text:
        _write(text, sys.stdout)


def _document(command: str | None, exit_code: int, rest: Mapping[str, Any]) -> str:
    return json.dumps({"command": command, "ok": exit_code == 0, "error": None, **rest}, indent=2)


def _write(text: str, stream: TextIO) -> None:
    with reader_may_leave():
        # File names may hold what the stream's encoding has not.
        encoding = stream.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _names(context: ParserContext | None) -> Names | None:
    """Return the argument by which the context of a task of ours is known."""
    names = context.args.get("names") if context else None
    return names if isinstance(names, Names) else None


def _flag_of(argument: Argument) -> str:
    return f"--{argument.names[0]}"


def _expect_known_task(machine: ParseMachine, word: str) -> None:
    """Raise `BadUsageError` for a first word that nobody knows, when there are tasks of ours."""
    ours = [context for context in machine.contexts.values() if _names(context)]
    flags, tasks = machine.initial.flags, machine.contexts
    if not ours or machine.context.name or _waiting(machine) or word in flags or word in tasks:
        return
    if any(word in context.flags for context in ours):
        message, remedy = f"option {word} stands before its command", "Put it after the command."
    elif word.startswith("-"):
        message, remedy = f"unknown option {word}{_perhaps(word, flags)}", "--help lists them."
    else:
        message, remedy = f"unknown command {word!r}{_perhaps(word, tasks)}", "--list shows all."
    raise BadUsageError(machine.context, message, remedy)


def _expect_option(machine: ParseMachine, word: str) -> None:
    """Raise `BadUsageError` for an unknown option, and for a second value where one is taken."""
    context = machine.context
    known = (context.flags, context.inverse_flags, machine.initial.flags)
    if not any(word in flags for flags in known):
        flag = word.partition("=")[0]
        message = f"unknown option {flag}{_perhaps(flag, chain(*known))}"
        raise BadUsageError(context, message, f"{context.name} --help lists its options.")
    option = context.flags.get(word)
    if option and option.kind not in (bool, list) and option.raw_value is not None:
        raise BadUsageError(context, f"option {word} is given twice", "Give it once.")


def _parse_argv(
    invokes: Callable[..., ParseResult], parser: Parser, words: Sequence[str]
) -> ParseResult:
    """Parse a command line; where there are tasks of ours, ``--option=value`` is two words."""
    ours = any(map(_names, parser.contexts.values()))
    return invokes(parser, [*_split(words)] if ours else words)


def _split(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if word.startswith("--") and equals and value != "--":  # which the parser would look for
            yield from (flag, _Value(value))
        else:
            yield word
        if word == "--":
            yield from rest


def _handle(invokes: Callable[..., None], machine: ParseMachine, word: str) -> None:
    """Take one word; for tasks of ours, words that are no options are names."""
    names = _names(machine.context)
    waiting = _waiting(machine)
    if names is None:
        _expect_known_task(machine, word)
    elif waiting and isinstance(word, _Value):
        _expect_value(machine.context, waiting, word)
        machine.see_value(word)
        return
    elif word.startswith("-"):
        _expect_option(machine, word)
        machine.complete_flag()
        _heed_debug(machine, word)
    elif waiting is None and (names.most or word not in machine.contexts):
        names.value = word
        return
    elif waiting:
        _expect_value(machine.context, waiting, word)
    invokes(machine, word)


def _expect_value(context: ParserContext, option: Argument, word: str) -> None:
    """Raise `BadUsageError` for an empty value (a variable that was not set) and for no number."""
    if not word:
        raise _lacks_its_value(context, option)
    if option.kind is int and not word.isdecimal():
        message = f"option {_flag_of(option)} takes a whole number, not {word!r}"
        raise BadUsageError(context, message, "Give it a number.")


def _complete_flag(invokes: Callable[..., None], machine: ParseMachine) -> None:
    """End an option; for tasks of ours, a repeated one must have a value each time."""
    waiting = _waiting(machine)
    if waiting and not waiting.optional and _names(machine.context):
        raise _lacks_its_value(machine.context, waiting)
    invokes(machine)


def _lacks_its_value(context: ParserContext, option: Argument) -> BadUsageError:
    flag = _flag_of(option)
    return BadUsageError(context, f"option {flag} lacks its value", f"Write {flag}=VALUE.")


def _waiting(machine: ParseMachine) -> Argument | None:
    """Return the option whose value is still to come."""
    return machine.flag if machine.waiting_for_flag_value else None


def _heed_debug(machine: ParseMachine, word: str) -> None:
    """Turn debugging on, which invoke does only where the flag stands before the task."""
    if word in machine.initial.flags and machine.initial.flags[word].name == "debug":
        _log.setLevel(logging.DEBUG)


def _parse_tasks(invokes: Callable[..., None], program: Program) -> None:
    """Parse the tasks and their options; bad usage of ours ends with 2, and with a document."""
    try:
        invokes(program)
        _refuse_values_of_switches(program)
    except BadUsageError as bad:
        command = bad.context.name if bad.context else None
        tell(bad.error, command, as_json="--json" in program.argv)
        raise Exit(code=bad.error.exit_code) from None


def _refuse_values_of_switches(program: Program) -> None:
    """Raise `BadUsageError` for ``--switch=value``: the parser made two words of it."""
    for word in program.core.unparsed:
        flag, equals, _ = word.partition("=")
        for context in filter(_names, program.tasks):
            if equals and flag in context.flags and not context.flags[flag].takes_value:
                raise BadUsageError(
                    context, f"option {flag} takes no value", f"Write {flag} alone."
                )


def _print_task_help(invokes: Callable[..., None], program: Program, name: str) -> None:
    """Print a task's help; for tasks of ours with the names and values that are taken."""
    task = program.collection[name]
    if not isinstance(task, Command):
        return invokes(program, name)
    usage = " ".join(f"{program.binary_names[0]} {name} {task.usage}".split())
    print(f"Usage: {usage} [--options]\n\n{inspect.getdoc(task.body)}\n\nOptions:\n")  # noqa: T201 - as the method that it stands for
    return program.print_columns([_help_of(each) for each in task.get_arguments()[1:]])


def _help_of(option: Argument) -> tuple[str, str]:
    flag = _flag_of(option)
    if not option.takes_value:
        return flag, option.help or ""
    repeated = " ..." if option.kind is list else ""
    return f"{flag}={option.names[0].upper()}{repeated}", option.help or ""


def _wrap(owner: type, name: str, wrapper: Callable[..., Any]) -> None:
    invokes = getattr(owner, name)

    @wraps(invokes)
    def wrapped(*args: Any) -> Any:
        return wrapper(invokes, *args)

    setattr(owner, name, wrapped)


_wrap(Parser, "parse_argv", _parse_argv)
_wrap(ParseMachine, "handle", _handle)
_wrap(ParseMachine, "complete_flag", _complete_flag)
_wrap(Program, "parse_tasks", _parse_tasks)
_wrap(Program, "print_task_help", _print_task_help)
