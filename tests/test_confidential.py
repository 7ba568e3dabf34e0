"""The search for secrets finds them, so that no other test passes with one in its output."""

import subprocess
import sys
from base64 import b64encode

import pytest
from confidential import MARK, betrayed
from sandbox import Ended

from kargo_release.errors import FailedError


@pytest.mark.parametrize("user", ["", "a", "ad", "ada", "ada:", "s3cre"])
@pytest.mark.parametrize("rest", ["", "-of-git", "\n", "ü"])
def test_finds_a_secret_in_base64(user: str, rest: str) -> None:
    login = b64encode(f"{user}{MARK}{rest}".encode()).decode()

    assert betrayed(f"Authorization: Basic {login}")


@pytest.mark.parametrize("text", ["", "secret", "a-secret", "sha256:" + "0" * 64, "s3://secret"])
def test_finds_none_where_there_is_none(text: str) -> None:
    assert not betrayed(text)


def test_looks_at_what_a_command_says() -> None:
    with pytest.raises(AssertionError, match="holds a secret"):
        Ended(0, "", f"token={MARK}")


def test_looks_at_what_a_process_prints(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = tmp_path_factory.mktemp("bin") / "kargo-release"
    program.write_text(f"print('{MARK}')")

    with pytest.raises(AssertionError, match="holds a secret"):
        subprocess.run([sys.executable, str(program)], capture_output=True, check=True)


def test_looks_at_every_error() -> None:
    with pytest.raises(AssertionError, match="holds a secret"):
        FailedError(f"the password {MARK} is wrong", "")
