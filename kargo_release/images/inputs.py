"""What an image is made of, as one digest: the same inputs need no new build.

It travels with the image as a label. What is checked of the image, and does not change it, is no
part of it: the smoke command and the limit of its size. Nor are labels that change with each
commit, for then everything would be new at each.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

INPUTS_DIGEST = "io.github.kargo-release.inputs-digest"
"""The label's name."""

_FORM = 1  # of the document; another number makes every image be built anew


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a build makes.

    Args:
        context: The content's digest, or the commit and the folder of another repository.
        dockerfile: The Dockerfile's sha256, in hexadecimal.
        arguments: Build arguments.
        target: The stage; empty for the last.
        platforms: What is built for.
        bases: The digest of each image that the Dockerfile names, by its name there; of an image
            of this repository, the digest of its own inputs.
        version: The upstream's, which becomes a label.
    """

    context: str
    dockerfile: str
    arguments: Mapping[str, str]
    target: str
    platforms: tuple[str, ...]
    bases: Mapping[str, str]
    version: str

    @property
    def digest(self) -> str:
        """The content address of all inputs, ``sha256:HEX``."""
        text = json.dumps({"form": _FORM, **asdict(self)}, sort_keys=True, separators=(",", ":"))
        return f"sha256:{sha256(text.encode()).hexdigest()}"
