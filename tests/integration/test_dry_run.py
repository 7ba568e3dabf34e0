"""A dry run of any command shows the plan, and changes nothing anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from forwarding import Answer, Forward, Request, forwarding
from sandbox import Sandbox
from untouched import everything

RELEASE = ("release-chart", "kano")
DEV = ("release-dev-chart",)
PACKAGE = ("package-chart", "kano", "--destination", "dist")
ABANDON = ("release-chart", "kano", "--abandon")
COMMANDS = [RELEASE, (*RELEASE, "--ref", "HEAD"), DEV, (*DEV, "kano"), PACKAGE, ABANDON]
READING = {"GET", "HEAD"}


@dataclass
class Recorded:
    """A platform behind proxies that record, and the requests that came."""

    platform: Sandbox
    requests: list[str] = field(default_factory=list)

    def keep(self, request: Request, forward: Forward) -> Answer | None:
        self.requests.append(f"{request.method} {request.path}")
        return forward()

    def changing(self) -> list[str]:
        return [each for each in self.requests if each.split()[0] not in READING]


@pytest.fixture
def recorded(platform: Sandbox) -> Iterator[Recorded]:
    """A platform whose registry and bucket are reached by recording proxies."""
    recorded = Recorded(platform)
    host, _, path = platform.registry.partition("/")
    bucket = platform.endpoint.removeprefix("http://")
    with forwarding(host, recorded.keep) as registry, forwarding(bucket, recorded.keep) as s3:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{registry.host}/{path}"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{s3.host}"
        yield recorded


@pytest.mark.parametrize("flag", ["--dry-run", "--dry", "-R"])
@pytest.mark.parametrize("words", COMMANDS)
def test_changes_nothing(recorded: Recorded, words: tuple[str, ...], flag: str) -> None:
    recorded.platform.git("push", "--quiet", "origin", "HEAD:refs/kargo-release/kano-1.0.0")
    before = everything(recorded.platform)

    ended = recorded.platform.run(*words, flag, "--json")

    assert ended.exit_code == 0, ended.err
    assert everything(recorded.platform) == before
    assert recorded.changing() == []
    assert recorded.requests or words == PACKAGE


@pytest.mark.parametrize("flag", ["--dry", "-R"])
def test_heeds_the_flag_of_invoke_before_the_command(recorded: Recorded, flag: str) -> None:
    before = everything(recorded.platform)

    ended = recorded.platform.run(flag, *RELEASE, "--json")

    assert ended.exit_code == 0, ended.err
    assert set(ended.states.values()) == {"planned"}
    assert everything(recorded.platform) == before


@pytest.mark.parametrize("words", [RELEASE, DEV])
def test_the_proxies_see_what_a_real_run_changes(
    recorded: Recorded, words: tuple[str, ...]
) -> None:
    assert recorded.platform.run(*words).exit_code == 0

    assert {each.split()[0] for each in recorded.changing()} >= {"PUT", "POST"}


@pytest.mark.parametrize("words", [RELEASE, DEV])
def test_plans_what_a_real_run_then_does(recorded: Recorded, words: tuple[str, ...]) -> None:
    planned = recorded.platform.run(*words, "--dry-run", "--json")
    done = recorded.platform.run(*words, "--json")

    assert set(planned.states.values()) == {"planned"}
    assert set(done.states.values()) == {"published"}
    assert planned.chart["archive"] == done.chart["archive"]
    references = [
        {name: each["reference"] for name, each in ended.chart["destinations"].items()}
        for ended in (planned, done)
    ]
    assert references[0] == references[1]


@pytest.mark.parametrize("words", [RELEASE, DEV])
def test_plans_nothing_where_all_is_out(recorded: Recorded, words: tuple[str, ...]) -> None:
    recorded.platform.run(*words)

    ended = recorded.platform.run(*words, "--dry-run", "--json")

    assert set(ended.states.values()) == {"unchanged"}


def test_plans_to_replace_a_development_version(recorded: Recorded) -> None:
    recorded.platform.run(*DEV)
    recorded.platform.write("charts/kano/values.yaml", "greeting: changed\n")
    before = everything(recorded.platform)

    ended = recorded.platform.run(*DEV, "--dry-run", "--json")

    assert set(ended.states.values()) == {"planned"}
    assert "to replace" in ended.err
    assert everything(recorded.platform) == before


def test_tells_what_a_real_run_would_be_refused_for(recorded: Recorded) -> None:
    recorded.platform.run(*RELEASE)
    recorded.platform.write("charts/kano/values.yaml", "greeting: changed\n")
    recorded.platform.commit()
    recorded.platform.push()
    before = everything(recorded.platform)

    ended = recorded.platform.run(*RELEASE, "--dry-run", "--json")

    assert ended.exit_code == 3
    assert ended.tells("is out with other content", "new version")
    assert everything(recorded.platform) == before


def test_lets_helm_look_at_the_charts_too(recorded: Recorded) -> None:
    recorded.platform.write("charts/kano/templates/configmap.yaml", "{{ nonsense")
    recorded.platform.commit()
    recorded.platform.push()

    ended = recorded.platform.run(*RELEASE, "--dry-run", "--json")

    assert ended.exit_code == 3
    assert ended.tells("Helm refuses kano 1.0.0", "helm lint --strict")


def test_fetches_no_ref_though_it_must_look_at_new_commits(
    recorded: Recorded, tmp_path: object
) -> None:
    platform = recorded.platform
    other = platform.clone(platform.path.parent / "other")
    other.write("README.md", "1")
    other.commit()
    other.push()
    before = platform.git("for-each-ref")

    ended = platform.run(*RELEASE, "--dry-run")

    assert ended.exit_code == 0, ended.err
    assert platform.git("for-each-ref") == before
    assert platform.git("status", "--porcelain") == ""
    assert not (platform.path / ".git/FETCH_HEAD").exists()


@pytest.mark.parametrize("words", [RELEASE, DEV, PACKAGE])
def test_makes_no_folder_of_its_own(local: Sandbox, words: tuple[str, ...]) -> None:
    before = everything(local)

    ended = local.run(*words, "--dry-run")

    assert ended.exit_code == 0, ended.err
    assert everything(local) == before


def test_list_charts_reads_only(recorded: Recorded) -> None:
    before = everything(recorded.platform)

    assert recorded.platform.run("list-charts").exit_code == 0

    assert everything(recorded.platform) == before
    assert recorded.changing() == []
