"""Which messages are read: of real commits, pushed in every way that branches change."""

import subprocess
from pathlib import Path

import pytest
from sandbox import Sandbox

from kargo_release.errors import InvalidError, KargoError, UsageError
from kargo_release.git.repository import Repository
from kargo_release.images.commits import Message, Source, messages

ZEROS = "0" * 40


@pytest.fixture
def clone(tmp_path: Path) -> Sandbox:
    """Return a clone whose remote has three commits on its branch."""
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.add_remote(tmp_path / "remote.git")
    for subject in ("one", "two", "three"):
        empty_commit(sandbox, subject)
    sandbox.push()
    sandbox.git("fetch", "--quiet")
    return sandbox


def empty_commit(sandbox: Sandbox, message: str, *options: str) -> str:
    sandbox.git("commit", "--quiet", "--allow-empty", "--message", message, *options)
    return sandbox.git("rev-parse", "HEAD")


def read(sandbox: Sandbox, **source: str) -> list[str]:
    """Return the texts of the messages, each checked to be its commit's."""
    found = messages(Repository.open(sandbox.path), Source(**source))
    for each in found:
        assert each.text in sandbox.git("cat-file", "commit", each.commit) + "\n"
    return [each.text.strip() for each in found]


def refuse(kind: type[KargoError], sandbox: Sandbox, **source: str) -> KargoError:
    with pytest.raises(kind) as refused:
        read(sandbox, **source)
    return refused.value


def test_reads_the_last_commit(clone: Sandbox) -> None:
    assert read(clone) == ["three"]


def test_reads_another_commit(clone: Sandbox) -> None:
    assert read(clone, ref="HEAD~1") == ["two"]


def test_takes_a_message_as_it_is(clone: Sandbox) -> None:
    text = "$(reboot) `x`\n\n[build kano]"

    assert messages(Repository.open(clone.path), Source(message=text)) == (Message("", text),)


def test_takes_an_empty_message_for_one(clone: Sandbox) -> None:
    assert messages(Repository.open(clone.path), Source(message="")) == (Message("", ""),)


def test_refuses_an_empty_ref(clone: Sandbox) -> None:
    assert "there is no commit ''" in refuse(InvalidError, clone, ref="").message


def test_reads_all_commits_of_a_push_the_oldest_first(clone: Sandbox) -> None:
    assert read(clone, span="HEAD~2..HEAD") == ["two", "three"]


def test_reads_merges_and_what_they_bring(clone: Sandbox) -> None:
    before = clone.git("rev-parse", "HEAD")
    clone.git("checkout", "--quiet", "-b", "maps", "HEAD~1")
    empty_commit(clone, "maps")
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "--message", "merge\n\nof maps", "maps")

    assert read(clone, span=f"{before}..HEAD") == ["maps", "merge\n\nof maps"]


def test_reads_nothing_of_a_push_that_only_takes_commits_away(clone: Sandbox) -> None:
    assert read(clone, span="HEAD..HEAD~1") == []


def test_reads_bodies_and_white_space_as_they_are(clone: Sandbox) -> None:
    text = "subject\n\nbody with\ttabs\n\n  [build kano]\n\n# no comment\n"
    clone.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--file=-", stdin=text)

    [message] = messages(Repository.open(clone.path), Source())
    assert message.text == text


def test_reads_an_empty_message(clone: Sandbox) -> None:
    empty_commit(clone, "", "--allow-empty-message")

    assert read(clone, span="HEAD~2..HEAD") == ["three", ""]


def test_reads_a_message_in_its_encoding(clone: Sandbox) -> None:
    clone.git("config", "i18n.commitEncoding", "ISO-8859-1")
    clone.write("message", "M\xe9t\xe9o [build kano]".encode("latin-1"))
    clone.git("commit", "--quiet", "--allow-empty", "--file=message")

    [message] = messages(Repository.open(clone.path), Source())
    assert message.text == "Météo [build kano]\n"


@pytest.mark.parametrize("header", [b"", b"encoding UTF-8\n", b"encoding nonsense\n"])
def test_reads_a_message_that_is_no_text(clone: Sandbox, header: bytes) -> None:
    tree = clone.git("rev-parse", "HEAD^{tree}").encode()
    person = b"A <a@b> 0 +0000\n"
    raw = b"tree %b\nauthor %bcommitter %b%b\nM\xe9t\xff [build kano]\n"
    file = clone.write("raw", raw % (tree, person, person, header))
    commit = clone.git("hash-object", "-w", "-t", "commit", str(file))

    [message] = messages(Repository.open(clone.path), Source(ref=commit))
    assert message.text == "M\ufffdt\ufffd [build kano]\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("i18n.logOutputEncoding", "ISO-8859-1"),
        ("format.pretty", "oneline"),
        ("log.diffMerges", "first-parent"),
        ("log.follow", "true"),
        ("core.commentChar", "["),
    ],
)
def test_reads_the_same_whatever_git_is_set_to(clone: Sandbox, key: str, value: str) -> None:
    empty_commit(clone, "Météo [build kano]")
    clone.git("config", key, value)

    assert read(clone, span="HEAD~2..HEAD") == ["three", "Météo [build kano]"]


def test_reads_what_a_new_branch_brings(clone: Sandbox) -> None:
    clone.git("checkout", "--quiet", "-b", "maps")
    empty_commit(clone, "four")
    last = empty_commit(clone, "five")
    clone.git("push", "--quiet", "origin", "maps")

    assert read(clone, span=f"{ZEROS}..{last}") == ["four", "five"]


def test_reads_nothing_of_a_new_branch_of_an_old_commit(clone: Sandbox) -> None:
    clone.git("push", "--quiet", "origin", "HEAD:refs/heads/maps")
    clone.git("fetch", "--quiet")

    assert read(clone, span=f"{ZEROS}..HEAD") == []


def test_reads_what_a_new_branch_brings_when_the_remote_has_a_head(clone: Sandbox) -> None:
    clone.git("remote", "set-head", "origin", "main")
    clone.git("checkout", "--quiet", "-b", "maps")
    last = empty_commit(clone, "four")
    clone.git("push", "--quiet", "origin", "maps")

    assert read(clone, span=f"{ZEROS}..{last}") == ["four"]


def test_refuses_to_take_a_whole_history_for_a_push(clone: Sandbox) -> None:
    error = refuse(InvalidError, clone, span=f"{ZEROS}..HEAD")

    assert "no other that tells which of its commits" in error.message
    assert "--ref" in error.remedy


def test_reads_nothing_of_a_branch_that_was_deleted(clone: Sandbox) -> None:
    assert read(clone, span=f"HEAD..{ZEROS}") == []


def test_tells_of_a_commit_that_a_forced_push_took_away(clone: Sandbox) -> None:
    error = refuse(InvalidError, clone, span=f"{'12' * 20}..HEAD")

    assert "there is no commit" in error.message
    assert "forced push" in error.message
    assert f"--ref {clone.git('rev-parse', 'HEAD')[:12]}" in error.remedy


def test_tells_that_the_history_is_cut_off_before_the_push(clone: Sandbox) -> None:
    before = clone.git("rev-parse", "HEAD~1")
    shallow = cut(clone, 1)

    error = refuse(InvalidError, shallow, span=f"{before}..HEAD")

    assert "cut off" in error.message
    assert "fetch-depth: 0" in error.remedy


def test_tells_that_the_history_is_cut_off_within_the_push(clone: Sandbox) -> None:
    before = clone.git("rev-parse", "HEAD")
    clone.git("checkout", "--quiet", "-b", "maps", "HEAD~2")
    empty_commit(clone, "four")
    empty_commit(clone, "five")
    clone.git("merge", "--quiet", "--no-ff", "--message", "merge", before)
    clone.git("push", "--quiet", "origin", "maps:main")

    error = refuse(InvalidError, cut(clone, 2), span=f"{before}..HEAD")

    assert "cut off" in error.message


def test_tells_that_a_new_branch_was_cut_off(clone: Sandbox) -> None:
    error = refuse(InvalidError, cut(clone, 1), span=f"{ZEROS}..HEAD")

    assert "cut off" in error.message
    assert "fetch-depth: 0" in error.remedy


def test_reads_a_push_that_a_shallow_clone_has_whole(clone: Sandbox) -> None:
    before = clone.git("rev-parse", "HEAD~1")

    assert read(cut(clone, 2), span=f"{before}..HEAD") == ["three"]


def cut(sandbox: Sandbox, depth: int) -> Sandbox:
    path = sandbox.path.parent / "shallow"
    source = f"file://{sandbox.remote}"
    command = ["git", "clone", "--quiet", f"--depth={depth}", source, str(path)]
    subprocess.run(command, check=True)
    return Sandbox(path)


def test_refuses_a_range_of_a_whole_history(clone: Sandbox) -> None:
    stream = "".join(
        f"commit refs/heads/long\ncommitter A <a@b> {at} +0000\ndata 1\nx\n" for at in range(10_002)
    )
    clone.git("fast-import", "--quiet", stdin=stream)

    error = refuse(InvalidError, clone, span="HEAD..long")

    assert "over 10,000 commits" in error.message
    assert error.remedy


@pytest.mark.parametrize(
    "span", ["", "HEAD", "..HEAD", "HEAD..", "..", "HEAD...HEAD", "a..b..c", "a..\nb", "a....b"]
)
def test_refuses_what_is_no_range(clone: Sandbox, span: str) -> None:
    error = refuse(UsageError, clone, span=span)

    assert "is no range" in error.message
    assert "BEFORE..AFTER" in error.remedy


def test_refuses_two_sources_at_once(clone: Sandbox) -> None:
    error = refuse(UsageError, clone, ref="HEAD", message="x")

    assert "--message and --ref" in error.message
    assert error.remedy == "Give one of them."


@pytest.mark.parametrize("name", ["--upload-pack=x", "-n", "nothing", "HEAD:images", "$(reboot)"])
def test_tells_that_there_is_no_such_commit(clone: Sandbox, name: str) -> None:
    for source in ({"ref": name}, {"span": f"HEAD..{name}"}, {"span": f"{name}..HEAD"}):
        error = refuse(InvalidError, clone, **source)
        assert "there is no commit" in error.message
        assert error.remedy


def test_images_are_those_of_the_last_commit_that_is_looked_at() -> None:
    gone = Source(span=f"a..{ZEROS}")
    spans = [Source(), Source(message="x"), Source(ref="v1"), Source(span="a..b"), gone]

    assert [each.revision for each in spans] == ["HEAD", "HEAD", "v1", "b", "HEAD"]


def test_tells_that_there_is_no_commit_yet(tmp_path: Path) -> None:
    assert "no commit yet" in refuse(InvalidError, Sandbox.make(tmp_path / "new")).message


def test_no_message_is_seen_by_a_shell(clone: Sandbox) -> None:
    flag = clone.path / "seen"
    text = f"$(touch {flag}) `touch {flag}`; touch {flag} | touch {flag} [build kano]"
    empty_commit(clone, text)

    assert read(clone) == [text]
    assert not flag.exists()
