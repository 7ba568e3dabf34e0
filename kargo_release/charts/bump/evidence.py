"""Why a version should be raised by a part."""

from dataclasses import dataclass

from kargo_release.bump import Part


@dataclass(frozen=True)
class Evidence:
    """A reason: ``major``, because ``values removed: image.tag``."""

    part: Part
    reason: str

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}"
