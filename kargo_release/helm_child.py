"""The program that runs in Helm's child process: jobs come in, reports go out, a JSON line each.

It is started by its path with ``python -P`` and uses the standard library and the SDK alone, so
nothing in the current directory, nor beside it, can stand in for a module. Arguments: the private
folder where the archives lie, and ``sdk`` or the path of the program ``helm``.

A job is ``{"file", "name", "library"}``; its report ``{"messages": [[severity, path, text]],
"manifests": {path: text} or null, "error": text or null}``. When the input ends, whoever started
the program is gone or done: it ends at once, even in the middle of a chart.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Message = tuple[str, str, str]  # severity, path, text

NO_SDK = 3  # the exit code that says the SDK is not usable here

GO_CRASH = re.compile(r"^(?:fatal error|panic): .*", re.MULTILINE)

_MEMORY_BYTES = 2 << 30
_FILE_BYTES = 64 << 20
_RENDERED_BYTES = 16 << 20
_MOST_MESSAGES = 100
_LONGEST_TEXT = 2000
# helm/helm pkg/chart/v2/lint/support/message.go
_SEVERITIES = {1: "info", 2: "warning", 3: "error"}
_ORDER = ("error", "warning", "info")
_LINT_LINE = re.compile(r"\[(INFO|WARNING|ERROR)\] (.*?): (.*)")
_SOURCE = re.compile(r"^---\n# Source: (.*)\n", re.MULTILINE)


def main() -> None:
    """Answer the jobs of standard input, in their order, until it ends."""
    folder, engine = Path(sys.argv[1]), sys.argv[2]
    _limit_resources()
    # Whatever Helm writes to standard output must not get between the reports.
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    check = _Sdk() if engine == "sdk" else _Program(engine, folder)
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs, folder), daemon=True).start()
    while True:
        job = json.loads(jobs.get())
        report = check(folder / job["file"], job["name"], job["library"])
        line = json.dumps(_bounded(report)).replace(f"{folder}{os.sep}", "")
        reports.write(line.encode() + b"\n")
        reports.flush()


def _limit_resources() -> None:
    if sys.platform == "win32":
        return
    import resource

    for kind, limit in (
        (resource.RLIMIT_DATA, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
    ):
        hard = resource.getrlimit(kind)[1]
        within = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (within, hard))


def _read(jobs: queue.SimpleQueue[bytes], folder: Path) -> None:
    """Take in the jobs, and end the process with all it started when there are no more."""
    for line in sys.stdin.buffer:
        jobs.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


class _Sdk:
    """Lints and renders by the SDK."""

    def __init__(self) -> None:
        try:
            import helm_python
        except Exception as error:  # noqa: BLE001 - another system's linker may say anything
            sys.stderr.write(f"{error}\n")
            sys.exit(NO_SDK)
        self._sdk = helm_python
        self._errors = (helm_python.HelmError, ValueError)

    def __call__(self, archive: Path, name: str, library: bool) -> dict[str, Any]:
        messages = self._lint(archive)
        if library:
            return _report(messages, None)
        try:
            with self._sdk.Chart.load(archive) as chart:
                return _report(messages, chart.render(name=name, namespace="default"))
        except self._errors as error:
            return _report(messages, None, str(error))

    def _lint(self, archive: Path) -> list[Message]:
        try:
            found = self._sdk.lint(archive, strict=True, namespace="default")
        except self._errors as error:
            return [("error", "", str(error))]
        messages = [
            (_SEVERITIES.get(each["severity"], "error"), each["path"], each["error"])
            for each in found["messages"]
        ]
        # An archive that cannot be opened at all has errors, and no message.
        return messages or [("error", "", text) for text in found["errors"]]


class _Program:
    """Lints and renders by the program, a process for each."""

    def __init__(self, helm: str, folder: Path) -> None:
        self._helm, self._output, self._errors = helm, folder / "output", folder / "errors"

    def __call__(self, archive: Path, name: str, library: bool) -> dict[str, Any]:
        messages = self._lint(archive)
        if library:
            return _report(messages, None)
        ended_well, output, why = self._run("template", "--", name, str(archive))
        if ended_well:
            return _report(messages, _manifests(output))
        return _report(messages, None, why or "helm template failed and did not say why")

    def _lint(self, archive: Path) -> list[Message]:
        ended_well, output, why = self._run("lint", "--strict", "--", str(archive))
        messages = _lint_messages(output.splitlines())
        if ended_well or any(severity != "info" for severity, _, _ in messages):
            return messages
        return [*messages, ("error", "", why or "helm lint failed and did not say why")]

    def _run(self, command: str, *arguments: str) -> tuple[bool, str, str]:
        words = [self._helm, command, "--namespace=default", *arguments]
        with self._output.open("wb") as out, self._errors.open("wb") as err:
            ended = subprocess.run(  # noqa: S603 - an argument list, without a shell
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False
            )
        said, why = (path.read_text("utf-8", "replace") for path in (self._output, self._errors))
        return ended.returncode == 0, said, _reason(why)


def _reason(complained: str) -> str:
    """Return why ``helm`` failed: of a crash of Go's only the first line is of use."""
    if crash := GO_CRASH.search(complained):
        return f"Helm crashed: {crash[0]}"
    reason, _, _ = complained.removeprefix("Error: ").partition("\n\nUse --debug flag")
    return reason.strip()


def _lint_messages(lines: Iterable[str]) -> list[Message]:
    """Read what ``helm lint`` prints (helm/helm ``pkg/cmd/lint.go``); a message may span lines."""
    messages: list[Message] = []
    for line in lines:
        if found := _LINT_LINE.match(line):
            messages.append((found[1].lower(), found[2], found[3]))
        elif line.startswith("Error "):
            messages.append(("error", "", line.removeprefix("Error ")))
        elif messages and line and "chart(s) linted" not in line:
            severity, path, text = messages[-1]
            messages[-1] = (severity, path, f"{text}\n{line}")
    return messages


def _manifests(output: str) -> dict[str, str]:
    """Read what ``helm template`` prints: documents, each under the name of its template."""
    manifests: dict[str, str] = {}
    _, *parts = _SOURCE.split(output)
    for path, text in zip(parts[::2], parts[1::2], strict=True):
        manifests[path] = f"{manifests[path]}---\n{text}" if path in manifests else text
    return manifests


def _report(
    messages: list[Message], manifests: dict[str, str] | None, error: str | None = None
) -> dict[str, Any]:
    return {"messages": messages, "manifests": manifests, "error": error}


def _bounded(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report with the worst messages first, and no more of it than can be of use."""
    worst = sorted(report["messages"], key=lambda message: _ORDER.index(message[0]))
    messages = [(each[0], each[1], _shortened(each[2])) for each in worst[:_MOST_MESSAGES]]
    manifests, error = report["manifests"], report["error"]
    if manifests is not None and sum(map(len, manifests.values())) > _RENDERED_BYTES:
        manifests, error = None, f"renders more than {_RENDERED_BYTES >> 20} MiB"
    return _report(messages, _of_use(manifests), None if error is None else _shortened(error))


def _of_use(manifests: dict[str, str] | None) -> dict[str, str] | None:
    """Return the manifests without the notes and without templates that came out blank."""
    if manifests is None:
        return None
    return {
        path: text
        for path, text in manifests.items()
        if text.strip() and not path.endswith("/NOTES.txt")
    }


def _shortened(text: str) -> str:
    """Return both ends of a long text: a template's error names the cause last."""
    text = text.strip()
    if len(text) <= _LONGEST_TEXT:
        return text
    half = _LONGEST_TEXT // 2
    return f"{text[:half]} … {text[-half:]}"


if __name__ == "__main__":
    main()
