"""The Git remote: whether it can be read, and whether it takes claims and tags."""

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress

from kargo_release.charts.doctor.check import Check, attempt, not_needed, ok, unknown, warning
from kargo_release.charts.guards import not_upstream, release_branches
from kargo_release.charts.project import Project
from kargo_release.charts.sources import Sources
from kargo_release.errors import FailedError, RefusedError
from kargo_release.git.remote import CLAIMS, Push, Remote, RemoteRefs
from kargo_release.git.repository import Repository, short

NAMES = ("git remote", "git branch", "git claims", "git tags")
_REMOTE, _BRANCH, _CLAIMS, _TAGS = NAMES
_NOBODY = "doctor"  # in the place of a chart's name


def look(project: Project) -> Sequence[Check]:
    """Return how the remote stands.

    Raises:
        RefusedError: There is no such remote.
        FailedError: It can't be read.
    """
    remote = project.remote
    if remote is None:
        return [not_needed(name, "the registry is local, so nothing is pushed") for name in NAMES]
    refs = remote.refs()
    known = _known(project.repository, refs)
    return [
        ok(_REMOTE, f"{remote.name} answers; branches: {len(refs.heads)}, tags: {len(refs.tags)}"),
        attempt(_BRANCH, lambda: _branch(project, remote, refs)),
        attempt(_CLAIMS, lambda: _claims(project, remote, known)),
        attempt(_TAGS, lambda: _tags(project, remote, refs, known)),
    ]


def _known(repository: Repository, refs: RemoteRefs) -> str:
    """Return a commit that both sides have, so that a push carries nothing; empty for none."""
    return next((oid for oid in refs.heads.values() if repository.has(oid)), "")


def _branch(project: Project, remote: Remote, refs: RemoteRefs) -> Check:
    """Tell whether HEAD is on a release branch, from what the clone has: nothing is fetched."""
    repository, commit = project.repository, project.repository.commit()
    branches = release_branches(refs, project.settings.git.branch, remote.name)
    told = f"releases come from {', '.join(sorted(branches))}"
    tips = [tip for tip in branches.values() if repository.has(tip)]
    if not any(repository.is_ancestor(commit, tip) for tip in tips):
        if len(tips) < len(branches):
            return unknown(
                _BRANCH,
                f"{told}; this clone lacks their newest commits, so HEAD can't be placed",
                f"git fetch {remote.name}",
            )
        refusal = not_upstream(repository, remote.name, commit, sorted(branches))
        return warning(_BRANCH, f"{told}; {refusal.message}", refusal.remedy)
    if repository.is_shallow:
        return warning(
            _BRANCH,
            f"{told}; this clone is shallow, which can't place an older commit (--ref)",
            "Fetch the history: `git fetch --unshallow`, in GitHub Actions `fetch-depth: 0`.",
        )
    return ok(_BRANCH, f"{told}; HEAD ({short(commit.sha)}) is there")


def _claims(project: Project, remote: Remote, known: str) -> Check:
    """Make a claim that is nobody's, and remove it: clones do not see it, nor do workflows."""
    if not project.settings.git.claims:
        return warning(
            _CLAIMS,
            "git.claims is false: two who release one version are kept apart only by its tag",
            "Let one release run at a time, or let the remote take claims.",
        )
    if not known:
        return _nothing_to_push(_CLAIMS, remote)
    ref = f"{CLAIMS}{_NOBODY}-{secrets.token_hex(8)}"
    rejected = _rejected(remote, Push(ref, known))
    stays = _not_removed(remote, Push(ref, "", known))
    if not stays:
        return ok(_CLAIMS, f"{remote.name} takes claims: one was made and removed")
    if rejected:
        raise RefusedError(
            f"the Git remote did not take a claim: {rejected}",
            f"Allow {CLAIMS}* there; set `git.claims: false` if only one release runs at a time.",
        )
    raise RefusedError(
        f"the Git remote takes claims, but does not let them be removed: {stays}; {ref} stays",
        f"Allow it for {CLAIMS}*, then: git push {remote.name} --delete {ref}",
    )


def _rejected(remote: Remote, claim: Push) -> str:
    """Return why the remote did not take the claim, which HTTP may have sent twice."""
    try:
        return remote.create([claim]).get(claim.ref, "")
    except FailedError:
        # It may have come through before the answer was lost.
        with suppress(FailedError):
            remote.push([Push(claim.ref, "", claim.source)])
        raise


def _not_removed(remote: Remote, removal: Push) -> str:
    """Return why the ref stays; empty when it is gone."""
    try:
        return remote.push([removal]).get(removal.ref, "")
    except FailedError as error:
        return error.message


def _tags(project: Project, remote: Remote, refs: RemoteRefs, known: str) -> Check:
    """Ask Git whether it would push a tag: a real one may start workflows, and stay protected."""
    if not known:
        return _nothing_to_push(_TAGS, remote)
    version = f"0.0.0-{secrets.token_hex(8)}"
    name = project.settings.git.tag.replace("{name}", _NOBODY).replace("{version}", version)
    ref = f"refs/tags/{name}"
    if rejected := remote.would_reject([Push(ref, known)]):
        raise RefusedError(
            f"the Git remote would not take a tag such as {name}: {rejected[ref]}",
            "Ask for the right to push tags there.",
        )
    if other := _tag_of_other_form(project, refs):
        return warning(
            _TAGS,
            f"{remote.name} has tags such as {other}, none of the form {project.settings.git.tag}",
            "If charts were tagged so until now, set `git.tag` to that form.",
        )
    return ok(
        _TAGS,
        f"{remote.name} lets us push; what it does to tags, such as protecting them, only a "
        "release shows",
    )


def _tag_of_other_form(project: Project, refs: RemoteRefs) -> str:
    """Return a tag that names a chart, where none has the form of the setting; else empty."""
    repository = project.repository
    names = Sources(repository.tree(repository.commit()), project.settings.charts).names
    form = re.escape(project.settings.git.tag)
    known = re.compile(form.replace(r"\{name\}", ".+").replace(r"\{version\}", "[0-9].*"))
    if any(map(known.fullmatch, refs.tags)):
        return ""
    return next((tag for tag in refs.tags if any(name in tag for name in names)), "")


def _nothing_to_push(name: str, remote: Remote) -> Check:
    return unknown(
        name,
        f"not tried: this clone has no newest commit of a branch of {remote.name}",
        f"git fetch {remote.name}, or push the first branch; then run this again.",
    )
