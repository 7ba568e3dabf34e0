"""Programs of a newer Debian, unpacked beside this machine's own and kept between runs.

Debian 13 has the plugin buildx, and an engine that can keep images as containerd does, as engines
made anew do since release 29. On an older Debian neither can be installed, but both run.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from parts import need

_RELEASE = "trixie"
_KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpacked(package: str) -> Path:
    """Return a folder with the files of a package of the newer Debian."""
    folder = kept("packages", _RELEASE) / package
    if not folder.exists():
        make(folder, lambda place: _fetch(package, place))
    return folder


def kept(kind: str, made_of: str) -> Path:
    """Return a folder that stays between runs; nobody else may write there.

    Args:
        kind: What is kept.
        made_of: What decides its content.
    """
    mark = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    folder = Path(gettempdir(), f"kargo-release-{kind}-{os.geteuid()}-{mark}")
    folder.mkdir(mode=0o700, exist_ok=True)
    held = folder.lstat()
    if held.st_uid != os.geteuid() or held.st_mode & 0o077 or folder.is_symlink():
        raise AssertionError(f"{folder} is somebody else's")
    return folder


def make(place: Path, work: Callable[[Path], None]) -> None:
    """Make a file or a folder whole or not at all; two that make it at once do no harm."""
    half = place.with_name(f"{place.name}.{os.getpid()}")
    work(half)
    try:
        half.replace(place)
    except OSError:  # a folder that another has made meanwhile
        shutil.rmtree(half)


def _fetch(package: str, folder: Path) -> None:
    work = Path(mkdtemp())
    options = _options(work)
    for words in (["update"], ["download", package]):
        command = [need("apt-get"), "--quiet", *options, *words]
        subprocess.run(command, check=True, cwd=work, stdin=subprocess.DEVNULL)
    [archive] = work.glob(f"{package}_*.deb")
    subprocess.run([need("dpkg"), "--extract", archive, folder], check=True)
    shutil.rmtree(work)


def _options(work: Path) -> list[str]:
    """Return options by which apt reads the newer release alone, and nothing of this machine."""
    sites = subprocess.run(
        [need("apt-get"), "indextargets", "--format", "$(SITE)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    site = sites.stdout.split()[0]
    (work / "sources.list").write_text(f"deb [signed-by={_KEY}] {site} {_RELEASE} main\n")
    (work / "lists/partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": f"{work}/sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": f"{work}/lists",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    return [f"--option={name}={value}" for name, value in settings.items()]
