"""A clone: commits, trees, the working tree, tags, against the real Git."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from sandbox import Sandbox

from kargo_release.errors import FailedError, InvalidError, RefusedError
from kargo_release.git.repository import Repository


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below the folder, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def opened(sandbox: Sandbox) -> Repository:
    return Repository.open(sandbox.path)


def test_opens_the_repository_that_holds_a_folder(local: Sandbox) -> None:
    assert Repository.open(local.path / "charts/kano").root == local.path


@pytest.mark.parametrize("name", ["a$HOME", "${HOME}", "~", "%HOME%"])
def test_opens_a_folder_whose_name_looks_like_a_variable(tmp_path: Path, name: str) -> None:
    sandbox = Sandbox.make(tmp_path / name)

    assert opened(sandbox).root == sandbox.path


def test_refuses_a_folder_that_is_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is in no Git repository") as told:
        Repository.open(tmp_path)

    assert "git init" in told.value.remedy


def test_refuses_a_bare_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path)], check=True)

    with pytest.raises(InvalidError, match="is a bare repository") as told:
        Repository.open(tmp_path)

    assert told.value.remedy == "Run this in a clone of it."


def test_reads_a_commit_and_its_time(local: Sandbox) -> None:
    commit = opened(local).commit()

    assert commit.sha == local.git("rev-parse", "HEAD")
    assert commit.time == int(local.git("show", "--no-patch", "--format=%ct"))


@pytest.mark.parametrize("ref", ["main", "v1", "HEAD^{commit}", "refs/tags/v1"])
def test_reads_a_commit_by_any_of_its_names(local: Sandbox, ref: str) -> None:
    local.git("tag", "--annotate", "--message", "one", "v1")

    assert opened(local).commit(ref).sha == local.git("rev-parse", "HEAD")


@pytest.mark.parametrize("ref", ["nope", "--help", "-x", "HEAD:charts", "", "a b", "--all"])
def test_tells_a_ref_that_names_no_commit(local: Sandbox, ref: str) -> None:
    with pytest.raises(InvalidError, match="there is no commit") as told:
        opened(local).commit(ref)

    assert "git fetch" in told.value.remedy


def test_tells_a_repository_without_a_commit(tmp_path: Path) -> None:
    empty = Sandbox.make(tmp_path / "empty")

    with pytest.raises(InvalidError, match="has no commit yet") as told:
        opened(empty).commit()

    assert told.value.remedy == "Commit something first."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_tells_a_repository_that_belongs_to_somebody_else(local: Sandbox) -> None:
    repository = opened(local)
    for path in (local.path, local.path / ".git"):
        os.chown(path, 1234, 1234)

    with pytest.raises(RefusedError, match="belongs to somebody else") as told:
        repository.commit()

    assert "safe.directory" in told.value.remedy


def test_reads_the_files_of_a_commit_whatever_their_names(local: Sandbox) -> None:
    files = {"a b": b"1", "é": b"\x00\xff", "line\nend": b"", "-x": b"4", '"q"': b"5\n\n"}
    for name, data in files.items():
        local.write(f"charts/kano/{name}", data)
    local.commit()
    repository = opened(local)

    tree = repository.tree(repository.commit())
    entries = {each.path: each for each in tree.entries("charts/kano")}
    blobs = tree.read([each.oid for each in entries.values()])

    for name, data in files.items():
        entry = entries[f"charts/kano/{name}"]
        assert (blobs[entry.oid], entry.size) == (data, len(data))


def test_escapes_a_file_name_that_is_no_utf8(local: Sandbox) -> None:
    blob = local.git("hash-object", "-w", "--stdin")
    path = b"100644 " + blob.encode() + b"\tcharts/kano/\xff\0"
    subprocess.run(
        ["git", "update-index", "-z", "--index-info"], cwd=local.path, input=path, check=True
    )
    local.git("commit", "--quiet", "--message", "Add a name")
    repository = opened(local)

    entries = repository.tree(repository.commit()).entries("charts")

    assert os.fsencode(entries[-1].path) == b"charts/kano/\xff"


def test_knows_links_and_submodules(local: Sandbox) -> None:
    (local.path / "charts/kano/link").symlink_to("values.yaml")
    local.git("add", "--all")
    head = local.git("rev-parse", "HEAD")
    local.git("update-index", "--add", "--cacheinfo", f"160000,{head},charts/kano/sub")
    local.git("commit", "--quiet", "--message", "Add both")
    repository = opened(local)

    entries = {each.path: each for each in repository.tree(repository.commit()).entries("charts")}

    assert entries["charts/kano/link"].is_link
    assert entries["charts/kano/sub"].is_submodule
    assert not entries["charts/kano/values.yaml"].is_link


def test_tells_a_blob_that_the_clone_lacks(local: Sandbox) -> None:
    repository = opened(local)

    with pytest.raises(FailedError, match="Git has no blob 0000") as told:
        repository.tree(repository.commit()).read(["0" * 40])

    assert "git fsck" in told.value.remedy


def test_reads_the_working_tree_without_touching_the_repository(local: Sandbox) -> None:
    local.write(".gitignore", "*.log\n")
    local.commit()
    local.write("charts/kano/values.yaml", "greeting: changed\n")
    local.write("charts/kano/new.yaml", "new: true\n")
    local.write("charts/kano/debug.log", "noise\n")
    (local.path / "charts/kano/templates/configmap.yaml").unlink()
    before = snapshot(local.path)

    with opened(local).working_tree() as tree:
        entries = {each.path: each for each in tree.entries("charts")}
        blobs = tree.read([each.oid for each in entries.values()])

    names = {"Chart.yaml", "values.yaml", "new.yaml"}
    assert set(entries) == {f"charts/kano/{name}" for name in names}
    assert blobs[entries["charts/kano/values.yaml"].oid] == b"greeting: changed\n"
    assert snapshot(local.path) == before


def test_reads_the_working_tree_of_a_linked_worktree(local: Sandbox, tmp_path: Path) -> None:
    local.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    linked = Sandbox(tmp_path / "linked")
    linked.write("charts/kano/values.yaml", "greeting: linked\n")

    with opened(linked).working_tree() as tree:
        entries = {each.path: each for each in tree.entries("charts")}
        [blob] = tree.read([entries["charts/kano/values.yaml"].oid]).values()

    assert blob == b"greeting: linked\n"


@pytest.mark.parametrize("name", ["with:colon", 'with"quote', "with\\backslash", "ünï code"])
def test_reads_the_working_tree_below_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    sandbox = Sandbox.make(tmp_path / name)
    sandbox.write_chart("kano")
    for path in (sandbox.path / "charts/kano").rglob("*"):
        os.utime(path, (0, 0))  # old enough that Git trusts its index, and reads no file again
    sandbox.commit()
    sandbox.write("charts/kano/values.yaml", "greeting: changed\n")

    with opened(sandbox).working_tree() as tree:
        entries = tree.entries("charts")
        blobs = tree.read([each.oid for each in entries])

    assert b"greeting: changed\n" in blobs.values()
    assert len(blobs) == 3


def test_gives_line_ends_as_git_would_commit_them(local: Sandbox) -> None:
    local.git("config", "core.autocrlf", "true")
    local.write("charts/kano/values.yaml", "greeting: hello\r\n")

    with opened(local).working_tree() as tree:
        entries = {each.path: each for each in tree.entries("charts")}
        [blob] = tree.read([entries["charts/kano/values.yaml"].oid]).values()

    assert blob == b"greeting: hello\n"


def test_lists_what_is_uncommitted_below_folders(local: Sandbox) -> None:
    local.git("config", "status.showUntrackedFiles", "no")
    local.git("mv", "charts/kano/values.yaml", "charts/kano/moved.yaml")
    local.write("charts/kano/new/deep file.yaml", "1")
    local.write("elsewhere.txt", "1")

    assert sorted(opened(local).uncommitted(["charts/kano"])) == [
        "charts/kano/moved.yaml",
        "charts/kano/new/deep file.yaml",
        "charts/kano/values.yaml",
    ]


def test_lists_ignored_files_one_by_one(local: Sandbox) -> None:
    local.write(".gitignore", "tmp/\n*.log\n")
    for name in ("tmp/a", "tmp/b", "x.log", "plain"):
        local.write(f"charts/kano/{name}", "1")

    assert opened(local).ignored(["charts/kano"]) == [
        "charts/kano/tmp/a",
        "charts/kano/tmp/b",
        "charts/kano/x.log",
    ]


def test_counts_commits_and_knows_ancestors(local: Sandbox) -> None:
    repository = opened(local)
    first = repository.commit()
    local.write("other", "1")
    second = local.commit()

    assert repository.count(repository.commit()) == 2
    assert repository.is_ancestor(first, second)
    assert not repository.is_ancestor(repository.commit(second), first.sha)
    assert not repository.is_ancestor(first, "0" * 40)


def test_peels_tags_and_reads_their_messages(local: Sandbox) -> None:
    head = local.git("rev-parse", "HEAD")
    local.git("tag", "light")
    local.git("tag", "--annotate", "--message", "one\n\nContent-Digest: x", "heavy")
    repository = opened(local)

    assert repository.local_tags() == {"light": head, "heavy": head}
    assert repository.message("heavy") == "one\n\nContent-Digest: x"
    assert repository.message("light") == ""


@pytest.mark.parametrize("name", [b"caf\xe9", b"l\xe2\x80\xa8s", b"\xc2\x85"])
def test_reads_tags_of_any_name(local: Sandbox, name: bytes) -> None:
    head = local.git("rev-parse", "HEAD")
    local.git("tag", "v1")
    subprocess.run([b"git", b"tag", name], cwd=local.path, check=True)

    assert opened(local).local_tags() == {os.fsdecode(name): head, "v1": head}


def test_writes_a_tag_that_git_accepts(local: Sandbox) -> None:
    repository = opened(local)

    tag = repository.write_tag("kano-1.0.0", repository.commit(), "kano 1.0.0\n")

    assert local.git("for-each-ref", "refs/tags") == ""
    repository.set_tag("kano-1.0.0", tag)
    local.git("fsck", "--strict")
    assert local.git("cat-file", "tag", "kano-1.0.0").count("tagger Ada <ada@example.com>") == 1


@pytest.mark.parametrize("options", [[], ["--annotate", "--message", "mine"]])
def test_leaves_a_tag_that_is_there_already(local: Sandbox, options: list[str]) -> None:
    local.git("tag", *options, "kano-1.0.0")
    before = local.git("for-each-ref", "refs/tags")
    repository = opened(local)

    repository.set_tag("kano-1.0.0", repository.write_tag("kano-1.0.0", repository.commit(), "x\n"))

    assert local.git("for-each-ref", "refs/tags") == before


def test_tells_a_tag_that_can_not_be_made(local: Sandbox) -> None:
    local.git("tag", "kano-1.0.0/x")
    head = local.git("rev-parse", "HEAD")

    with pytest.raises(FailedError, match=r"git update-ref failed: .*kano-1\.0\.0/x"):
        opened(local).set_tag("kano-1.0.0", head)


def test_names_the_command_that_failed(local: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    local.git("config", "--unset", "user.name")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "some day")
    repository = opened(local)

    with pytest.raises(FailedError, match="git var failed: fatal: invalid date format: some day"):
        repository.write_tag("kano-1.0.0", repository.commit(), "kano 1.0.0\n")


def test_tags_under_a_neutral_name_where_git_knows_nobody(local: Sandbox) -> None:
    local.git("config", "--unset", "user.name")
    local.git("config", "--unset", "user.email")
    repository = opened(local)

    tag = repository.write_tag("kano-1.0.0", repository.commit(), "kano 1.0.0\n")

    assert "tagger kargo-release <kargo-release@localhost> " in local.git("cat-file", "tag", tag)


def test_tells_the_last_words_of_git(local: Sandbox) -> None:
    with pytest.raises(FailedError, match="git mktag failed: error: ") as told:
        opened(local).run(["mktag"], stdin=b"nonsense")

    assert told.value.remedy


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60; echo late"])
def test_stops_a_git_that_takes_too_long(local: Sandbox, script: str) -> None:
    local.git("config", "alias.wait", f"!{script}")

    status, _, said = opened(local).execute(["wait"], limit=0.2)

    assert status != 0
    assert "no answer within 0.2 seconds" in said


def test_an_interrupt_stops_git_and_waits_for_nothing(local: Sandbox) -> None:
    local.git("config", "alias.wait", "!echo $$ > pid; exec sleep 60")
    script = """
        import sys
        from pathlib import Path
        from kargo_release.git.repository import Repository
        try:
            Repository.open(Path.cwd()).execute(["wait"], limit=60)
        except KeyboardInterrupt:
            sys.exit(42)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=local.path)
    pid = local.path / "pid"
    while not (pid.exists() and pid.read_text().strip()) and process.poll() is None:
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 42
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize("ref", ["^HEAD", "HEAD..HEAD", "HEAD^@"])
def test_takes_only_what_names_one_commit(tmp_path: Path, ref: str) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write("file", "")
    sandbox.commit()

    with pytest.raises(InvalidError, match="there is no commit"):
        opened(sandbox).commit(ref)


def test_tells_a_commit_without_a_time(tmp_path: Path) -> None:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write("file", "")
    sandbox.commit()
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    odd = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter nobody\n\nodd\n"
    commit = sandbox.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=odd)

    with pytest.raises(InvalidError, match="does not tell when it was made"):
        opened(sandbox).commit(commit)
