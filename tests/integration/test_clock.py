"""The clock jumps while a release runs: what depends on it is told, and nothing else does."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from clock import Clock
from fault_cases import Moment, Shown, Step
from faults import busy_until, told
from forwarding import Answer, Broken, Forward, Proxy, Request, forwarding
from released import archives_in_bucket, archives_in_registry, claims, tagged_commits
from sandbox import Sandbox

JUMPS = [timedelta(days=-2), timedelta(hours=1), timedelta(days=3650)]
# Amazon S3 API Reference, "Error responses": RequestTimeTooSkewed, beyond 15 minutes.
_LARGEST_SKEW = timedelta(minutes=15)
_SKEWED = told(
    403,
    b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time "
    b"and the current time is too large.</Message></Error>",
    ("Content-Type", "application/xml"),
)


@dataclass
class Timed:
    """A platform behind proxies, and the clock of whoever releases it."""

    sandbox: Sandbox
    registry: Proxy
    s3: Proxy
    clock: Clock

    def jump_after_the_manifest(self, by: timedelta) -> None:
        """Set the clock between the registry and the backup."""

        def between(request: Request, forward: Forward) -> Answer:
            answer = forward()
            if request.method == "PUT" and "/manifests/" in request.path:
                self.clock.jump(by)
            return answer

        self.registry.between = between


@pytest.fixture
def timed(platform: Sandbox) -> Iterator[Timed]:
    host, _, path = platform.registry.partition("/")
    clock = Clock()
    with ExitStack() as stack:
        registry = stack.enter_context(forwarding(host))
        s3 = stack.enter_context(forwarding(platform.endpoint.removeprefix("http://")))
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{registry.host}/{path}"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{s3.host}"
        stack.enter_context(clock.installed())
        yield Timed(platform, registry, s3, clock)


def minding_the_time(request: Request, forward: Forward) -> Answer | Broken:
    """Answer as S3 does to a request that was signed at another time."""
    signed = dict(request.headers)["X-Amz-Date"]
    moment = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    skewed = abs(datetime.now(UTC) - moment) > _LARGEST_SKEW
    return _SKEWED(request, forward) if skewed else forward()


def check_complete(sandbox: Sandbox) -> None:
    commit = sandbox.git("rev-parse", "HEAD")
    [archive] = archives_in_registry(sandbox, "kano").values()
    assert archives_in_bucket(sandbox) == {"kano-1.0.0.tgz": archive}
    assert tagged_commits(sandbox) == {"kano-1.0.0": commit}
    assert claims(sandbox) == []


@pytest.mark.parametrize("by", JUMPS, ids=str)
def test_completes_when_the_clock_jumps_and_nobody_minds(timed: Timed, by: timedelta) -> None:
    timed.jump_after_the_manifest(by)

    ended = timed.sandbox.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"published"}
    check_complete(timed.sandbox)


@pytest.mark.parametrize("by", JUMPS, ids=str)
def test_tells_a_clock_that_jumped_away_from_that_of_s3(timed: Timed, by: timedelta) -> None:
    timed.jump_after_the_manifest(by)
    timed.s3.between = minding_the_time

    ended = timed.sandbox.run("release-chart", "kano", "--json")

    assert ended.exit_code == 1, ended.err
    assert ended.tells("this machine's clock differs from the server's", "Set the clock")
    assert tagged_commits(timed.sandbox) == {}
    timed.clock.jump(-by)
    assert timed.sandbox.run("release-chart", "kano").exit_code == 0
    check_complete(timed.sandbox)


def test_refuses_to_begin_with_a_wrong_clock(timed: Timed) -> None:
    timed.clock.jump(timedelta(hours=1))
    timed.s3.between = minding_the_time

    ended = timed.sandbox.run("release-chart", "kano", "--json")

    assert ended.exit_code == 3, ended.err
    assert ended.tells("this machine's clock differs from the server's", "Set the clock")
    assert archives_in_registry(timed.sandbox, "kano") == {}
    assert claims(timed.sandbox) == []


def test_tries_again_at_once_when_the_time_to_wait_for_is_past(timed: Timed) -> None:
    step = Step(Moment("PUT", "/manifests/"), Shown(busy_until(-86400), times=1))
    timed.registry.between = step

    ended = timed.sandbox.run("release-chart", "kano")

    assert (ended.exit_code, step.met) == (0, 1), ended.err
    check_complete(timed.sandbox)
