import pytest
from parts import need

TOLD = "kargo-absent is not installed: ./kargo test --install"


def test_finds_a_program_that_is_there() -> None:
    assert need("sh").endswith("/sh")


def test_skips_for_want_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KARGO_TEST_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=TOLD):
        need("kargo-absent")


def test_fails_for_want_of_a_program_when_all_must_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KARGO_TEST_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match=TOLD):
        need("kargo-absent")
