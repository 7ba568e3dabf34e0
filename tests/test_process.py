import sys
from pathlib import Path

import pytest

from kargo_release.errors import FailedError, RefusedError
from kargo_release.process import ProgramError, run


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_returns_what_a_program_writes() -> None:
    script = "import sys; print(sys.stdin.read().upper(), end='')"
    assert run(python(script), input=b"kano", timeout=20) == b"KANO"


def test_runs_where_and_with_what_it_is_told(tmp_path: Path) -> None:
    script = "import os; print(os.getcwd(), os.environ['ONLY'], 'HOME' in os.environ)"
    output = run(python(script), timeout=20, cwd=tmp_path, env={"ONLY": "this"})
    assert output.decode().split() == [str(tmp_path), "this", "False"]


def test_gives_arguments_to_no_shell() -> None:
    script = "import sys; print(sys.argv[1])"
    assert run([*python(script), "$(id); *"], timeout=20).strip() == b"$(id); *"


def test_tells_the_last_lines_of_a_program_that_fails() -> None:
    script = (
        "import sys; print('a document')\n"
        "for number in range(9): print('line', number, file=sys.stderr)\n"
        "sys.exit('https://user:s3cret@example.com')"
    )
    with pytest.raises(ProgramError) as raised:
        run(python(script), timeout=20)
    message = raised.value.message
    assert "failed with exit code 1: line 5; line 6; line 7; line 8; https://example.com" in message
    assert "s3cret" not in message
    assert raised.value.output == b"a document\n"


def test_tells_the_signal_that_ended_a_program() -> None:
    with pytest.raises(FailedError, match="was killed by signal 9"):
        run(python("import os; os.kill(os.getpid(), 9)"), timeout=20)


def test_kills_a_program_that_takes_too_long() -> None:
    with pytest.raises(FailedError, match=r"did not end within 0\.3 s and was killed"):
        run(python("import time; time.sleep(60)"), timeout=0.3)


def test_names_a_program_that_is_missing() -> None:
    with pytest.raises(RefusedError) as raised:
        run(["kargo-absent", "x"], timeout=1)
    assert raised.value.message == "the program kargo-absent was not found"
    assert raised.value.remedy == "Install it, or put its folder on PATH."


def test_tells_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    with pytest.raises(FailedError, match="program could not be started: Permission denied"):
        run([str(program)], timeout=1)
