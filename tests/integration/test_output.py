"""What persons see: plain lines, a terminal's colours, GitHub's groups, and where each goes."""

import os
import pty
import subprocess

import pytest
from forwarding import Answer, Forward, Request, forwarding
from sandbox import PROGRAM, Sandbox


def on_terminal(sandbox: Sandbox, *words: str, **environ: str) -> tuple[str, str]:
    """Run a command whose stderr is a terminal; return what it wrote to stdout and there."""
    ours, theirs = pty.openpty()
    given = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [str(PROGRAM), *words],
        cwd=sandbox.path,
        env={**given, "TERM": "xterm", **sandbox.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    read = b""
    try:
        while chunk := os.read(ours, 4096):
            read += chunk
    except OSError:  # Linux tells the end of a terminal so
        pass
    os.close(ours)
    out = process.communicate(timeout=60)[0]
    return out.decode(), read.decode()


@pytest.mark.parametrize("words", [["release-chart", "kano"], ["release-dev-chart"]])
def test_prints_plain_lines_without_a_terminal(platform: Sandbox, words: list[str]) -> None:
    ended = platform.run(*words)

    assert ended.exit_code == 0
    assert all(line.isprintable() for line in (ended.out + ended.err).splitlines())
    assert "Plan: 1 chart" in ended.err
    assert f"registry published  {platform.registry}/kano:" in ended.err


def test_data_alone_goes_to_stdout(platform: Sandbox) -> None:
    text = platform.run("release-chart", "kano", "--dry-run")
    data = platform.run("release-chart", "kano", "--dry-run", "--json")

    assert text.out.splitlines()[0].split() == [
        "CHART",
        "VERSION",
        "REGISTRY",
        "BACKUP",
        "TAG",
        "WHERE",
    ]
    assert data.document["command"] == "release-chart"
    assert list(data.document) == ["command", "ok", "error", "charts"]
    assert data.err == text.err


def test_colours_and_passing_lines_are_for_terminals(local: Sandbox) -> None:
    out, err = on_terminal(local, "release-chart", "kano")

    assert "\033" not in out
    assert "\033[32mpublished\033[0m" in err
    assert "\r\033[K" in err
    assert "\\x1b" not in err


def test_no_color_leaves_colours_away(local: Sandbox) -> None:
    _, err = on_terminal(local, "release-chart", "kano", NO_COLOR="1")

    assert "published" in err
    assert "\033[3" not in err


def test_groups_the_plan_in_the_log_of_github(local: Sandbox) -> None:
    ended = local.run("release-chart", "kano", environ={"GITHUB_ACTIONS": "true"})

    assert ended.exit_code == 0
    commands = [line for line in ended.err.splitlines() if line.startswith("::")]
    assert commands[0].startswith("::group::Plan: 1 chart")
    assert commands[1] == "::endgroup::"
    assert "::" not in ended.out


@pytest.mark.parametrize("words", [["release-chart", "kano"], ["list-charts"]])
def test_a_registry_can_steer_neither_terminal_nor_github(
    platform: Sandbox, words: list[str]
) -> None:
    said = r"\u001b[2J\u001b]0;x\u0007\n::set-output name=a::b\r\n##[set-env name=c]d\u202e"
    body = f'{{"errors":[{{"code":"DENIED","message":"{said}"}}]}}'.encode()

    def hostile(request: Request, forward: Forward) -> Answer:
        length = ("Content-Length", str(len(body)))
        return Answer(403, (length, ("Content-Type", "application/json")), body)

    host, _, path = platform.registry.partition("/")
    with forwarding(host, hostile) as proxy:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{proxy.host}/{path}"
        ended = platform.run(*words, environ={"GITHUB_ACTIONS": "true"})

    assert ended.exit_code == 3
    assert "DENIED" in ended.err
    check_harmless(ended.out + ended.err)


def test_a_git_remote_can_steer_neither_terminal_nor_github(platform: Sandbox) -> None:
    script = r"printf '\033[2J\n::set-output name=a::b\n##[set-env name=c]d\n' >&2; exit 1"
    fake = platform.path.parent / "fake"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    platform.git("config", "remote.origin.uploadpack", str(fake))

    ended = platform.run("release-chart", "kano", environ={"GITHUB_ACTIONS": "true"})

    assert ended.exit_code == 1
    check_harmless(ended.out + ended.err)


def check_harmless(text: str) -> None:
    assert "\033" not in text
    assert "\u202e" not in text
    assert "##[" not in text
    told = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert all(line.startswith(("::group::", "::endgroup::")) for line in told)


def test_releases_though_nobody_reads_what_it_says(platform: Sandbox) -> None:
    process = platform.start("release-chart", "kano")
    assert process.stderr is not None
    process.stderr.close()

    process.wait(60)

    assert process.returncode == 0
    assert "refs/tags/kano-1.0.0" in platform.remote_refs()
