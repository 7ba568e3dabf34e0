"""Looks at the released versions of charts, each against its tag, its claim and its copies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kargo_release import plan
from kargo_release.charts.destinations.registry import NoChartError
from kargo_release.charts.destinations.tags import tag_of
from kargo_release.charts.inventory.comparing import LookedUp, compare, content_of, look_up
from kargo_release.charts.inventory.contents import NOTHING, Commits, Content, PackedAt
from kargo_release.charts.inventory.copies import BackupCopies, Copies, Copy, RegistryCopies
from kargo_release.charts.inventory.known import Known, Ref
from kargo_release.charts.inventory.origins import Origins
from kargo_release.charts.inventory.standing import OUT, Standing, outcome_of
from kargo_release.charts.project import Project
from kargo_release.errors import FailedError, KargoError
from kargo_release.git.repository import Commit, short
from kargo_release.plan import Answer, Found, State

_VERSIONS_AT_ONCE = 8  # of one commit: they are packed together


def look_at(
    project: Project, head: Commit, versions: Sequence[Known], unfetched: FailedError | None
) -> list[Standing]:
    """Return how each version stands; what can't be told of one is its own error.

    Args:
        project: Where the charts are.
        head: The commit whose history is searched for what has neither a tag nor a claim.
        versions: In the order in which they are answered.
        unfetched: Why the clone may lack some of their commits.

    Raises:
        FailedError: The backup can't be listed.
        RefusedError: It may not be listed.
    """
    store = project.object_store()
    places: list[Copies] = [RegistryCopies(project.store())]
    places += [BackupCopies(store)] if store is not None else []
    commits = Commits(project, versions, unfetched)
    survey = Survey(commits, places, Origins(project, head), project.settings.git.tag)

    def stand(batch: Sequence[Known]) -> list[Standing]:
        commit = batch[0].origin.commit if batch[0].origin else ""
        packed = PackedAt(project, commit, [known.name for known in batch])
        return [survey.told(known, packed) for known in batch]

    answers = plan.each(stand, list(_batches(versions)), project.settings.jobs)
    told = {
        (each.known.name, each.known.version): each
        for answer in answers
        if not isinstance(answer, KargoError)
        for each in answer
    }
    standings = (told[known.name, known.version] for known in versions)
    return [each for each in standings if not _is_other(each)]


def _is_other(standing: Standing) -> bool:
    """Whether only the registry knows it, and as no chart: an image beside the charts."""
    known = standing.known
    is_witnessed = known.origin is not None or known.entry is not None
    return isinstance(standing.error, NoChartError) and not is_witnessed


def _batches(versions: Sequence[Known]) -> Iterator[list[Known]]:
    """Yield versions of one commit together, a few at a time."""
    by_commit: dict[str, list[Known]] = {}
    for known in versions:
        by_commit.setdefault(known.origin.commit if known.origin else "", []).append(known)
    for group in by_commit.values():
        for start in range(0, len(group), _VERSIONS_AT_ONCE):
            yield group[start : start + _VERSIONS_AT_ONCE]


@dataclass(frozen=True)
class Survey:
    """What versions are looked at with.

    Args:
        commits: Tells what tags and claims stand for.
        places: Where copies are looked for.
        origins: Finds the commits of what has neither.
        tag_form: The setting ``git.tag``.
    """

    commits: Commits
    places: Sequence[Copies]
    origins: Origins
    tag_form: str

    def told(self, known: Known, packed: PackedAt) -> Standing:
        """Return how a version stands, or that it can't be told.

        Args:
            known: The version.
            packed: The charts of the commit that its tag, else its claim, names.
        """
        try:
            return self._stand(known, packed)
        except KargoError as error:
            return _standing(known, None, {}, {"tag": error})

    def _stand(self, known: Known, packed: PackedAt) -> Standing:
        tag: Answer = self._tag(known)
        origin = self._origin(known)
        content = None
        if origin is not None:
            content = self.commits.content(known, origin, packed.at(origin.commit))
        if content is not None and (error := _fault(content)) is not None:
            tag, origin, content = error, None, None
        copies = look_up(known, self.places)
        content = content or content_of(copies)
        answers = {**compare(known, content, copies, self.places), "tag": tag}
        standing = _standing(known, content, copies, answers)
        if origin is not None:
            return replace(standing, commit=origin.commit, ref=self.commits.name(origin))
        return self._with_origin(standing, content)

    def _with_origin(self, standing: Standing, content: Content | None) -> Standing:
        """Return what is half-released with the commit that it can be finished from."""
        if content is None or not standing.is_half_out:
            return standing
        try:
            commit = self.origins.find(content.archive)
        except KargoError as error:
            return replace(standing, error=error)
        about = standing.app_version or content.told.app_version
        digest = content.told.digest
        return replace(
            standing, commit=commit, ref=short(commit), app_version=about, content_digest=digest
        )

    def _tag(self, known: Known) -> Answer:
        """Return whether the tag stands for the version."""
        name = tag_of(self.tag_form, known.name, known.version)
        if known.tag is None:
            return Found(State.ABSENT, name)
        try:
            fault = self.commits.fault(known.name, known.version, known.tag)
        except KargoError as error:
            return error
        state = State.DIFFERENT if fault else State.SAME
        return Found(state, name, digest=known.tag.commit, note=fault)

    def _origin(self, known: Known) -> Ref | None:
        """Return the tag, else the claim, if its commit holds this version."""
        for ref in (known.tag, known.claim):
            if ref is not None and self._holds(known, ref):
                return ref
        return None

    def _holds(self, known: Known, ref: Ref) -> bool:
        try:
            return not self.commits.fault(known.name, known.version, ref)
        except KargoError:
            return False


def _fault(content: Content) -> KargoError | None:
    """Return why a commit's chart can't be packed, where its files must be looked at."""
    try:
        content.digest  # noqa: B018 - it is worked out here, where a fault has its place
    except KargoError as error:
        return error
    return None


def _standing(
    known: Known,
    content: Content | None,
    copies: Mapping[str, LookedUp],
    answers: Mapping[str, Answer],
) -> Standing:
    errors = [answer for answer in answers.values() if isinstance(answer, KargoError)]
    found = {name: each for name, each in answers.items() if isinstance(each, Found)}
    out = [each.sha256 for each in found.values() if each.state in OUT and each.sha256]
    sizes = {copy.sha256: copy.size for copy in copies.values() if isinstance(copy, Copy)}
    sha256 = next(iter(out), content.sha256 if content else "")
    told = content.told if content else NOTHING
    return Standing(
        known,
        app_version=str((known.entry or {}).get("appVersion") or told.app_version),
        commit="",
        ref="",
        sha256=sha256,
        content_digest=told.digest,
        size=sizes.get(sha256),
        found=found,
        outcomes={name: outcome_of(answer) for name, answer in answers.items()},
        is_current=False,
        error=errors[0] if errors else None,
    )
