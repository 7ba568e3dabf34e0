"""What a store lets us do at one repository, and as whom."""

from dataclasses import dataclass

from kargo_release.errors import RefusedError


@dataclass(frozen=True)
class Access:
    """What a store lets us do at one repository, found out without leaving anything there.

    Args:
        pull: Why we may not pull; None when we may.
        push: Why we may not push; None when we may.
        authentication: ``anonymous``, ``basic``, ``token``; empty for a folder.
        source: Where the login came from: names of variables, the path of a file, or the name of
            a credential helper and of the file that names it; empty without a login. Never a
            secret, nor the user, whose name is one in some registries.
    """

    pull: RefusedError | None
    push: RefusedError | None
    authentication: str = ""
    source: str = ""
