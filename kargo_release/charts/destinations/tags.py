"""The tag as a destination: the commit point of a release, which ends its claim."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from kargo_release.charts.desired import ChartRelease
from kargo_release.charts.destinations.claims import ContentAt
from kargo_release.errors import FailedError, KargoError, RefusedError
from kargo_release.git.remote import Push, Remote, RemoteRefs
from kargo_release.git.repository import Repository, short
from kargo_release.plan import Answer, Found, Row, State

CONTENT_DIGEST, ARCHIVE_DIGEST = "Content-Digest", "Archive-Digest"
# GitHub raises no event for tags when more than three are pushed at once.
_TAGS_A_PUSH = 3


class TagDestination:
    """Tags in this clone and, where there is one, on the Git remote.

    Args:
        repository: This clone.
        remote: Where tags are pushed to; None for releases that stay on this machine.
        refs: What the remote held when the plan was made.
        template: The tag's name with ``{name}`` and ``{version}`` in it.
        content_at: Tells the content of a tag that does not say it.
    """

    name = "tag"

    def __init__(
        self,
        repository: Repository,
        remote: Remote | None,
        refs: RemoteRefs,
        template: str,
        content_at: ContentAt,
    ) -> None:
        self._repository = repository
        self._remote = remote
        self._refs = refs
        self._template = template
        self._content_at = content_at

    def tag_name(self, release: ChartRelease) -> str:
        """Return the release's tag: ``kano-1.4.0``."""
        return tag_of(self._template, release.name, release.version)

    def is_out(self, release: ChartRelease) -> bool:
        """Whether the remote bears the release's tag, whatever it stands for."""
        return self.tag_name(release) in self._refs.tagged

    def find(self, desired: Sequence[ChartRelease]) -> Sequence[Answer]:
        """Return what each release's tag stands for."""
        local = self._repository.local_tags()
        return [self._find(release, local) for release in desired]

    def publish(
        self, rows: Sequence[Row[ChartRelease]], done: Callable[[Row[ChartRelease], Answer], None]
    ) -> Sequence[Answer]:
        """Tag each release and push the tags, three at a time."""
        answers: list[Answer] = []
        for start in range(0, len(rows), _TAGS_A_PUSH):
            some = rows[start : start + _TAGS_A_PUSH]
            answers += self._attempt(some)
            for row, answer in zip(some, answers[start:], strict=True):
                done(row, answer)
        return answers

    def _find(self, release: ChartRelease, local: dict[str, str]) -> Found:
        name = self.tag_name(release)
        known = local if self._remote is None else self._refs.tagged
        if name in known:
            tag_object = self._refs.tags.get(name, name)
            return self._compare(release, known[name], self._declared(name, tag_object))
        if name in local and local[name] != release.commit.sha:
            found = self._compare(release, local[name], self._declared(name, name))
            if found.state is State.DIFFERENT:
                return Found(found.state, name, found.digest, note=f"in this clone, {found.note}")
        return Found(State.ABSENT, name)

    def _compare(self, release: ChartRelease, commit: str, declared: str | None) -> Found:
        content = declared or self._content_at(commit, release.name)
        same = content == release.archive.content_digest
        note = "" if commit == release.commit.sha else f"at commit {short(commit)}"
        state = State.SAME if same else State.DIFFERENT
        return Found(state, self.tag_name(release), digest=commit, note=note)

    def _declared(self, name: str, tag_object: str) -> str | None:
        """Return the content digest that an annotated tag of ours states."""
        if self._remote is not None and not self._repository.has(tag_object):
            self._remote.fetch([f"refs/tags/{name}"])
        return trailers(self._repository.message(tag_object)).get(CONTENT_DIGEST)

    def _attempt(self, rows: Sequence[Row[ChartRelease]]) -> Sequence[Answer]:
        """Return what ``_publish`` does; what fails is the answer for these rows alone."""
        try:
            return self._publish(rows)
        except KargoError as error:
            return [error] * len(rows)

    def _publish(self, rows: Sequence[Row[ChartRelease]]) -> list[Answer]:
        names = [self.tag_name(row.desired) for row in rows]
        objects = [self._write(row) for row in rows]
        rejected = self._push(names, objects)
        answers: list[Answer] = []
        for row, name, tag_object in zip(rows, names, objects, strict=True):
            if name in rejected:
                answers.append(self._after_rejection(row.desired, rejected[name]))
                continue
            self._keep(name, tag_object)
            answers.append(Found(State.SAME, name, digest=row.desired.commit.sha))
        return answers

    def _keep(self, name: str, tag_object: str) -> None:
        """Set the tag in this clone: the release itself where there is no remote."""
        if self._remote is None:
            self._repository.set_tag(name, tag_object)
            return
        with suppress(FailedError):  # released all the same; `git fetch --tags` brings it later
            self._repository.set_tag(name, tag_object)

    def _write(self, row: Row[ChartRelease]) -> str:
        release = row.desired
        return self._repository.write_tag(self.tag_name(release), release.commit, _message(row))

    def _push(self, names: Sequence[str], objects: Sequence[str]) -> dict[str, str]:
        if self._remote is None:
            return {}
        refs = [f"refs/tags/{name}" for name in names]
        pairs = zip(refs, objects, strict=True)
        rejected = self._remote.push([Push(ref, tag_object) for ref, tag_object in pairs])
        return {ref.removeprefix("refs/tags/"): reason for ref, reason in rejected.items()}

    def _after_rejection(self, release: ChartRelease, reason: str) -> Answer:
        """Return what the remote holds now: somebody who helped may have tagged the same."""
        name = self.tag_name(release)
        self._refs = self._remote.refs() if self._remote else self._refs
        if name not in self._refs.tagged:
            return FailedError(
                f"the Git remote did not take the tag {name}: {reason}",
                "Allow it there (protected tags?), then run this again.",
            )
        found = self._find(release, {})
        if found.state is State.SAME:
            return found
        return RefusedError(
            f"the tag {name} was pushed by somebody else meanwhile, {found.note}",
            f"Compare both commits, and give {release.name} a new version.",
        )


def tag_of(form: str, name: str, version: str) -> str:
    """Return the tag of a version by the setting ``git.tag``: ``kano-1.4.0``."""
    return form.replace("{name}", name).replace("{version}", version)


def trailers(message: str) -> dict[str, str]:
    """Return what an annotated tag of ours states of the release; empty for anybody else's."""
    pairs = (line.partition(": ") for line in message.splitlines())
    known = (CONTENT_DIGEST, ARCHIVE_DIGEST)
    return {key: value.strip() for key, _, value in pairs if key in known}


def _message(row: Row[ChartRelease]) -> str:
    release = row.desired
    lines = [f"{release.title}", ""]
    if "registry" in row.found:
        registry = row.found["registry"]
        lines += [f"Reference: {registry.reference}", f"Digest: {registry.digest}"]
    lines += [
        f"{ARCHIVE_DIGEST}: sha256:{release.archive.sha256}",
        f"{CONTENT_DIGEST}: {release.archive.content_digest}",
    ]
    return "\n".join(lines) + "\n"
