"""A build context that is another repository: ``https://host/repo.git#ref:folder``.

Source of the form: Docker's documentation, "Build context", "Git repositories".
"""

import posixpath
import re
from dataclasses import dataclass

# Docker takes an address over HTTP for a repository only if it ends so. Git hands the host of an
# ssh:// address to ssh(1): with a dash in front it would be an option (CVE-2017-1000117).
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PATH = r"(?:/(?!\.{1,2}/)[\w.~+%][\w.~+%-]*)+\.git"
_URL = re.compile(rf"(?:https?://|ssh://git@){_HOST}{_PATH}", re.ASCII)
_PART = r"[\w+@][\w.+@-]*"
_REF = re.compile(rf"(?!.*(?:\.\.|@\{{))(?:{_PART}/)*{_PART}(?<!\.)(?<!\.lock)")
_FOLDER = re.compile(r"(?:[\w.+@][\w.+@ -]*/)*[\w.+@][\w.+@ -]*/?")
FORM = "https://HOST/PATH.git#REF or https://HOST/PATH.git#REF:FOLDER"


@dataclass(frozen=True)
class GitContext:
    """A commit of a repository, and a folder in it: Docker's ``URL#ref:folder``.

    Args:
        url: Such as ``https://host/repo.git`` or ``ssh://git@host/repo.git``, without a login.
        ref: A branch, a tag or a whole commit.
        folder: The folder in the repository; empty for its top.
    """

    url: str
    ref: str
    folder: str = ""

    def __str__(self) -> str:
        return f"{self.url}#{self.ref}:{self.folder}" if self.folder else f"{self.url}#{self.ref}"


def is_address(text: str) -> bool:
    """Whether a context is meant as an address rather than a folder."""
    return "://" in text or "#" in text or re.match(r"[\w.-]+@[\w.-]+:", text) is not None


def parse(text: str) -> GitContext | str:
    """Return the context that an address names, or what is wrong with the address."""
    url, sharp, fragment = text.partition("#")
    ref, _, folder = fragment.partition(":")
    if "@" in url.partition("://")[2] and not url.startswith("ssh://git@"):
        return "an address without a login; Git's own credential helpers know it"
    if not _URL.fullmatch(url):
        return f"{FORM}; by ssh, with ssh: in front and git@ before HOST"
    if not sharp or not _REF.fullmatch(ref):
        return f"{FORM}, where REF is a branch, a tag or a whole commit"
    if folder and not _stays_inside(folder):
        return f"{FORM}, where FOLDER lies in that repository"
    return GitContext(url, ref, posixpath.normpath(folder) if folder else "")


def _stays_inside(folder: str) -> bool:
    return ".." not in folder.split("/") and _FOLDER.fullmatch(folder) is not None
