"""What must hold after every single step, whoever made it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kargo_release.charts.route import Rows
from kargo_release.errors import RefusedError
from kargo_release.plan import Row
from kargo_release.tasks.chart_documents import exit_code

from .gates import Actor
from .world import Seen, World

VERSION = "1.0.0"


@dataclass
class Deeds:
    """What an actor has done: when it began, what was out then, what it changed for good.

    ``listed`` is what was out when it last listed the refs of the Git remote; ``written`` and
    ``claimed`` have versions.
    """

    began: int
    found: Seen
    listed: Seen
    written: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)


@dataclass
class Laws:
    """Watches every step.

    ``given_up`` has the claims that were removed before their tag came, and the step. Who relied
    on such a claim may be between its look at the registry and its write there, and registries
    know no conditions: ``bare`` has versions that were written there without a claim. Only of
    those may content be overwritten in the registry, and then they are ``spoilt``: docs/protocol.md
    tells that limit. They are held to every other law.
    """

    world: World
    met: Counter[str] = field(default_factory=Counter)
    step: int = 0
    given_up: dict[str, int] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    deeds: dict[str, Deeds] = field(default_factory=dict)

    def begin(self, actor: str) -> None:
        """Remember what is out as somebody begins."""
        self.deeds[actor] = Deeds(self.step, self.see(), self.see())

    def see(self) -> Seen:
        """Return what is out now."""
        return Seen.of(self.world)

    def check(self, before: Seen, actor: str, what: str) -> Seen:
        """Hold what an actor has just done against every law; return what is out now."""
        self.step += 1
        after = self.see()
        if what == "git: ls-remote" and actor in self.deeds:
            self.deeds[actor].listed = before
        if after != before:
            self._check_registry(before, after)
            self._check_backup(before, after)
            self._check_tags(before, after, actor)
            self._check_claims(before, after, actor)
            self._check_one_content(after)
            self._note(before, after, actor)
        return after

    def content(self, key: str, oid: str) -> str:
        """Return the content of a version at the commit that an object stands for."""
        name = key.removesuffix(f"-{VERSION}.tgz")
        return self.world.history.contents[self.world.remote.commit_of(oid), name]

    def _check_registry(self, before: Seen, after: Seen) -> None:
        assert before.registry.keys() <= after.registry.keys()
        for key in filter(is_release, after.registry):
            old, new = before.registry.get(key), after.registry[key]
            if old == new:
                continue
            if not self._is_claimed(key, new, before):
                assert key in self.given_up, f"{key} was pushed without a claim"
                self.bare.add(key)
                self.met["a copy without a claim"] += 1
            if old is not None:
                assert key in self.bare, f"{key} was overwritten in the registry"
                self.spoilt.add(key)
                self.met["an overwritten copy"] += 1

    def _is_claimed(self, key: str, content: str, seen: Seen) -> bool:
        oids = (seen.claims.get(key), seen.tags.get(key))
        return any(oid and self.content(key, oid) == content for oid in oids)

    def _check_backup(self, before: Seen, after: Seen) -> None:
        for key in filter(is_release, before.backup):
            assert after.backup.get(key) == before.backup[key], f"{key} was overwritten"
        files = [file for file, _ in after.listed]
        assert len(files) == len(set(files)), "a version stands twice in the index"
        assert {file for file, _ in before.listed} <= set(files), "the index lost a version"
        for file, digest in after.listed:
            assert not is_release(file) or after.digests[file] == digest, f"{file} is not listed so"

    def _check_tags(self, before: Seen, after: Seen, actor: str) -> None:
        assert before.tags.items() <= after.tags.items(), "a tag was moved"
        for key in after.tags.keys() - before.tags.keys():
            content = self.content(key, after.tags[key])
            assert self._is_claimed(key, content, self.deeds[actor].listed), f"{key} has no claim"
            assert after.backup.get(key) == content, f"{key} is tagged and not backed up"
            assert (key, after.digests[key]) in after.listed, f"{key} is tagged and not listed"
            if key not in self.spoilt:
                assert after.registry.get(key) == content, f"{key} is tagged and not pushed"

    def _check_claims(self, before: Seen, after: Seen, actor: str) -> None:
        for key, oid in before.claims.items():
            assert after.claims.get(key, oid) == oid, f"the claim of {key} changed hands"
            if key in after.claims or key in after.tags:
                continue
            self.given_up[key] = self.step
            self.met[f"a claim given up by {actor.partition('-')[0]}"] += 1
            deeds = self.deeds.get(actor)
            if deeds is None:  # the outsider
                continue
            content = self.content(key, oid)
            if actor.startswith("abandon"):
                found = (deeds.found.registry.get(key), deeds.found.backup.get(key))
                assert content not in found, f"{key} was abandoned, and it is out"
            else:
                assert key in deeds.claimed, f"{actor} gave up somebody else's claim of {key}"
                assert key not in deeds.written, f"{actor} gave up {key}, and has put it out"

    def _check_one_content(self, seen: Seen) -> None:
        for key in {*seen.registry, *seen.backup} - self.spoilt:
            if is_release(key):
                tag = seen.tags.get(key)
                out = {seen.registry.get(key), seen.backup.get(key), tag and self.content(key, tag)}
                assert len(out - {None}) == 1, f"{key} is out with two contents"

    def _note(self, before: Seen, after: Seen, actor: str) -> None:
        for each in self.deeds.values():
            each.claimed -= before.claims.keys() - after.claims.keys()
        deeds = self.deeds.get(actor)
        if deeds is None:
            return
        deeds.claimed |= after.claims.keys() - before.claims.keys()
        deeds.written |= {key for _, key, _ in after.out ^ before.out}

    def check_end(self, actor: Actor[Any]) -> None:
        """Hold how a command ended against what it promises."""
        kind = actor.name.partition("-")[0]
        if actor.is_dead:
            self.met[f"{kind} died"] += 1
        elif actor.error is not None:
            self.met[f"{kind}: {type(actor.error).__name__}"] += 1
            self._check_error(actor, actor.error, None)
        elif kind in ("abandon", "rebuild"):
            self.met[f"{kind}: {'done' if actor.result else 'nothing'}"] += 1
        else:
            self._check_rows(actor, kind, actor.result or [])

    def _check_rows(self, actor: Actor[Any], kind: str, rows: Rows) -> None:
        for row in rows:
            if row.error is not None:
                self._check_error(actor, row.error, f"{row.desired.name}-{VERSION}.tgz")
            elif not row.is_complete:
                assert any(each.error for each in rows), "nothing was done, and nothing is told"
            elif not row.desired.is_dev:
                self._check_success(row)
        for row in rows:
            told = row.error and type(row.error).__name__
            self.met[f"{kind}: {told or ' '.join(sorted(set(row.outcomes.values())))}"] += 1
        if exit_code(rows, {}) == RefusedError.exit_code:
            deeds = self.deeds[actor.name]
            assert not deeds.written, f"{actor.name} was refused and has changed {deeds.written}"
            assert not deeds.claimed, f"{actor.name} was refused and keeps {deeds.claimed}"

    def _check_success(self, row: Row[Any]) -> None:
        key, seen = f"{row.desired.name}-{row.desired.version}.tgz", self.see()
        assert key in seen.tags, f"{key} is said to be out and is not tagged"
        content = self.world.history.contents[row.desired.commit.sha, row.desired.name]
        assert self.content(key, seen.tags[key]) == content, f"{key} is out with other content"

    def _check_error(self, actor: Actor[Any], error: Exception, key: str | None) -> None:
        """Fail if a command that met no fault was not refused but failed, without an excuse."""
        if actor.name.startswith("dev"):
            assert not isinstance(error, RefusedError), f"{actor.name} was refused: {error}"
            return
        if actor.met_fault or isinstance(error, RefusedError):
            return
        began = self.deeds[actor.name].began
        excused = any(step >= began for step in self.given_up.values()) or key in self.spoilt
        assert excused, f"{actor.name} failed: {error}"


def is_release(key: str) -> bool:
    """Whether a version is no development version."""
    return key.endswith(f"-{VERSION}.tgz")
