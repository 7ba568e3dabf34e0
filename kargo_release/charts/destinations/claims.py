"""The claim as a destination: a ref on the Git remote that only one releaser can create.

It names the commit that is being released. Who finds it with the same content helps to finish;
with other content, the release is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from kargo_release.charts.desired import ChartRelease
from kargo_release.errors import FailedError, KargoError, RefusedError
from kargo_release.git.remote import CLAIMS, Push, Remote, RemoteRefs
from kargo_release.git.repository import short
from kargo_release.plan import Answer, Found, Row, State


class ContentAt(Protocol):
    """What a chart's content was at another commit."""

    def __call__(self, commit: str, name: str) -> str | None:
        """Return the content digest that the chart had there, None when there was none."""
        ...


def claim_name(release: ChartRelease) -> str:
    """Return the claim's name below ``refs/kargo-release/``; Git forbids no part of a version."""
    return f"{release.name}-{release.version}"


def claim_ref(release: ChartRelease) -> str:
    """Return the claim's whole name on the remote."""
    return f"{CLAIMS}{claim_name(release)}"


class ClaimDestination:
    """The claims on the Git remote.

    Args:
        remote: Where claims are pushed to.
        refs: What the remote held when the plan was made.
        tag_name: Gives the tag that will end a release's claim.
        content_at: Tells the content of a claim that names another commit.
    """

    name = "claim"

    def __init__(
        self,
        remote: Remote,
        refs: RemoteRefs,
        tag_name: Callable[[ChartRelease], str],
        content_at: ContentAt,
    ) -> None:
        self._remote = remote
        self._refs = refs
        self._tag_name = tag_name
        self._content_at = content_at

    def find(self, desired: Sequence[ChartRelease]) -> Sequence[Answer]:
        """Return how each claim stands; a tagged release needs none."""
        return [self._find(release, self._refs) for release in desired]

    def publish(
        self, rows: Sequence[Row[ChartRelease]], done: Callable[[Row[ChartRelease], Answer], None]
    ) -> Sequence[Answer]:
        """Claim all releases or none: what was claimed is given up when one is refused."""
        releases = [row.desired for row in rows]
        rejected = self._remote.create(
            [Push(claim_ref(each), each.commit.sha) for each in releases]
        )
        # A tag may have come, and its claim gone, since the plan was made: only under our own
        # claim does the remote's answer stay true.
        refs = self._remote.refs()
        answers = [
            self._claimed(each, refs, rejected.get(claim_ref(each), "")) for each in releases
        ]
        if any(isinstance(answer, KargoError) for answer in answers):
            stay = self._give_up([each for each in releases if claim_ref(each) not in rejected])
            answers = [
                _not_begun(release, answer, stays=claim_ref(release) in stay)
                for release, answer in zip(releases, answers, strict=True)
            ]
        for row, answer in zip(rows, answers, strict=True):
            done(row, answer)
        return answers

    def _give_up(self, releases: Sequence[ChartRelease]) -> set[str]:
        """End claims of ours; return those that stay all the same.

        One that a helper has ended meanwhile is rejected, too, but is gone.
        """
        try:
            kept = self.end(releases)
            claims = self._remote.refs().claims if kept else {}
        except FailedError:
            return set(map(claim_ref, releases))
        return {ref for ref in kept if ref.removeprefix(CLAIMS) in claims}

    def end(self, releases: Sequence[ChartRelease]) -> dict[str, str]:
        """Remove the claims of ``releases``; one that somebody changed meanwhile stays.

        Returns:
            The refs that stay, each with the remote's reason.
        """
        held = [(claim_ref(each), self._claimed_commit(each)) for each in releases]
        return self._remote.push([Push(ref, "", commit) for ref, commit in held]) if held else {}

    def lost(self, releases: Sequence[ChartRelease]) -> list[ChartRelease]:
        """Return those that have neither their claim nor their tag: somebody gave them up."""
        refs = self._remote.refs()
        return [
            release
            for release in releases
            if refs.claims.get(claim_name(release)) != release.commit.sha
            and self._tag_name(release) not in refs.tagged
        ]

    def left_over(self, releases: Sequence[ChartRelease]) -> list[ChartRelease]:
        """Return those that had a claim when the plan was made."""
        return [release for release in releases if claim_name(release) in self._refs.claims]

    def _claimed_commit(self, release: ChartRelease) -> str:
        return self._refs.claims.get(claim_name(release), release.commit.sha)

    def _find(self, release: ChartRelease, refs: RemoteRefs) -> Found:
        claim = refs.claims.get(claim_name(release))
        reference = claim_ref(release)
        if self._tag_name(release) in refs.tagged:
            return Found(State.SAME, reference, note="ended by the tag")
        if claim is None:
            return Found(State.ABSENT, reference)
        note = f"begun from commit {short(claim)}"
        if claim == release.commit.sha or self._is_same(release, claim):
            return Found(State.SAME, reference, digest=claim, note=note)
        return Found(State.DIFFERENT, reference, digest=claim, note=note)

    def _is_same(self, release: ChartRelease, commit: str) -> bool:
        return self._content_at(commit, release.name) == release.archive.content_digest

    def _claimed(self, release: ChartRelease, refs: RemoteRefs, rejected: str) -> Answer:
        """Return what the remote holds after our push: our claim, or somebody else's word."""
        tagged = refs.tagged.get(self._tag_name(release))
        if tagged is not None and not self._is_same(release, tagged):
            return _refuse(release, f"was tagged meanwhile, at commit {short(tagged)}")
        found = self._find(release, refs)
        if found.state is State.DIFFERENT:
            return _refuse(release, f"is being released with other content, {found.note}")
        if found.state is State.ABSENT:
            return _not_taken(release, rejected or "it is gone again")
        return replace(found, is_met=bool(rejected))


def _refuse(release: ChartRelease, what: str) -> RefusedError:
    return RefusedError(
        f"{release.title} {what}",
        f"Give {release.name} a new version, or finish or abandon what was begun (list-charts).",
    )


def _not_taken(release: ChartRelease, reason: str) -> RefusedError:
    return RefusedError(
        f"the Git remote did not take the claim {claim_ref(release)}: {reason}",
        f"Allow {CLAIMS}* there; set `git.claims: false` if only one release runs at a time.",
    )


def _not_begun(release: ChartRelease, answer: Answer, *, stays: bool) -> KargoError:
    """Return why nothing of a release is done; no refusal where its claim stays behind."""
    if isinstance(answer, KargoError):
        return FailedError(f"{answer.message}; its claim stays", answer.remedy) if stays else answer
    if not stays:
        return held_back(release)
    return FailedError(
        f"{release.title} was held back, for another chart was refused, but its claim stays",
        f"Drop it with release-chart {release.name} --abandon, or release it.",
    )


def held_back(release: ChartRelease) -> RefusedError:
    """Return why a release that nothing is wrong with was not begun."""
    return RefusedError(
        f"{release.title} was held back, for another chart of this run was refused",
        "Run it again without the refused chart.",
    )
