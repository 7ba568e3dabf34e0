"""Which of Hadolint's rules are replaced by ours, and which contradict the house; each with why.

Source of the rules: hadolint/hadolint ``README.md`` (Rules) and ``src/Hadolint/Rule``.
"""

from collections.abc import Mapping

from kargo_release.findings import Rule, Severity

_LAYERS = "looks at the layers of the image only, and knows cache mounts"
REPLACED: Mapping[str, tuple[str, str]] = {
    "DL3002": ("KR002", "counts a USER of a base stage, and of a base of this repository"),
    "DL3006": ("KR010", "knows build arguments"),
    "DL3007": ("KR011", "knows build arguments, and the bases of this repository"),
    "DL3009": ("KR031", _LAYERS),
    "DL3015": ("KR030", "looks at the layers of the image only"),
    "DL3025": ("KR071", "lets `exec` pass"),
    "DL3042": ("KR042", _LAYERS),
    "DL3060": ("KR040", _LAYERS),
    "DL3064": ("KR060", "looks at the value, too: a user's name is no secret"),
}
"""Hadolint's rules that are left to ours: to which, and what ours does beyond.

Who silences the one silences the other.
"""

_NO_PINS = (
    "a distribution takes a version out of its archive when a newer one comes, so that a pinned "
    "version breaks the next build; the base's tag says which release it is"
)
_NO_CACHE_MOUNTS = "cache mounts need BuildKit, and images build with the engine's own builder, too"
SWITCHED_OFF: Mapping[str, str] = {
    "DL3008": _NO_PINS,
    "DL3018": _NO_PINS,
    "DL3033": _NO_PINS,
    "DL3037": _NO_PINS,
    "DL3041": _NO_PINS,
    **{f"DL30{number}": _NO_CACHE_MOUNTS for number in range(68, 78)},
}
"""Hadolint's rules that contradict the house."""

HADOLINT_UNREADABLE = "DL1000"
"""What Hadolint calls a file that it can't read."""

UNCHECKED = Rule(
    "KR080",
    Severity.WARNING,
    "hadolint can't read this, so that its rules were not applied to the file",
    "Docker reads it; Hadolint's own reader does not know all of Docker's syntax.",
    "Write it in a plainer way, or silence KR080 with a reason.",
)
"""What is found where our reader, which follows BuildKit's, could read a file and Hadolint not."""
