"""Every fault, at every kind of request: retried or told, nothing half, and the next run completes.

Each case is a whole release through proxies, in a process of its own, for most of them wait.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest
from fault_cases import Case, every_case
from fault_table import RENEW, Outcome, documented, is_as_rendered, renew
from faulty_release import Result, Servers, outcome_of, try_case
from servers import DockerRegistry
from surroundings import enter

_AT_ONCE = 10
_PRELOADED = ["faulty_release", "kargo_release.program", "kargo_release.bucket.s3_client"]

Finish = Callable[[Case], Result]


def cases_of(item: pytest.Item) -> Iterator[Case]:
    """Yield the case that a test is about."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        yield from (each for each in item.callspec.params.values() if isinstance(each, Case))


@pytest.fixture(scope="module")
def finish(
    request: pytest.FixtureRequest,
    docker_host: DockerRegistry,
    s3_endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Finish]:
    """Try all chosen cases at once, each in a process that has been begun without threads."""
    chosen = [case for item in request.session.items for case in cases_of(item)]
    servers = Servers(docker_host.host, s3_endpoint.removeprefix("http://"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    home = (tmp_path_factory.mktemp("home"),)
    with ProcessPoolExecutor(_AT_ONCE, context, initializer=enter, initargs=home) as pool:
        futures: dict[Case, Future[Result]] = {
            case: pool.submit(try_case, case, servers)
            # Those that wait longest are begun first.
            for case in sorted(chosen, key=lambda case: case.is_silent, reverse=True)
        }
        yield lambda case: futures[case].result()
        if request.config.getoption("write_faults"):
            renew({case: outcome_of(each.result()) for case, each in futures.items()})


def identify(case: Case) -> str:
    return f"{case.destination}-{case.moment or 'address'}-{case.fault}".replace(" ", "-")


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=() if c.is_quick else pytest.mark.long) for c in every_case()],
    ids=identify,
)
def test_tells_a_fault_or_tries_again_and_the_next_run_completes(
    case: Case, finish: Finish, pytestconfig: pytest.Config
) -> None:
    result = finish(case)

    assert result.problems == ()
    if not pytestconfig.getoption("write_faults"):
        expected: Outcome | None = documented().get(case)
        assert outcome_of(result) == expected, f"docs/faults.md is out of date: {RENEW}"


def test_the_page_tells_of_every_case_and_of_no_other(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("write_faults"):
        pytest.skip("the page is written at the end of this run")
    assert set(documented()) == set(every_case()), f"docs/faults.md is out of date: {RENEW}"
    assert is_as_rendered(), f"docs/faults.md is not as it is written: {RENEW}"
