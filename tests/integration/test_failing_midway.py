"""What fails once something is out: each chart tells its own end, and running again completes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forwarding import Answer, Forward, Request, forwarding
from released import check_released, claims, tagged_commits
from sandbox import Ended, Sandbox

NAMES = ["kano", "kube", "kites", "koala", "krait"]
# Hangs up on a push with the fourth tag in it; the first three come in a push of their own.
HANG_UP = 'while read -r _ _ ref; do case "$ref" in refs/tags/koala*) kill -9 "$PPID";; esac; done'
DENY = (
    'while read -r _ _ ref; do case "$ref" in refs/tags/koala*) echo "denied"; exit 1;; esac; done'
)
DENIED = Answer(403, (("Content-Length", "0"),))


def release(sandbox: Sandbox, *names: str, **environ: str) -> Ended:
    return sandbox.run("release-chart", *names, "--json", environ=environ)


def charts(ended: Ended) -> dict[str, Any]:
    """Return the charts of a document by name."""
    return {each["name"]: each for each in ended.document["charts"]}


def states(chart: Any) -> dict[str, str]:
    return {name: each["state"] for name, each in chart["destinations"].items()}


@pytest.fixture
def two(platform: Sandbox) -> Sandbox:
    """A platform with the charts kano and kube."""
    platform.write_chart("kube")
    platform.commit("Add kube")
    platform.push()
    return platform


class DeniedAfter:
    """Answers 403 to whoever reads once a request of this kind was carried out."""

    def __init__(self, is_last: Callable[[Request], bool]) -> None:
        self._is_last = is_last
        self._passed = False

    def __call__(self, request: Request, forward: Forward) -> Answer:
        if self._passed and request.method in ("GET", "HEAD"):
            return DENIED
        answer = forward()
        self._passed = self._passed or self._is_last(request)
        return answer


def is_index_written(request: Request) -> bool:
    return request.method == "PUT" and request.path.partition("?")[0].endswith("/index.yaml")


def check_not_tagged(sandbox: Sandbox, ended: Ended, message: str) -> None:
    """Fail unless both charts are out everywhere, and both tell why they are not tagged."""
    assert ended.exit_code == 1, ended.err
    told = charts(ended)
    assert set(told) == {"kano", "kube"}
    for chart in told.values():
        copies = {name: state for name, state in states(chart).items() if name != "tag"}
        assert copies == {"registry": "published", "backup": "published"}
        assert states(chart)["tag"] in ("failed", "refused")
        assert message in chart["error"]["message"]
        assert chart["error"]["remedy"]
    assert ended.document["error"] == told["kano"]["error"]
    assert tagged_commits(sandbox) == {}
    assert len(claims(sandbox)) == 2


def check_completes(sandbox: Sandbox) -> None:
    """Run it again, which does what was left."""
    ended = release(sandbox, "kano", "kube")
    assert ended.exit_code == 0, ended.err
    for chart in charts(ended).values():
        assert states(chart) == {"registry": "unchanged", "backup": "unchanged", "tag": "published"}
    archives = {name: each["archive"]["sha256"] for name, each in charts(ended).items()}
    check_released(sandbox, sandbox.git("rev-parse", "HEAD"), archives)


def test_tags_nothing_that_the_bucket_does_not_let_it_read_back(
    two: Sandbox, s3_endpoint: str
) -> None:
    denied = DeniedAfter(is_index_written)
    with forwarding(s3_endpoint.removeprefix("http://"), denied) as proxy:
        ended = release(two, "kano", "kube", KARGO_RELEASE_S3__ENDPOINT=f"http://{proxy.host}")

    check_not_tagged(two, ended, "access is denied")
    check_completes(two)


def test_tags_nothing_that_the_registry_does_not_let_it_read_back(
    two: Sandbox, s3_endpoint: str
) -> None:
    written: list[str] = []

    def notice(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if is_index_written(request):
            written.append(request.path)
        return answer

    def deny(request: Request, forward: Forward) -> Answer:
        return DENIED if written else forward()

    host, _, path = two.registry.partition("/")
    with (
        forwarding(s3_endpoint.removeprefix("http://"), notice) as s3,
        forwarding(host, deny) as registry,
    ):
        ended = release(
            two,
            *("kano", "kube"),
            KARGO_RELEASE_S3__ENDPOINT=f"http://{s3.host}",
            KARGO_RELEASE_REGISTRY=f"oci://{registry.host}/{path}",
        )

    check_not_tagged(two, ended, "answered 403")
    check_completes(two)


def test_tags_nothing_when_the_index_became_unreadable(two: Sandbox, s3_endpoint: str) -> None:
    key = "helm/index.yaml"
    good: list[bytes] = []

    def spoil(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if is_index_written(request):
            good.append(two.s3().get_object(Bucket=two.bucket, Key=key)["Body"].read())
            two.s3().put_object(Bucket=two.bucket, Key=key, Body=b"entries: [")
        return answer

    with forwarding(s3_endpoint.removeprefix("http://"), spoil) as proxy:
        ended = release(two, "kano", "kube", KARGO_RELEASE_S3__ENDPOINT=f"http://{proxy.host}")

    check_not_tagged(two, ended, "index.yaml")
    two.s3().put_object(Bucket=two.bucket, Key=key, Body=good[0])
    check_completes(two)


@pytest.mark.parametrize("hook", [HANG_UP, DENY], ids=["hangs-up", "denies"])
def test_what_fails_in_one_push_of_tags_leaves_those_of_another_out(
    platform: Sandbox, hook: str, tmp_path: Path
) -> None:
    for name in NAMES[1:]:
        platform.write_chart(name)
    commit = platform.commit("Add charts")
    platform.push()
    platform.hook("pre-receive", hook)

    ended = release(platform, *NAMES, GITHUB_OUTPUT=str(tmp_path / "outputs"))

    assert ended.exit_code == 1, ended.err
    handed_on = (tmp_path / "outputs").read_text()
    assert re.findall('"name": "(.*?)"', handed_on) == NAMES[:3]
    told = charts(ended)
    tags = {name: states(told[name])["tag"] for name in NAMES}
    assert tags == dict(zip(NAMES, ["published"] * 3 + ["failed"] * 2, strict=True))
    assert [told[name]["error"] is None for name in NAMES] == [True] * 3 + [False] * 2
    assert tagged_commits(platform) == dict.fromkeys((f"{n}-1.0.0" for n in NAMES[:3]), commit)
    assert claims(platform) == [f"refs/kargo-release/{name}-1.0.0" for name in NAMES[3:]]
    platform.hook("pre-receive", "exit 0")
    again = release(platform, *NAMES)
    assert again.exit_code == 0, again.err
    tags = {name: states(each)["tag"] for name, each in charts(again).items()}
    assert tags == dict(zip(NAMES, ["unchanged"] * 3 + ["published"] * 2, strict=True))
    archives = {name: each["archive"]["sha256"] for name, each in charts(again).items()}
    check_released(platform, commit, archives)
