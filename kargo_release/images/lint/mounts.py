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
    """Whether ``target`` is the folder, one around it or one in it; ``~`` is any home."""
    if not folder.startswith("~/"):
        return bool(target) and (_holds(target, folder) or _holds(folder, target))
    below = folder.removeprefix("~")
    parents = [below[: at + 1] for at, character in enumerate(below) if character == "/" and at]
    return f"{below}/" in f"{target}/" or f"{target}/".endswith(tuple(parents))


def _holds(outer: str, inner: str) -> bool:
    return f"{inner}/".startswith(f"{outer}/")
