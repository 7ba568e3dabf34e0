"""Rules on the caches of yarn, npm and pip."""

from collections.abc import Callable, Iterator, Sequence

from kargo_release.findings import Rule, Severity
from kargo_release.images.lint.mounts import is_mounted
from kargo_release.images.lint.recipe import Check, Recipe, Spot
from kargo_release.images.lint.steps import Step
from kargo_release.images.shell import Command

_REASON = "It holds each package once more, and a later RUN can't take it out of the layer."
YARN = Rule(
    "KR040",
    Severity.WARNING,
    "yarn's cache stays in the image",
    _REASON,
    "End the same RUN with: && yarn cache clean",
)
NPM = Rule(
    "KR041",
    Severity.WARNING,
    "npm's cache stays in the image",
    _REASON,
    "End the same RUN with: && npm cache clean --force",
)
PIP = Rule(
    "KR042",
    Severity.WARNING,
    "pip's cache stays in the image",
    _REASON,
    "Write pip install --no-cache-dir.",
)

_NPM_INSTALLS = (
    *("install", "i", "add", "ci", "clean-install", "install-clean", "it", "update"),
    *("cit", "install-test", "install-ci-test"),
)
_CLEAN = ("cache", "clean")
# Options that stand before the verb, with a value behind them.
_NPM_VALUED = ("--prefix", "-C", "-w", "--workspace", "--registry", "--cache", "--loglevel")
_YARN_VALUED = ("--cwd", "--network-timeout", "--registry", "--mutex", "--modules-folder")
_PIP_VALUED = ("--timeout", "--retries", "--proxy", "--cert", "--log", "--cache-dir", "--python")
_NO_PIP_CACHE = "PIP_NO_CACHE_DIR"
_PIP_PROGRAMS = ("pip", "pip3")


def _yarn(recipe: Recipe) -> Iterator[Spot]:
    folders = ("~/.cache/yarn", "~/.yarn/berry/cache", "/usr/local/share/.cache/yarn")
    for step in _steps_without_mount(recipe, folders):
        if _leaves(step.commands, _yarn_installs, _yarn_cleans):
            yield Spot(step.instruction, YARN.title)


def _yarn_installs(command: Command) -> bool:
    if command.program != "yarn" or command.has("--version", "-v", "--help", "--cache-folder"):
        return False
    words = command.words(_YARN_VALUED)
    if not words or words[0] in ("install", "add", "upgrade"):
        return True
    return len(words) > 1 and words[0] == "global" and words[1] in ("add", "upgrade")


def _yarn_cleans(command: Command) -> bool:
    is_clean = command.program == "yarn" and command.words(_YARN_VALUED)[:2] == _CLEAN
    return is_clean or _removes(command, "yarn", ".cache")


def _npm(recipe: Recipe) -> Iterator[Spot]:
    for step in _steps_without_mount(recipe, ("~/.npm",)):
        if _leaves(step.commands, _npm_installs, _npm_cleans):
            yield Spot(step.instruction, NPM.title)


def _npm_installs(command: Command) -> bool:
    verb = command.words(_NPM_VALUED)[:1]
    is_install = command.program == "npm" and bool(set(verb) & set(_NPM_INSTALLS))
    return is_install and not command.has("--cache", "--dry-run", "--package-lock-only")


def _npm_cleans(command: Command) -> bool:
    is_clean = command.program == "npm" and command.words(_NPM_VALUED)[:2] == _CLEAN
    return (is_clean and command.has("--force", "-f")) or _removes(command, ".npm", "_cacache")


def _pip(recipe: Recipe) -> Iterator[Spot]:
    is_argument = False
    for step in recipe.final_steps:
        is_argument = is_argument or _asks_for_no_pip_cache(step)
        is_off = is_argument or bool(step.environment.get(_NO_PIP_CACHE))
        is_off = is_off or f"{_NO_PIP_CACHE}=" in step.instruction.text
        is_out = is_off or is_mounted(step.instruction, "~/.cache/pip")
        if not is_out and _leaves(step.commands, _pip_installs, _pip_cleans):
            yield Spot(step.instruction, PIP.title)


def _asks_for_no_pip_cache(step: Step) -> bool:
    """Whether an ARG tells pip for the rest; any value counts, as pip's "Configuration" tells."""
    return step.instruction.keyword == "ARG" and any(
        name == _NO_PIP_CACHE and value for name, value in step.instruction.pairs
    )


def _pip_installs(command: Command) -> bool:
    is_pip = command.program in _PIP_PROGRAMS or command.program.startswith("pip3.")
    words = command.words(_PIP_VALUED)
    if command.program.startswith("python") and words[:1] == ("pip",) and command.has("-m"):
        is_pip, words = True, words[1:]
    return is_pip and "install" in words[:1] and not command.has("--no-cache-dir", "--no-cache")


def _pip_cleans(command: Command) -> bool:
    words = command.operands
    is_purge = words[-2:] == ("cache", "purge") and "pip" in f"{command.program} {words}"
    return is_purge or _removes(command, "pip", ".cache")


def _steps_without_mount(recipe: Recipe, folders: Sequence[str]) -> Iterator[Step]:
    return (
        step
        for step in recipe.final_steps
        if not any(is_mounted(step.instruction, folder) for folder in folders)
    )


def _leaves(
    commands: Sequence[Command],
    installs: Callable[[Command], bool],
    cleans: Callable[[Command], bool],
) -> bool:
    """Whether a command fills the cache, and none behind it in the same layer empties it."""
    left = False
    for command in commands:
        left = (left or installs(command)) and not cleans(command)
    return left


def _removes(command: Command, *names: str) -> bool:
    """Whether a folder of one of these names is removed."""
    paths = [each.rstrip("/*") for each in command.operands] if command.program == "rm" else []
    return any(each.rpartition("/")[2] in names for each in paths)


CHECKS = (Check(YARN, _yarn), Check(NPM, _npm), Check(PIP, _pip))
