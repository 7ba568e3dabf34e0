"""Mounts of a RUN: what is written there is in no layer."""

from kargo_release.images.dockerfile import Instruction

_KEPT_OUT = ("cache", "tmpfs")
_TARGETS = ("target", "dst", "destination")


def is_mounted(instruction: Instruction, folder: str) -> bool:
    """Whether a folder lies in a cache mount or tmpfs of the instruction.

    Source: "Dockerfile reference" (RUN --mount).
    """
    return any(_lies_in(folder, target) for target in _targets(instruction))


def _targets(instruction: Instruction) -> list[str]:
    mounts = [
        dict(option.split("=", 1) for option in value.split(",") if "=" in option)
        for name, value in instruction.flags
        if name == "mount"
    ]
    return [
        next((each[key] for key in _TARGETS if key in each), "").rstrip("/")
        for each in mounts
        if each.get("type") in _KEPT_OUT
    ]


def _lies_in(folder: str, target: str) -> bool:
    """Whether ``folder`` is ``target`` or below it; ``~`` stands for any home."""
    if folder.startswith("~/"):
        around = [folder, *_parents(folder)]
        return any(target.endswith(each.removeprefix("~")) for each in around)
    return bool(target) and (folder == target or folder.startswith(f"{target}/"))


def _parents(folder: str) -> list[str]:
    """Return the folders around one in a home, without the home."""
    parts = folder.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts) - 1, 1, -1)]
