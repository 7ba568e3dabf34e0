import tarfile
from pathlib import Path

import pytest
from sandbox import Sandbox

from kargo_release.errors import FailedError, InvalidError
from kargo_release.git.repository import Repository
from kargo_release.images import context as context_module
from kargo_release.images.context import ASIDE, Context, read_context
from kargo_release.images.context_tar import TIME, write_tar

FOLDER, DOCKERFILE = "images/kano", "images/kano/Dockerfile"


@pytest.fixture
def clone(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox.make(tmp_path / "clone")
    sandbox.write(DOCKERFILE, "FROM scratch\n")
    sandbox.write(f"{FOLDER}/src/run", "run\n").chmod(0o755)
    sandbox.write(f"{FOLDER}/src/readme", "read me\n")
    (sandbox.path / FOLDER / "link").symlink_to("src/run")
    sandbox.commit()
    return sandbox


def read(sandbox: Sandbox, folder: str = FOLDER) -> Context:
    repository = Repository.open(sandbox.path)
    return read_context(repository.tree(repository.commit()), folder, DOCKERFILE)


def members(context: Context, tmp_path: Path) -> dict[str, tarfile.TarInfo]:
    write_tar(context, tmp_path / "context.tar")
    with tarfile.open(tmp_path / "context.tar") as tar:
        return {each.name: each for each in tar.getmembers()}


def test_holds_files_folders_and_links_with_their_modes(clone: Sandbox, tmp_path: Path) -> None:
    found = members(read(clone), tmp_path)

    assert {name: oct(each.mode) for name, each in found.items()} == {
        "src": "0o755", "Dockerfile": "0o644", "link": "0o777", "src/readme": "0o644",
        "src/run": "0o755",
    }  # fmt: skip
    assert found["link"].linkname == "src/run"
    assert found["src"].isdir()


def test_writes_the_same_bytes_for_the_same_content(clone: Sandbox, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    write_tar(read(clone), first)
    digest = read(clone).digest
    clone.write(f"{FOLDER}/src/readme", "other\n")
    clone.commit()
    clone.write(f"{FOLDER}/src/readme", "read me\n")
    clone.commit("Take it back")
    write_tar(read(clone), second)

    assert first.read_bytes() == second.read_bytes()
    assert read(clone).digest == digest
    found = members(read(clone), tmp_path).values()
    assert {(each.mtime, each.uid, each.gid, each.uname) for each in found} == {(TIME, 0, 0, "")}


@pytest.mark.parametrize("change", ["content", "mode", "name", "link", "folder"])
def test_has_another_digest_when_anything_changes(clone: Sandbox, change: str) -> None:
    before = read(clone).digest
    folder = clone.path / FOLDER
    if change == "content":
        clone.write(f"{FOLDER}/src/readme", "other\n")
    elif change == "mode":
        (folder / "src/readme").chmod(0o755)
    elif change == "name":
        (folder / "src/readme").rename(folder / "src/README")
    elif change == "link":
        (folder / "link").unlink()
        (folder / "link").symlink_to("src/readme")
    else:
        (folder / "src").rename(folder / "source")
    clone.commit()

    assert read(clone).digest != before


def test_leaves_out_what_the_ignore_file_does(clone: Sandbox, tmp_path: Path) -> None:
    clone.write(f"{FOLDER}/.dockerignore", "src/r*\n!src/readme\n.dockerignore\n")
    clone.write(f"{FOLDER}/empty/only", "")
    clone.commit()
    without = read(clone).digest
    clone.write(f"{FOLDER}/src/run", "other\n")
    clone.commit()

    assert read(clone).digest == without
    assert sorted(members(read(clone), tmp_path)) == [
        "Dockerfile", "empty", "empty/only", "link", "src", "src/readme",
    ]  # fmt: skip


def test_keeps_a_folder_whose_files_are_all_left_out(clone: Sandbox, tmp_path: Path) -> None:
    clone.write(f"{FOLDER}/.dockerignore", "empty/*\n")
    clone.commit()
    before = read(clone).digest
    clone.write(f"{FOLDER}/empty/only", "")
    clone.commit()

    assert members(read(clone), tmp_path)["empty"].isdir()
    assert read(clone).digest != before


def test_heeds_the_ignore_file_of_the_dockerfile_before_the_contexts(
    clone: Sandbox, tmp_path: Path
) -> None:
    clone.write(f"{FOLDER}/.dockerignore", "src\n")
    clone.write(f"{DOCKERFILE}.dockerignore", "link\n*ignore\n")
    clone.commit()

    assert "src/readme" in members(read(clone), tmp_path)
    assert "link" not in members(read(clone), tmp_path)


@pytest.mark.parametrize("place", ["left out", "outside"])
def test_hides_a_dockerfile_that_is_no_part_of_the_context(
    clone: Sandbox, tmp_path: Path, place: str
) -> None:
    folder = FOLDER
    if place == "left out":
        clone.write(f"{FOLDER}/.dockerignore", "Dockerfile\n")
    else:
        folder = "shared"
        clone.write("shared/file", "")
    clone.commit()
    context = read(clone, folder)

    assert context.dockerfile_path == ASIDE
    assert "Dockerfile" not in members(context, tmp_path)
    with tarfile.open(tmp_path / "context.tar") as tar:
        held = {name: tar.extractfile(name) for name in (ASIDE, ".dockerignore")}
        texts = {name: file.read().decode() for name, file in held.items() if file}
    assert texts[ASIDE] == "FROM scratch\n"
    assert ASIDE in texts[".dockerignore"].splitlines()
    clone.write(DOCKERFILE, "FROM debian\n")
    clone.commit()
    assert read(clone, folder).digest != context.digest


def test_hides_an_ignore_file_that_leaves_itself_out(clone: Sandbox) -> None:
    clone.write(f"{FOLDER}/.dockerignore", "Dockerfile\n")
    clone.commit()
    assert read(clone).hidden[".dockerignore"].split() == [b"Dockerfile", ASIDE.encode()]

    clone.write(f"{FOLDER}/.dockerignore", "Dockerfile\n.dockerignore\n")
    clone.commit()
    assert read(clone).hidden[".dockerignore"].split() == [b".dockerignore", ASIDE.encode()]


def test_puts_the_dockerfile_in_the_place_of_a_file_of_its_name(
    clone: Sandbox, tmp_path: Path
) -> None:
    clone.write(f"{FOLDER}/.dockerignore", "Dockerfile\n")
    clone.write(f"{FOLDER}/{ASIDE}", "another\n")
    clone.commit()
    write_tar(read(clone), tmp_path / "context.tar")

    with tarfile.open(tmp_path / "context.tar") as tar:
        [held] = [each for each in tar if each.name == ASIDE]
    assert held.size == len("FROM scratch\n")


def test_takes_the_whole_repository(clone: Sandbox, tmp_path: Path) -> None:
    context = read(clone, ".")

    assert context.dockerfile_path == DOCKERFILE
    assert f"{FOLDER}/src/run" in members(context, tmp_path)


def test_sees_new_files_of_the_working_tree_and_none_that_git_ignores(clone: Sandbox) -> None:
    clone.write(f"{FOLDER}/new", "")
    clone.write(f"{FOLDER}/secret", "")
    clone.write(".gitignore", "secret\n")
    with Repository.open(clone.path).working_tree() as tree:
        context = read_context(tree, FOLDER, DOCKERFILE)

    assert [file.path for file in context.files] == [
        "Dockerfile", "link", "new", "src/readme", "src/run",
    ]  # fmt: skip


@pytest.mark.parametrize("target", ["../other", "src/../../other", "../../../../etc/passwd"])
def test_refuses_a_link_that_leaves_the_context(clone: Sandbox, target: str) -> None:
    (clone.path / FOLDER / "away").symlink_to(target)
    clone.commit()

    with pytest.raises(InvalidError, match=r"images/kano/away .*leaves the context") as caught:
        read(clone)
    assert "`context`" in caught.value.remedy


def test_keeps_a_link_to_a_file_of_the_image(clone: Sandbox, tmp_path: Path) -> None:
    (clone.path / FOLDER / "zone").symlink_to("/usr/share/zoneinfo/UTC")
    clone.commit()

    assert members(read(clone), tmp_path)["zone"].linkname == "/usr/share/zoneinfo/UTC"


def test_refuses_a_link_that_leaves_the_context_through_another(clone: Sandbox) -> None:
    (clone.path / FOLDER / "src/up").symlink_to("..")
    (clone.path / FOLDER / "away").symlink_to("src/up/..")
    clone.commit()

    with pytest.raises(InvalidError, match=r"images/kano/away .*leaves the context"):
        read(clone)


@pytest.mark.parametrize("name", [".dockerignore", ASIDE])
def test_refuses_a_folder_by_the_name_of_a_file_that_is_added(clone: Sandbox, name: str) -> None:
    clone.write(f"{FOLDER}/{name}/x", "")
    clone.write(f"{DOCKERFILE}.dockerignore", "Dockerfile\n")
    clone.commit()

    with pytest.raises(InvalidError, match=f"images/kano/{name} is a folder") as caught:
        read(clone)
    assert caught.value.remedy == "Rename it."
    clone.write(f"{DOCKERFILE}.dockerignore", f"Dockerfile\n{name}\n")
    clone.commit()
    assert read(clone).hidden


def test_tells_that_the_dockerfile_is_gone(clone: Sandbox) -> None:
    (clone.path / DOCKERFILE).unlink()
    clone.commit()

    with pytest.raises(InvalidError, match="images/kano/Dockerfile was there, and is gone"):
        read(clone)


def test_refuses_a_pointer_of_git_lfs(clone: Sandbox) -> None:
    clone.write(f"{FOLDER}/big", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    clone.commit()

    with pytest.raises(InvalidError, match="images/kano/big is kept by Git LFS"):
        _ = read(clone).digest


def test_refuses_a_submodule_unless_it_is_left_out(clone: Sandbox) -> None:
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{FOLDER}/sub")
    clone.git("commit", "--quiet", "--message", "Add a submodule")
    with pytest.raises(InvalidError, match="images/kano/sub is a submodule"):
        read(clone)

    clone.write(f"{FOLDER}/.dockerignore", "sub\n")
    clone.git("add", f"{FOLDER}/.dockerignore")
    clone.git("commit", "--quiet", "--message", "Leave it out")
    assert "sub" not in [file.path for file in read(clone).files]


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore"])
def test_refuses_an_ignore_file_that_is_a_link(clone: Sandbox, name: str) -> None:
    (clone.path / FOLDER / name).symlink_to("src/readme")
    clone.commit()

    with pytest.raises(InvalidError, match="is no plain file"):
        read(clone)


@pytest.mark.parametrize("limit", ["MOST_FILES", "LARGEST", "LARGEST_FILE"])
def test_refuses_what_is_too_large(
    clone: Sandbox, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(context_module, limit, 3)

    with pytest.raises(InvalidError, match="over the limit") as caught:
        read(clone)
    assert ".dockerignore" in caught.value.remedy


def test_refuses_a_name_that_is_not_utf_8(clone: Sandbox) -> None:
    clone.git("update-index", "--add", "--cacheinfo", f"100644,{_empty(clone)},{FOLDER}/\udcff")
    clone.git("commit", "--quiet", "--message", "Add a name")

    with pytest.raises(InvalidError, match="not UTF-8"):
        read(clone)


def _empty(clone: Sandbox) -> str:
    return clone.git("hash-object", "-w", "--stdin")


def test_tells_that_the_tar_can_not_be_written(clone: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="can't be written") as caught:
        write_tar(read(clone), tmp_path / "missing" / "context.tar")
    assert "TMPDIR" in caught.value.remedy


def test_reads_large_contexts_a_part_at_a_time(
    clone: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(clone).digest
    monkeypatch.setattr(context_module, "_BATCH", 5)

    assert read(clone).digest == whole
