"""The real Helm: reports of good and bad charts, limits, and nothing left running."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from kargo_release.errors import FailedError, RefusedError
from kargo_release.helm import Helm, HelmMessage, HelmReport, PackedChart, find_helm

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
ENDLESS = "{{ range until 10000 }}" + "{{ range until 100000 }}" * 2 + "{{ end }}" * 3
ICON = HelmMessage("info", "Chart.yaml", "icon is recommended")


def packed(
    name: str, templates: Mapping[str, str], *, is_library: bool = False, schema: str = "{}"
) -> PackedChart:
    chart = {"apiVersion": "v2", "name": name, "version": "1.0.0"}
    if is_library:
        chart["type"] = "library"
    content = {"Chart.yaml": json.dumps(chart), "values.yaml": "size: 1\n"}
    content["values.schema.json"] = schema
    content |= {f"templates/{path}": text for path, text in templates.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in content.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return PackedChart(name, buffer.getvalue(), is_library)


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The program helm: the one on PATH, or else one made of the SDK."""
    if found := shutil.which("helm"):
        return found
    shim = tmp_path / "bin" / "helm"
    shim.parent.mkdir()
    code = Path(__file__).with_name("helm_program.py")
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {code} "$@"\n')
    shim.chmod(0o755)
    return str(shim)


@pytest.fixture(params=["sdk", "program"])
def engine(request: pytest.FixtureRequest, program: str) -> str:
    return program if request.param == "program" else "sdk"


@pytest.fixture
def helm(engine: str) -> Iterator[Helm]:
    with Helm(engine) as helm:
        yield helm


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def processes_of(folder: Path) -> list[str]:
    listed = subprocess.run(
        ["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


def only(answers: list[HelmReport | FailedError]) -> HelmReport:
    (report,) = answers
    assert isinstance(report, HelmReport), report
    return report


def test_lints_and_renders_a_chart_as_its_own_release_in_the_default_namespace(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    templates = {
        "map.yaml": CONFIG_MAP + "data:\n  space: {{ .Release.Namespace }}\n",
        "NOTES.txt": "Thanks",
        "off.yaml": "{{ if .Values.off }}a: b{{ end }}\n",
    }
    report = only(helm.check([packed("app", templates)]))
    assert (report.name, report.messages, report.error) == ("app", (ICON,), None)
    assert report.ok
    assert report.manifests is not None
    assert list(report.manifests) == ["app/templates/map.yaml"]
    text = report.manifests["app/templates/map.yaml"]
    assert "name: app" in text
    assert "space: default" in text


def test_keeps_all_documents_of_one_template(helm: Helm) -> None:
    two = f"{CONFIG_MAP}---\n{CONFIG_MAP.replace('{{ .Release.Name }}', 'second')}"
    manifests = only(helm.check([packed("app", {"two.yaml": two})])).manifests
    assert manifests is not None
    assert "name: app" in manifests["app/templates/two.yaml"]
    assert "name: second" in manifests["app/templates/two.yaml"]


def test_lints_a_library_and_does_not_render_it(helm: Helm) -> None:
    library = packed("shared", {"_a.tpl": '{{ define "shared.a" }}a{{ end }}'}, is_library=True)
    report = only(helm.check([library]))
    assert (report.ok, report.messages, report.manifests) == (True, (ICON,), None)


def test_answers_for_every_chart_in_their_order(helm: Helm) -> None:
    charts = [packed(name, {"map.yaml": CONFIG_MAP}) for name in ("c", "a", "b")]
    assert [only([answer]).name for answer in helm.check(charts)] == ["c", "a", "b"]
    assert [only([answer]).name for answer in helm.check(charts[1:])] == ["a", "b"]


def test_takes_a_warning_for_a_failure(helm: Helm) -> None:
    report = only(helm.check([packed("empty", {})]))
    assert report.messages[0] == HelmMessage("warning", "templates/", "directory does not exist")
    assert report.error is None
    assert not report.ok


def test_tells_what_is_wrong_with_a_template(helm: Helm) -> None:
    report = only(helm.check([packed("broken", {"a.yaml": "a: {{ .Values.x.y }}\n"})]))
    assert report.messages[0].severity == "error"
    assert report.messages[0].path == "templates/"
    assert "nil pointer evaluating interface {}.y" in report.messages[0].text
    assert report.error is not None
    assert report.error.endswith("nil pointer evaluating interface {}.y")
    assert report.manifests is None
    assert not report.ok


def test_tells_of_a_failure_that_only_rendering_shows(helm: Helm) -> None:
    text = CONFIG_MAP + 'data: {{ required "the key is needed" .Values.key }}\n'
    report = only(helm.check([packed("app", {"a.yaml": text})]))
    assert report.error is not None
    assert report.error.endswith("the key is needed")
    assert not report.ok


def test_tells_of_values_that_break_the_schema(helm: Helm) -> None:
    schema = '{"properties": {"size": {"type": "string"}}}'
    chart = packed("app", {"map.yaml": CONFIG_MAP}, schema=schema)
    report = only(helm.check([chart]))
    assert HelmMessage("error", "values.yaml", "- at '/size': got number, want string") in (
        report.messages
    )
    assert report.error is not None
    assert "got number, want string" in report.error


def test_reports_what_is_no_archive_without_naming_temporary_folders(helm: Helm) -> None:
    report = only(helm.check([PackedChart("junk", b"no archive", is_library=False)]))
    assert report.messages == (
        HelmMessage("error", "", "unable to extract tarball: gzip: invalid header"),
    )
    assert report.error is not None
    assert "file 'chart.tgz' does not appear to be a gzipped archive" in report.error


def test_cuts_a_long_error_but_keeps_both_its_ends(helm: Helm) -> None:
    text = '{{ fail (printf "first %s last" (repeat 100000 "x")) }}'
    error = only(helm.check([packed("long", {"a.yaml": text})])).error
    assert error is not None
    assert len(error) < 2100
    assert "first" in error
    assert error.endswith("last")


def test_keeps_the_worst_of_many_messages(helm: Helm) -> None:
    templates = {f"w{number:03}.yaml": "metadata: {name: A}\n" for number in range(200)}
    report = only(helm.check([packed("many", templates | {"z.yaml": "a: b: c\n"})]))
    assert len(report.messages) == 100
    assert report.messages[0].path == "templates/z.yaml"
    assert report.messages[0].severity == "error"


def test_does_not_take_a_chart_s_name_for_an_option(helm: Helm) -> None:
    chart = packed("--post-renderer", {"map.yaml": CONFIG_MAP})
    report = only(helm.check([PackedChart("--post-renderer=/bin/false", chart.data, False)]))
    assert "unknown" not in str(report.error)
    assert "post-renderer" in f"{report.error}{report.manifests}"


def test_refuses_to_carry_more_than_can_be_of_use() -> None:
    text = '{{ range until 20 }}---\na: {{ repeat 1000000 "x" }}\n{{ end }}'
    with Helm("sdk") as helm:
        report = only(helm.check([packed("big", {"a.yaml": text})]))
    assert (report.error, report.manifests) == ("renders more than 16 MiB", None)


def test_ends_a_chart_that_renders_without_end_and_goes_on(engine: str, temporary: Path) -> None:
    good = packed("app", {"map.yaml": CONFIG_MAP})
    with Helm(engine, limit=5.0) as helm:
        first, endless, last = helm.check([good, packed("endless", {"a.yaml": ENDLESS}), good])
        assert len(processes_of(temporary)) == 1
    assert isinstance(endless, FailedError)
    assert endless.message == "endless: Helm did not finish within 5 s and was ended"
    assert endless.remedy == "Look in its templates for a loop that does not end."
    assert only([first]).ok
    assert only([last]).ok
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == []


def test_tells_of_a_crash_and_goes_on_with_a_new_child() -> None:
    huge = packed("huge", {"a.yaml": '{{ repeat 1000000000 "aaaaaaaa" }}'})
    good = packed("app", {"map.yaml": CONFIG_MAP})
    with Helm("sdk") as helm:
        crashed, *others = helm.check([huge, good, good])
    assert isinstance(crashed, FailedError)
    assert crashed.message.startswith("huge: Helm crashed: fatal error: ")
    assert "out of memory" in crashed.message
    assert crashed.remedy.startswith("Look in its templates")
    assert all(only([other]).ok for other in others)


def test_starts_early_in_a_folder_that_nobody_else_can_read(temporary: Path) -> None:
    with Helm("sdk") as helm:
        helm.start()
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert only(helm.check([packed("app", {"map.yaml": CONFIG_MAP})])).ok
        archive = folder / "chart.tgz"
        assert not archive.exists() or archive.stat().st_mode & 0o777 == 0o600
    assert list(temporary.iterdir()) == []


def test_takes_no_module_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "queue", "helm_python", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the directory')\n")
    monkeypatch.chdir(tmp_path)
    with Helm("sdk") as helm:
        assert only(helm.check([packed("app", {"map.yaml": CONFIG_MAP})])).ok


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_leaves_nothing_running_when_the_caller_is_ended(
    how: signal.Signals, engine: str, temporary: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "endless.tgz"
    archive.write_bytes(packed("endless", {"a.yaml": ENDLESS}).data)
    code = f"""
        from pathlib import Path
        from kargo_release.helm import Helm, PackedChart
        with Helm({engine!r}) as helm:
            helm.start()
            print("started", flush=True)
            helm.check([PackedChart("endless", Path({str(archive)!r}).read_bytes(), False)])
    """
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"started\n"
    until(lambda: any(temporary.glob("*/helm-lint*")))
    assert processes_of(temporary)
    os.killpg(caller.pid, how)
    caller.communicate()
    until(lambda: not processes_of(temporary))
    until(lambda: not any(temporary.iterdir()))


def test_refuses_an_sdk_that_the_system_cannot_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libhelm_c.so"
    library.write_text("not a library")
    monkeypatch.setenv("HELM_C_LIB", str(library))
    with Helm("sdk") as helm, pytest.raises(RefusedError) as caught:
        helm.check([packed("app", {"map.yaml": CONFIG_MAP})])
    assert caught.value.message.startswith("the Helm SDK cannot be used on this system: ")
    assert "could not load it" in caught.value.message
    assert caught.value.remedy == "Install the program helm, and set `helm: path`."


def test_tells_when_there_is_no_room_for_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with Helm("sdk") as helm, pytest.raises(FailedError) as caught:
        helm.start()
    assert caught.value.message == "Helm could not be started: No such file or directory"
    assert "folder for temporary files" in caught.value.remedy


def test_finds_the_sdk_first_and_the_program_when_asked(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(program).parent), prepend=os.pathsep)
    chart = packed("app", {"map.yaml": CONFIG_MAP})
    for choice in ("sdk", "path"):
        with find_helm(choice) as helm:
            assert only(helm.check([chart])).ok


def test_falls_back_to_the_program_where_the_sdk_is_not_installed(
    program: str, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setitem(sys.modules, "helm_python", None)
    monkeypatch.setenv("PATH", str(Path(program).parent), prepend=os.pathsep)
    with find_helm("sdk") as helm:
        helm.start()
        assert any(line.endswith(program) for line in processes_of(temporary))


def test_refuses_when_there_is_no_helm_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError) as caught:
        find_helm("path")
    assert caught.value.message == "the program helm was not found on PATH"
    assert "kargo-release[helm]" in caught.value.remedy
    monkeypatch.setitem(sys.modules, "helm_python", None)
    with pytest.raises(RefusedError) as caught:
        find_helm("sdk")
    assert caught.value.message == ("no Helm was found: neither the Helm SDK nor the program helm")
    assert "pip install 'kargo-release[helm]'" in caught.value.remedy


def until(true: Callable[[], bool]) -> None:
    """Wait for what comes soon; the limit is only there so that a failure ends."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
