"""Which commit the ref of a Git context stands for now.

Sources: git-ls-remote(1); gitrevisions(7) for a tag coming before a branch of the same name;
git(1), ``GIT_ALLOW_PROTOCOL``.
"""

import re
from dataclasses import replace

from kargo_release.errors import FailedError
from kargo_release.git.repository import Repository
from kargo_release.git.running import last_words
from kargo_release.images.git_context import GitContext

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TIME_LIMIT = 60  # seconds
# Neither a command of its own (ext::), nor a folder of this machine, wherever a rule of
# url.<base>.insteadOf leads; nobody is there who could answer a question.
_ENVIRONMENT = {"GIT_ALLOW_PROTOCOL": "http:https:ssh", "SSH_ASKPASS_REQUIRE": "never"}


def pinned(repository: Repository, context: GitContext) -> GitContext:
    """Return the same context with the commit in the place of a branch or a tag.

    Args:
        repository: Where Git is run; its objects do not matter.
        context: What an image names.

    Raises:
        FailedError: The other repository can't be reached, or has no such ref.
    """
    if _COMMIT.fullmatch(context.ref):
        return context
    names = [f"refs/tags/{context.ref}^{{}}", f"refs/tags/{context.ref}"]
    names += [f"refs/heads/{context.ref}", f"{context.ref}^{{}}", context.ref]
    found = _listed(repository, context, names)
    commit = next((found[name] for name in names if name in found), None)
    if commit is None:
        raise FailedError(
            f"{context.url} has no branch and no tag {context.ref!r}",
            "Correct the ref behind the `#` of `context`, or push it there.",
        )
    return replace(context, ref=commit)


def _listed(repository: Repository, context: GitContext, names: list[str]) -> dict[str, str]:
    asked = ["ls-remote", "--quiet", "--end-of-options", context.url, *names]
    status, output, said = repository.execute(asked, environment=_ENVIRONMENT, limit=_TIME_LIMIT)
    if status != 0:
        raise FailedError(
            f"can't read the Git context {context.url}: {last_words(said)}",
            f"Check the address and your access with `git ls-remote {context.url}`.",
        )
    lines = (line.split("\t", 1) for line in output.decode(errors="replace").splitlines())
    return {line[1]: line[0] for line in lines if len(line) > 1 and _COMMIT.fullmatch(line[0])}
