"""What images are built from: the files of the working tree, or those of a commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kargo_release.git.tree import Tree
from kargo_release.images.desired import Origin
from kargo_release.images.guards import uncommitted
from kargo_release.images.image import Image, Images
from kargo_release.images.image_file import read_images
from kargo_release.images.project import Project


@dataclass(frozen=True)
class Source:
    """What images are built from.

    Args:
        tree: The files.
        images: The images in them.
        origin: The commit that the files belong to.
        changed: The files that differ from it.
    """

    tree: Tree
    images: Images
    origin: Origin
    changed: tuple[str, ...] = ()

    @property
    def readable(self) -> list[Image]:
        """The images that can be read."""
        return [each for each in self.images.values() if isinstance(each, Image)]


@contextmanager
def working_tree(project: Project) -> Iterator[Source]:
    """Give the images of the working tree, its tracked and unignored files."""
    commit = project.repository.commit()
    with project.repository.working_tree() as tree:
        images = read_images(tree, project.settings.images)
        readable = [each for each in images.values() if isinstance(each, Image)]
        changed = uncommitted(project.repository, readable)
        yield Source(tree, images, Origin(project.source, commit), tuple(changed))


def committed(project: Project, revision: str) -> Source:
    """Return the images of a commit.

    Raises:
        InvalidError: There is no such commit.
    """
    commit = project.repository.commit(revision)
    tree = project.repository.tree(commit)
    images = read_images(tree, project.settings.images)
    return Source(tree, images, Origin(project.source, commit))
