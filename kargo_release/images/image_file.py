"""Reads the images of a tree: each folder below ``images/`` is one."""

import re
from collections.abc import Iterable, Mapping

from kargo_release import yamlfile
from kargo_release.errors import FailedError, InvalidError, KargoError
from kargo_release.git.tree import Entry, Tree
from kargo_release.images.git_context import GitContext
from kargo_release.images.image import Image, Images
from kargo_release.images.image_keys import FILE_NAME, read_image

__all__ = ["DOCKERFILE", "FILE_NAME", "GitContext", "Image", "Images", "read_images"]

DOCKERFILE = "Dockerfile"
_APP = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


def read_images(tree: Tree, folder: str) -> Images:
    """Return every image of a tree: each folder below ``folder`` is one.

    Args:
        tree: The files of a commit, or of the working tree.
        folder: Where the images are, from the repository's root.
    """
    apps = _by_app(tree.entries(folder), folder)
    wanted = [each.oid for files in apps.values() for each in _described(files)]
    blobs = tree.read(wanted)
    found = {
        app: _read_or_error(app, f"{folder}/{app}", files, blobs) for app, files in apps.items()
    }
    return Images(_with_contexts(tree, found))


def _by_app(entries: Iterable[Entry], folder: str) -> dict[str, dict[str, Entry]]:
    """Return each app's files by their path in its folder; what is no folder has the path ''."""
    apps: dict[str, dict[str, Entry]] = {}
    for each in entries:
        app, slash, path = each.path.removeprefix(f"{folder}/").partition("/")
        if slash or each.is_link or each.is_submodule:
            apps.setdefault(app, {})[path] = each
    return apps


def _described(files: Mapping[str, Entry]) -> list[Entry]:
    file = files.get(FILE_NAME)
    is_plain = file is not None and not file.is_link and file.size <= yamlfile.SIZE_LIMIT
    return [file] if file is not None and is_plain else []


def _read_or_error(
    app: str, folder: str, files: Mapping[str, Entry], blobs: Mapping[str, bytes]
) -> Image | KargoError:
    try:
        _check_files(app, folder, files)
        return read_image(app, folder, blobs[files[FILE_NAME].oid])
    except KargoError as error:
        return error


def _check_files(app: str, folder: str, files: Mapping[str, Entry]) -> None:
    """Raise InvalidError for what is no image's folder."""
    if not _APP.fullmatch(app):
        raise InvalidError(
            f"{folder!r:.200} can't be an image's folder",
            "Use lower-case letters and digits, with single `-`, `.` or `_` between them.",
        )
    if "" in files:
        kind = "symbolic link" if files[""].is_link else "submodule, or a repository of its own"
        raise InvalidError(f"{folder} is a {kind}", "Make it a plain folder.")
    if FILE_NAME not in files and "image.yml" in files:
        raise InvalidError(f"{folder}/image.yml is not read", f"Call it {FILE_NAME}.")
    for name in (FILE_NAME, DOCKERFILE):
        _check_file(folder, name, files.get(name))


def _check_file(folder: str, name: str, file: Entry | None) -> None:
    if file is None:
        needed = " with the line `version: …`" if name == FILE_NAME else ""
        raise InvalidError(f"{folder} has no {name}", f"Write {folder}/{name}{needed}.")
    if file.is_link or file.is_submodule:
        raise InvalidError(f"{folder}/{name} is no plain file", "Put the file itself there.")
    if name == FILE_NAME and file.size > yamlfile.SIZE_LIMIT:
        size = f"{file.size / yamlfile.SIZE_LIMIT:.1f} MiB"
        raise InvalidError(
            f"{folder}/{name} is {size}, over the limit of 1 MiB", "Make it smaller."
        )


def _with_contexts(
    tree: Tree, found: Mapping[str, Image | KargoError]
) -> dict[str, Image | KargoError]:
    """Return the images, and errors for those whose context is a folder that is not there."""
    contexts = {
        each.context
        for each in found.values()
        if isinstance(each, Image) and isinstance(each.context, str) and each.context != each.folder
    }
    absent = {context for context in contexts if not _holds_files(tree, context)}
    return {
        app: _no_context(each) if isinstance(each, Image) and each.context in absent else each
        for app, each in found.items()
    }


def _holds_files(tree: Tree, folder: str) -> bool:
    try:
        return bool(tree.entries(folder))
    except (FailedError, OSError):  # it is ignored, beyond a link, too long for a name, …
        return False


def _no_context(image: Image) -> InvalidError:
    return InvalidError(
        f"{image.folder}/{FILE_NAME}: there are no files in the folder {image.context}",
        "`context` is a folder of the repository, not ignored, and behind no symbolic links.",
    )
