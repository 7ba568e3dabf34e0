"""An image as it should be: what it is built from, and the labels that it is to bear.

Source of the labels: OCI image specification 1.1, ``annotations.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kargo_release.docker.order import Demand
from kargo_release.errors import InvalidError, KargoError
from kargo_release.git.repository import Commit, short
from kargo_release.images.context import Context
from kargo_release.images.git_context import GitContext
from kargo_release.images.image import Image
from kargo_release.images.inputs import INPUTS_DIGEST, Inputs

_TITLES = "org.opencontainers.image."
OUR_LABELS = (
    *(f"{_TITLES}{name}" for name in ("source", "revision", "version", "created", "title")),
    INPUTS_DIGEST,
)
"""The labels that every image of ours bears."""

CACHE_TAG = "buildcache"
"""The tag beside an image where steps are kept."""


def counted(count: int) -> str:
    """Return a number of images in words: ``1 image``, ``15 images``."""
    return "1 image" if count == 1 else f"{count} images"


@dataclass(frozen=True)
class Origin:
    """Where an image's description comes from.

    Args:
        source: The address of the Git remote, without a login; empty where there is none.
        commit: The commit.
        is_changed: Whether the working tree differs from the commit.
    """

    source: str
    commit: Commit
    is_changed: bool = False

    @property
    def revision(self) -> str:
        """The commit, marked as `git describe --dirty` does where files differ from it."""
        return f"{self.commit.sha}-dirty" if self.is_changed else self.commit.sha

    @property
    def created(self) -> str:
        """The commit's time, RFC 3339 in UTC.

        Raises:
            InvalidError: It lies after the year 9999, which RFC 3339 can't write.
        """
        try:
            time = datetime.fromtimestamp(self.commit.time, UTC)
        except (ValueError, OverflowError, OSError):
            raise InvalidError(
                f"commit {short(self.commit.sha)} was made after the year 9999, by its own account",
                "Make a commit on a machine whose clock is right.",
            ) from None
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class ImageBuild:
    """One image to build under one tag.

    Args:
        image: What its folder describes.
        tag: The tag that it gets.
        reference: Its whole name.
        origin: Where the description comes from.
        inputs: What decides its content.
        context: What the builder sees; of another repository, with a commit for the ref.
        dockerfile: The Dockerfile's bytes.
        root: The image that it begins with; empty for scratch, and where it can't be told.
        own_bases: The titles of the images of this run that it is based on.
        own_references: Their whole names, by those that the Dockerfile has for them.
        names: Names under which the engine has it: the whole one, and those that Dockerfiles of
            this run have for it.
        bases: The names of the images in its Dockerfile.
        demand: What its Dockerfile asks of the builder.
        fault: Why it can't be built, where what it is built from can't be had; ``inputs`` tells
            nothing then.
    """

    image: Image
    tag: str
    reference: str
    origin: Origin
    inputs: Inputs
    context: Context | GitContext
    dockerfile: bytes
    root: str
    own_bases: tuple[str, ...]
    own_references: Mapping[str, str]
    names: tuple[str, ...]
    bases: tuple[str, ...]
    demand: Demand = Demand()  # noqa: RUF009 - it is frozen
    fault: KargoError | None = None

    @property
    def app(self) -> str:
        """The image's folder's name."""
        return self.image.app

    @property
    def title(self) -> str:
        """How a person names what is built."""
        return f"{self.app} {self.tag}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that the image is to bear; one without a Git remote has no source."""
        values = {
            "source": self.origin.source,
            "revision": self.origin.revision,
            "version": self.image.version,
            "created": self.origin.created,
            "title": self.image.app,
        }
        titled = {f"{_TITLES}{name}": value for name, value in values.items() if value}
        return {**titled, INPUTS_DIGEST: self.inputs.digest}
