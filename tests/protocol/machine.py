"""Many commands at once, of which every step may interleave, fail or be its sender's last."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .gates import Actor, Order
from .laws import VERSION, Laws, is_release
from .world import CHARTS, Side, World

_AT_ONCE, _DEV_AT_ONCE = 4, 2  # commands


sides = st.builds(
    Side, st.sampled_from(["first", "twin", "kano", "both"]), st.sampled_from(["315532800", "9"])
)
charts = st.sampled_from([CHARTS[:1], CHARTS[1:], CHARTS, CHARTS[::-1]])
numbers = st.integers(0, _AT_ONCE - 1)
some_steps = st.integers(1, 12)
faults = st.sampled_from([each for each in Order if each is not Order.GO])
# What comes before a write, or is one: where it matters who is first.
turns = st.sampled_from(
    ["git: push", "registry: look", "registry: write", "bucket: write", "git: ls-remote"]
)


class Releases(RuleBasedStateMachine):
    """Commands that run at once on one platform.

    ``met`` counts what the runs led to.
    """

    met: Counter[str]

    def make_world(self, *, keeps_metadata: bool) -> World:
        """Return a new world: which Git it has is up to the test."""
        raise NotImplementedError

    @initialize(keeps_metadata=st.booleans(), rivals=st.lists(sides, max_size=_AT_ONCE - 1))
    def start(self, keeps_metadata: bool, rivals: list[Side]) -> None:
        """Let some have made their plans, on an empty platform, and be about to claim."""
        self.world = self.make_world(keeps_metadata=keeps_metadata)
        self.laws = Laws(self.world, self.met)
        self.actors: list[Actor[Any]] = []
        self.count = 0
        self.has_failed = self.has_meddled = False
        for side in rivals:
            self.go_to(self.begin("release", self.world.release(side, CHARTS[:1])), "git: push")

    @property
    def has_room(self) -> bool:
        return len(self.actors) < _AT_ONCE

    def running(self, kind: str) -> int:
        return sum(actor.name.startswith(kind) for actor in self.actors)

    def is_new(self, kind: str) -> bool:
        return not any(name.startswith(kind) for name in self.laws.deeds)

    @property
    def is_busy(self) -> bool:
        return bool(self.actors)

    @precondition(lambda self: self.has_room)
    @rule(side=sides, names=charts)
    def release(self, side: Side, names: tuple[str, ...]) -> None:
        self.begin("release", self.world.release(side, names))

    @precondition(lambda self: self.has_room)
    @rule(side=sides, names=charts, what=turns)
    def release_to(self, side: Side, names: tuple[str, ...], what: str) -> None:
        self.go_to(self.begin("release", self.world.release(side, names)), what)

    @precondition(lambda self: self.has_room)
    @rule(side=sides, what=turns)
    def release_and_die(self, side: Side, what: str) -> None:
        actor = self.begin("release", self.world.release(side, ["kano"]))
        self.go_to(actor, what)
        if actor.calls is not None:
            self.resume(actor, Order.DIE_AFTER)

    @precondition(lambda self: self.has_room and self.running("dev") < _DEV_AT_ONCE)
    @rule(side=sides, names=charts)
    def release_dev(self, side: Side, names: tuple[str, ...]) -> None:
        self.begin("dev", self.world.release_dev(side, names))

    @precondition(lambda self: self.has_room and self.is_new("rebuild"))
    @rule()
    def rebuild(self) -> None:
        self.begin("rebuild", self.world.rebuild())

    @precondition(lambda self: self.has_room and self.laws.see().claims)
    @rule(side=sides)
    def abandon(self, side: Side) -> None:
        begun = [name for name in CHARTS if f"{name}-{VERSION}.tgz" in self.laws.see().claims]
        self.begin("abandon", self.world.abandon(side, begun))

    @precondition(lambda self: self.is_busy)
    @rule(number=numbers, count=some_steps)
    def go_on(self, number: int, count: int) -> None:
        actor = self.actors[number % len(self.actors)]
        while actor.calls is not None and count:
            self.resume(actor, Order.GO)
            count -= 1

    @precondition(lambda self: self.is_busy)
    @rule(number=numbers, what=turns)
    def go_on_to(self, number: int, what: str) -> None:
        actor = self.actors[number % len(self.actors)]
        self.resume(actor, Order.GO)
        self.go_to(actor, what)

    @precondition(lambda self: self.is_busy)
    @rule(number=numbers)
    def finish(self, number: int) -> None:
        self.run_to_end(self.actors[number % len(self.actors)])

    @precondition(lambda self: self.is_busy)
    @rule(number=numbers, order=faults)
    def strike(self, number: int, order: Order) -> None:
        self.resume(self.actors[number % len(self.actors)], order)

    @precondition(lambda self: self.is_busy)
    @rule(number=numbers, order=faults, what=turns)
    def strike_at(self, number: int, order: Order, what: str) -> None:
        actor = self.actors[number % len(self.actors)]
        self.go_to(actor, what)
        if actor.calls is not None:
            self.resume(actor, order)

    @precondition(lambda self: not self.has_meddled and self.laws.see().claims)
    @rule(data=st.data())
    def delete_a_claim(self, data: st.DataObject) -> None:
        self.has_meddled = True
        before = self.laws.see()
        key = data.draw(st.sampled_from(sorted(before.claims)))
        self.world.remote.delete(f"refs/kargo-release/{key.removesuffix('.tgz')}")
        self.laws.check(before, "outsider", "deletes a claim")

    def begin(self, kind: str, work: Any) -> Actor[Any]:
        self.count += 1
        name = f"{kind}-{self.count}"
        self.laws.begin(name)
        actor = Actor(name, work)
        self.actors.append(actor)
        self.settle(actor)
        return actor

    def resume(self, actor: Actor[Any], order: Order) -> None:
        before, what = self.laws.see(), actor.calls or ""
        try:
            actor.resume(order)
            self.laws.check(before, actor.name, what)
            self.settle(actor)
        except BaseException:
            self.has_failed = True
            raise

    def go_to(self, actor: Actor[Any], what: str) -> None:
        while actor.calls is not None and not actor.calls.startswith(what):
            self.resume(actor, Order.GO)

    def settle(self, actor: Actor[Any]) -> None:
        if actor.calls is None:
            self.actors.remove(actor)
            self.laws.check_end(actor)

    def run_to_end(self, actor: Actor[Any]) -> None:
        while actor.calls is not None:
            self.resume(actor, Order.GO)

    def teardown(self) -> None:
        if not hasattr(self, "laws"):
            return
        try:
            if not self.has_failed:
                self.let_all_run_again()
        finally:
            for actor in self.actors:
                if actor.calls is not None:
                    actor.resume(Order.DIE_BEFORE)

    def let_all_run_again(self) -> None:
        """End every command, then release every content again, twice: one of each must be out."""
        for actor in list(self.actors):
            self.run_to_end(actor)
        self.release_all()
        self.release_all()
        if self.abandon_in_vain():
            self.release_all()
        dev = self.begin("dev", self.world.release_dev(Side("both"), CHARTS))
        self.run_to_end(dev)
        assert all(row.error is None for row in dev.result or ())
        self.check_all_is_out()

    def release_all(self) -> None:
        for label in ["first", "kano", "both"]:
            for name in CHARTS:
                self.run_to_end(self.begin("release", self.world.release(Side(label), [name])))

    def abandon_in_vain(self) -> bool:
        """Abandon claims in whose way is a copy that lost its own; return whether there were."""
        in_vain = sorted(self.laws.given_up.keys() & self.laws.see().claims.keys())
        for key in in_vain:
            name = key.removesuffix(f"-{VERSION}.tgz")
            self.run_to_end(self.begin("abandon", self.world.abandon(Side("first"), [name])))
        return bool(in_vain)

    def check_all_is_out(self) -> None:
        seen = self.laws.see()
        listed = dict(seen.listed)
        for key in {*seen.registry, *seen.backup, *seen.tags, *seen.claims} - self.laws.spoilt:
            assert listed[key] == seen.digests[key]
            assert seen.registry[key] == seen.backup[key]
            assert not is_release(key) or key in seen.tags
        assert not seen.claims.keys() - self.laws.spoilt
