import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
KARGO_RELEASE = """
from invoke.collection import Collection
import tasks
from kargo_release.commandline import reader_may_leave
from kargo_release.program import KargoRelease

with reader_may_leave():
    KargoRelease(Collection.from_module(tasks)).run()
"""


REPORT_IT = "Please run it again with --debug and report what it prints."


class CommandLine:
    """Runs one of the two programs, over the same commands."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        shutil.copy(ROOT / "tests" / "toy_commands.py", folder / "tasks.py")
        self.folder = folder
        self.command = [str(Path(sysconfig.get_path("scripts"), "invoke"))]
        if program == "kargo-release":
            script = folder / "kargo-release"
            script.write_text(KARGO_RELEASE)
            self.command = [sys.executable, str(script)]
        self.environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "COLUMNS": "100"}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self, *words: str) -> dict[str, Any]:
        """Return what release-toy was given."""
        done = self("release-toy", *words, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def refusal(self, *words: str) -> list[str]:
        """Return the two lines that bad usage is told in."""
        done = self(*words)
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr.splitlines()


@pytest.fixture(params=["invoke", "kargo-release"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> CommandLine:
    return CommandLine(request.param, tmp_path)


@pytest.fixture
def run_invoke(tmp_path: Path) -> CommandLine:
    return CommandLine("invoke", tmp_path)


def test_takes_several_names_with_options_anywhere(run: CommandLine) -> None:
    words = ("bear", "--ref", "v1", "car", "--platform=a", "--jobs", "3", "--platform", "b", "doll")

    assert run.answer(*words) == {
        "command": "release-toy",
        "ok": True,
        "error": None,
        "names": ["bear", "car", "doll"],
        "ref": "v1",
        "platform": ["a", "b"],
        "jobs": 3,
        "dry_run": False,
    }


@pytest.mark.parametrize("names", [(), ("bear",), ("bear", "car"), ("list-toys", "greet")])
def test_takes_any_number_of_names_even_those_of_tasks(
    run: CommandLine, names: tuple[str, ...]
) -> None:
    assert run("release-dev-toy", *names).stdout.split() == ["names", *names]


def test_takes_names_after_a_double_dash(run: CommandLine) -> None:
    assert run("release-dev-toy", "bear", "--", "car").stdout == "names bear car\n"


@pytest.mark.parametrize(
    "value",
    ["-n", "- [build kano]", "--json", "--help", "-R", "-ab", "--a=b", "a=b", "x\ny", "a --"],
)
def test_takes_any_value_behind_an_equals_sign(run: CommandLine, value: str) -> None:
    answer = run.answer("bear", f"--ref={value}", f"--platform={value}", "--jobs=3")

    assert (answer["ref"], answer["platform"]) == (value, [value])
    assert (answer["names"], answer["jobs"], answer["dry_run"]) == (["bear"], 3, False)


def test_prints_only_text_without_json(run: CommandLine) -> None:
    done = run("list-toys")

    assert (done.returncode, done.stdout, done.stderr) == (0, "toys\n", "")


@pytest.mark.parametrize("flag", ["-R", "--dry", "--dry-run"])
def test_any_of_three_flags_makes_a_dry_run(run: CommandLine, flag: str) -> None:
    assert run.answer("bear", flag)["dry_run"]
    assert run.answer(flag, "bear")["dry_run"]


@pytest.mark.parametrize("flag", ["-R", "--dry"])
def test_a_core_flag_before_the_command_makes_a_dry_run(run: CommandLine, flag: str) -> None:
    done = run(flag, "release-toy", "bear", "--json")

    assert json.loads(done.stdout)["dry_run"]


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (
            ("release-toy", "bear", "--dry-rn"),
            "unknown option --dry-rn; perhaps --dry-run",
            "release-toy --help lists its options.",
        ),
        (
            ("release-toy", "bear", "--xyz=1"),
            "unknown option --xyz",
            "release-toy --help lists its options.",
        ),
        (
            ("release-toy", "bear", "-j"),
            "unknown option -j",
            "release-toy --help lists its options.",
        ),
        (("release-toy", "bear", "--ref"), "option --ref lacks its value", "Write --ref=VALUE."),
        (("release-toy", "--ref", "-R", "a"), "option --ref lacks its value", "Write --ref=VALUE."),
        (("release-toy", "bear", "--ref="), "option --ref lacks its value", "Write --ref=VALUE."),
        (
            ("release-toy", "--platform", "a", "--platform"),
            "option --platform lacks its value",
            "Write --platform=VALUE.",
        ),
        (
            ("release-toy", "--ref", "a", "--ref", "b"),
            "option --ref is given twice",
            "Give it once.",
        ),
        (
            ("release-toy", "--jobs", "many"),
            "option --jobs takes a whole number, not 'many'",
            "Give it a number.",
        ),
        (
            ("release-toy", "bear", "--dry-run=no"),
            "option --dry-run takes no value",
            "Write --dry-run alone.",
        ),
        (("release-toy",), "release-toy needs NAME...", "Usage: release-toy NAME... [--options]"),
        (("paint-toy",), "paint-toy needs APP [TAG]", "Usage: paint-toy APP [TAG] [--options]"),
        (
            ("paint-toy", "a", "b", "c"),
            "paint-toy has no use for 'c'",
            "Usage: paint-toy APP [TAG] [--options]",
        ),
        (("list-toys", "bear"), "list-toys has no use for 'bear'", "Usage: list-toys [--options]"),
        (
            ("relese-toy", "bear"),
            "unknown command 'relese-toy'; perhaps release-toy",
            "--list shows all.",
        ),
        (("xyz",), "unknown command 'xyz'", "--list shows all."),
        (("--lst",), "unknown option --lst; perhaps --list", "--help lists them."),
        (
            ("--ref", "v1", "release-toy", "bear"),
            "option --ref stands before its command",
            "Put it after the command.",
        ),
    ],
)
def test_refuses_bad_usage(
    run: CommandLine, words: tuple[str, ...], message: str, remedy: str
) -> None:
    assert run.refusal(*words) == [f"error: {message}", remedy]


def test_tells_bad_usage_as_a_document_too(run: CommandLine) -> None:
    done = run("release-toy", "bear", "--dry-rn", "--json")

    message, remedy = (
        "unknown option --dry-rn; perhaps --dry-run",
        "release-toy --help lists its options.",
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {message}\n{remedy}\n"
    assert json.loads(done.stdout) == {
        "command": "release-toy",
        "ok": False,
        "error": {"kind": "usage", "message": message, "remedy": remedy},
    }


@pytest.mark.parametrize(
    ("kind", "exit_code", "told"),
    [
        ("failed", 1, "error: the registry https://host broke\nRun it again.\n"),
        ("invalid", 2, "error: no toy \\x1b[2J here\n"),
        ("refused", 3, "error: it is out with other content\nChoose another version.\n"),
        (
            "internal",
            1,
            f"error: internal error: TypeError: https://host is no toy\n{REPORT_IT}\n",
        ),
    ],
)
def test_tells_an_error_with_its_exit_code(
    run: CommandLine, kind: str, exit_code: int, told: str
) -> None:
    text, document = run("break-toy", kind), run("break-toy", kind, "--json")

    assert (text.returncode, text.stdout, text.stderr) == (exit_code, "", told)
    assert (document.returncode, document.stderr) == (exit_code, told)
    assert json.loads(document.stdout)["error"]["kind"] == kind


def test_ends_with_the_exit_code_of_a_reply_that_is_not_well(run: CommandLine) -> None:
    done = run("break-toy", "partly", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "command": "break-toy",
        "ok": False,
        "error": None,
        "toys": ["one"],
    }


@pytest.mark.parametrize(
    "words",
    [("break-toy", "bug", "--debug"), ("break-toy", "-d", "bug"), ("--debug", "break-toy", "bug")],
)
def test_prints_a_traceback_without_passwords_only_under_debug(
    run: CommandLine, words: tuple[str, ...]
) -> None:
    plain, debugged = run("break-toy", "bug"), run(*words)

    assert "Traceback" not in plain.stderr
    assert "Traceback (most recent call last)" in debugged.stderr
    assert "in break_toy" in debugged.stderr
    assert "s3cret" not in debugged.stderr
    assert debugged.returncode == 1


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_ends_with_130_when_interrupted(run: CommandLine, words: tuple[str, ...]) -> None:
    process = run.start("wait-for-toy", *words)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert errors == "error: interrupted\nRunning it again goes on where it stopped.\n"
    if words:
        assert json.loads(output)["error"]["kind"] == "interrupted"


def test_says_nothing_when_its_reader_leaves(run: CommandLine) -> None:
    process = run.start("flood")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "toy \\udcff é\n"
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait(60) == 0


def test_lists_commands_with_their_first_line(run: CommandLine) -> None:
    done = run("--list")

    assert done.returncode == 0
    assert "  release-toy       Release toys.\n" in done.stdout
    assert "  greet             Greet, as a task of somebody else.\n" in done.stdout


@pytest.mark.parametrize("words", [("release-toy", "--help"), ("--help", "release-toy")])
def test_help_shows_names_example_and_options(run: CommandLine, words: tuple[str, ...]) -> None:
    done = run(*words)

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: {run.program} release-toy NAME... [--options]\n")
    assert "Example: release-toy bear --ref v1\n" in done.stdout
    assert "  --ref=REF                 Release this.\n" in done.stdout
    assert "  --platform=PLATFORM ...   Build for this.\n" in done.stdout
    assert "  --dry-run                 Show the plan and change nothing" in done.stdout
    assert "--names" not in done.stdout


def test_completes_options(run_invoke: CommandLine) -> None:
    done = run_invoke("--complete", "--", "invoke release-toy bear --d")

    assert {"--dry-run", "--json", "--ref"} <= set(done.stdout.split())


def test_runs_after_tasks_of_others(run: CommandLine) -> None:
    done = run("greet", "--name=car", "release-dev-toy", "bear", "greet")

    assert done.stdout == "hello car False False\nnames bear greet\n"


@pytest.mark.parametrize(
    ("words", "exit_code", "output", "errors"),
    [
        (("greet", "-n", "bear", "-l", "-R"), 0, "hello bear True True\n", ""),
        (("greet", "cook", "home", "-d", "a", "-d", "b"), 0, "cooked home ['a', 'b']\n", ""),
        (("greet", "bear"), 1, "", "No idea what 'bear' is!\n"),
        (("greet", "--nme", "bear"), 1, "", "No idea what '--nme' is!\n"),
        (("greet", "--name"), 1, "", "needed value and was not given one!\n"),
        (("cook",), 1, "", "did not receive required positional arguments: 'where'\n"),
    ],
)
def test_leaves_the_tasks_of_others_to_invoke(
    run_invoke: CommandLine, words: tuple[str, ...], exit_code: int, output: str, errors: str
) -> None:
    done = run_invoke(*words)

    assert done.returncode == exit_code
    assert done.stdout.endswith(output)
    assert done.stderr.endswith(errors)
    assert ("error:" in done.stderr) is False


def test_leaves_the_help_of_others_to_invoke(run_invoke: CommandLine) -> None:
    assert run_invoke("greet", "--help").stdout.startswith("Usage: inv[oke] [--core-opts] greet ")
