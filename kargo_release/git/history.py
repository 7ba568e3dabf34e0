"""The commits that led to one, by what they touched."""

from kargo_release.git.repository import Commit, Repository


def commits_touching(repository: Repository, head: Commit, folder: str) -> list[str]:
    """Return the commits up to ``head`` that changed something below a folder, newest first."""
    listing = repository.run(["rev-list", head.sha, "--", f"{folder}/"])
    return listing.decode().split()
