"""What is out of many development versions is told by one list, and is not always what it says."""

from collections.abc import Iterator

import pytest
from faults import told
from forwarding import Answer, Broken, Forward, Request, forwarding
from sandbox import Sandbox

NAMES = [f"chart{number:02}" for number in range(12)]


@pytest.fixture
def requests(platform: Sandbox) -> Iterator[list[str]]:
    """A platform of 12 charts, released; the methods and paths of S3's requests from then on."""
    asked: list[str] = []

    def keep(request: Request, forward: Forward) -> Answer:
        asked.append(f"{request.method} {request.path}")
        return forward()

    for name in NAMES:
        platform.write_chart(name)
    platform.commit()
    with forwarding(platform.endpoint.removeprefix("http://"), keep) as s3:
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{s3.host}"
        ended = platform.run("release-dev-chart", *NAMES)
        assert ended.exit_code == 0, ended.err
        asked.clear()
        yield asked


def states(platform: Sandbox) -> dict[str, str]:
    ended = platform.run("release-dev-chart", *NAMES, "--json")
    assert ended.exit_code == 0, ended.err
    charts = ended.document["charts"]
    return {chart["name"]: chart["destinations"]["backup"]["state"] for chart in charts}


def test_asks_for_the_index_and_one_list(platform: Sandbox, requests: list[str]) -> None:
    assert set(states(platform).values()) == {"unchanged"}

    index, listing = requests
    assert index.endswith("/helm/index.yaml")
    assert "list-type=2" in listing


def test_puts_right_an_archive_that_is_not_what_the_index_says(
    platform: Sandbox, requests: list[str]
) -> None:
    key = "helm/chart05-0.0.0-dev.tgz"
    right = platform.s3().get_object(Bucket=platform.bucket, Key=key)["Body"].read()
    other = platform.s3().get_object(Bucket=platform.bucket, Key=key.replace("05", "06"))["Body"]
    platform.s3().put_object(Bucket=platform.bucket, Key=key, Body=other.read())

    assert [name for name, state in states(platform).items() if state == "replaced"] == ["chart05"]

    again = platform.s3().get_object(Bucket=platform.bucket, Key=key)["Body"].read()
    assert again == right


def test_asks_for_each_where_listing_is_not_allowed(
    platform: Sandbox, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: Request, forward: Forward) -> Answer | Broken:
        requests.append(f"{request.method} {request.path}")
        return denied(request, forward) if "list-type=2" in request.path else forward()

    denied = told(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")

    with forwarding(platform.endpoint.removeprefix("http://"), refuse) as s3:
        monkeypatch.setitem(platform.environ, "KARGO_RELEASE_S3__ENDPOINT", f"http://{s3.host}")
        assert set(states(platform).values()) == {"unchanged"}

    asked = [each for each in requests if each.startswith("HEAD ")]
    assert len(asked) == len(NAMES)
