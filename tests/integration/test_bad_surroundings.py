"""What is wrong around a release is told with what to do about it, and nothing is changed."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from forwarding import Answer, Forward, Proxy, Request, forwarding
from released import claims, index
from sandbox import Ended, Sandbox
from servers import docker_registry, free_port
from servers_s3 import faulty as faulty_s3
from servers_s3 import rclone, s3_error
from untouched import everything

COMMANDS = [("release-chart", "kano"), ("release-dev-chart", "kano"), ("list-charts",)]
RELEASES = COMMANDS[:2]


def through(sandbox: Sandbox, host: str) -> None:
    """Release to the same path by another host."""
    path = sandbox.registry.partition("/")[2]
    sandbox.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{host}/{path}"


@pytest.fixture
def proxy(platform: Sandbox) -> Iterator[Proxy]:
    """A proxy before the registry."""
    with forwarding(platform.registry.partition("/")[0]) as running:
        through(platform, running.host)
        yield running


def refused(sandbox: Sandbox, *words: str, code: int, message: str, remedy: str) -> Ended:
    """Run a command that must tell this error, in both forms, and change nothing."""
    before = everything(sandbox)
    told = sandbox.run(*words, "--json")
    assert told.exit_code == code, told.err
    assert told.tells(message, remedy), told.err + told.out
    assert "Traceback" not in told.err
    assert told.document["ok"] is False
    assert told.document["command"] == words[0]
    assert set(told.document["error"]) == {"kind", "message", "remedy"}
    assert everything(sandbox) == before
    return told


def answer(status: int, body: bytes = b"") -> Answer:
    return Answer(status, (("Content-Length", str(len(body))),), body)


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_registry_that_refuses_connections(platform: Sandbox, words: list[str]) -> None:
    through(platform, f"127.0.0.1:{free_port()}")

    refused(platform, *words, code=1, message="refused the connection", remedy="Check its address")


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_wrong_password(platform: Sandbox, tmp_path: Path, words: list[str]) -> None:
    platform.environ["KARGO_RELEASE_REGISTRY_USERNAME"] = "ada"
    platform.environ["KARGO_RELEASE_REGISTRY_PASSWORD"] = "wr0ng-s3cret"
    with docker_registry(tmp_path / "registry", htpasswd={"ada": "right-s3cret"}) as registry:
        through(platform, registry.host)

        told = refused(
            platform,
            *words,
            code=3,
            message="did not accept the login (401)",
            remedy="helm registry login",
        )

    assert "wr0ng-s3cret" not in told.out + told.err


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [(403, 3, "Ask for the right"), (404, 3, "Create the project"), (405, 3, "may be a mirror")],
)
def test_tells_a_registry_that_takes_nothing(
    platform: Sandbox, proxy: Proxy, status: int, code: int, remedy: str
) -> None:
    def between(request: Request, forward: Forward) -> Answer:
        refuses = request.method not in ("GET", "HEAD")
        body = b'{"errors":[{"code":"DENIED","message":"closed to \\u001b[2Jteam"}]}'
        return answer(status, body) if refuses else forward()

    proxy.between = between
    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == code
    assert ended.tells(f"answered {status}", remedy), ended.out
    assert "closed to" in ended.err
    assert "\033" not in ended.out + ended.err
    assert ended.states["registry"] in ("refused", "failed")
    after = {"refused": "refused", "failed": "planned"}
    assert ended.states["tag"] == after[ended.states["registry"]]


def test_finishes_after_a_registry_that_took_nothing(platform: Sandbox, proxy: Proxy) -> None:
    proxy.between = lambda request, forward: (
        forward() if request.method in ("GET", "HEAD") else answer(403)
    )
    platform.run("release-chart", "kano")
    assert claims(platform) == []
    proxy.between = lambda _, forward: forward()

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0
    assert set(ended.states.values()) == {"published"}
    assert claims(platform) == []


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_bucket_that_is_not_there(platform: Sandbox, words: list[str]) -> None:
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://nobody-has-this/helm"

    refused(platform, *words, code=3, message="there is no such bucket", remedy="create the bucket")


@pytest.mark.parametrize("words", COMMANDS)
def test_tells_a_bucket_that_denies_access(platform: Sandbox, words: list[str]) -> None:
    with faulty_s3(lambda _: s3_error(403, "AccessDenied", "no")) as server:
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = server.endpoint

        refused(platform, *words, code=3, message="access is denied", remedy="s3:GetObject")


@pytest.mark.parametrize("words", RELEASES)
def test_refuses_a_bucket_that_ignores_conditions_before_anything_is_out(
    platform: Sandbox, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "s3/team").mkdir(parents=True)
    with rclone(tmp_path / "s3") as endpoint:
        platform.environ["KARGO_RELEASE_BACKUP"] = "s3://team/helm"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = endpoint

        refused(platform, *words, code=3, message="condition", remedy="s3.single_writer")
        platform.environ["KARGO_RELEASE_S3__SINGLE_WRITER"] = "true"

        assert platform.run(*words).exit_code == 0


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("text", [b"entries: [", b"\x00\xff", b"<html>", b"- a\n", b""])
def test_leaves_an_unreadable_index_as_it_is(
    platform: Sandbox, words: list[str], text: bytes
) -> None:
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/index.yaml", Body=text)

    refused(platform, *words, code=2, message=f"s3://{platform.bucket}/helm/index.yaml", remedy="")


def test_keeps_what_the_index_of_others_lists(platform: Sandbox) -> None:
    old = (
        "apiVersion: v1\nentries:\n  old:\n  - name: old\n    version: 0.1.0\n"
        "    urls: [https://example.com/old-0.1.0.tgz]\n    apiVersion: v1\n"
    )
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/index.yaml", Body=old)

    assert platform.run("release-chart", "kano").exit_code == 0

    assert {name: len(each) for name, each in index(platform).items()} == {"kano": 1, "old": 1}


@pytest.mark.parametrize("words", [*COMMANDS, ("package-chart", "kano")])
def test_tells_that_there_is_no_repository(tmp_path: Path, words: list[str]) -> None:
    refused(Sandbox(tmp_path), *words, code=2, message="is in no Git repository", remedy="git init")


@pytest.mark.parametrize("words", [*COMMANDS, ("package-chart", "kano")])
def test_tells_that_there_is_no_commit(tmp_path: Path, words: list[str]) -> None:
    empty = Sandbox.make(tmp_path / "clone")
    empty.write_chart("kano")

    refused(empty, *words, code=2, message="no commit yet", remedy="Commit something first.")


@pytest.mark.parametrize("words", [("release-chart", "kano"), ("list-charts",)])
def test_tells_that_there_is_no_remote(platform: Sandbox, words: list[str]) -> None:
    platform.git("remote", "remove", "origin")

    refused(
        platform,
        *words,
        code=3,
        message="no Git remote called origin",
        remedy="git remote add origin URL",
    )


def test_releases_development_versions_without_a_remote(platform: Sandbox) -> None:
    platform.git("remote", "remove", "origin")

    assert platform.run("release-dev-chart").exit_code == 0


@pytest.mark.parametrize("words", [("release-chart", "kano"), ("list-charts",)])
def test_tells_a_remote_that_is_out_of_reach(platform: Sandbox, words: list[str]) -> None:
    address = "http://joe:s3cret@127.0.0.1:1/x.git"
    platform.git("remote", "set-url", "origin", address)

    told = refused(
        platform,
        *words,
        code=1,
        message="can't read the Git remote origin",
        remedy="git ls-remote origin",
    )

    assert "s3cret" not in told.out + told.err


def test_tells_a_remote_without_that_branch(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_GIT__BRANCH"] = "stable,hotfix/*"

    refused(
        platform,
        "release-chart",
        "kano",
        code=3,
        message="has no branch stable or hotfix/*",
        remedy="git.branch",
    )


def test_tells_a_remote_that_names_no_default_branch(platform: Sandbox) -> None:
    platform.remote_git("symbolic-ref", "HEAD", "refs/heads/none")

    refused(
        platform,
        "release-chart",
        "kano",
        code=3,
        message="does not say which branch is its default",
        remedy="Set git.branch: main",
    )
    platform.environ["KARGO_RELEASE_GIT__BRANCH"] = "main"
    assert platform.run("release-chart", "kano").exit_code == 0


def test_releases_at_the_tip_of_a_shallow_clone(platform: Sandbox, tmp_path: Path) -> None:
    platform.write("other", "1")
    platform.commit()
    platform.push()
    shallow = _shallow(platform, tmp_path / "shallow")

    assert shallow.run("release-chart", "kano").exit_code == 0


def test_tells_a_shallow_clone_that_can_not_know(platform: Sandbox, tmp_path: Path) -> None:
    platform.git("push", "--quiet", "origin", "HEAD:refs/heads/side")
    platform.write("other", "1")
    platform.commit()
    platform.push()
    shallow = _shallow(platform, tmp_path / "shallow", "--no-single-branch", "--branch=side")

    refused(
        shallow,
        "release-chart",
        "kano",
        code=3,
        message="this shallow clone can't tell",
        remedy="`git fetch --unshallow`, in GitHub Actions `fetch-depth: 0`",
    )
    shallow.git("fetch", "--quiet", "--unshallow")
    assert shallow.run("release-chart", "kano").exit_code == 0


def _shallow(sandbox: Sandbox, path: Path, *options: str) -> Sandbox:
    command = ["git", "clone", "--quiet", "--depth=1", *options]
    subprocess.run([*command, f"file://{sandbox.remote}", str(path)], check=True)
    return Sandbox(
        path,
        dict(sandbox.environ),
        sandbox.remote,
        sandbox.bucket,
        sandbox.endpoint,
        sandbox.registry,
    )


def test_releases_from_a_detached_head(platform: Sandbox) -> None:
    platform.git("checkout", "--quiet", "--detach")

    ended = platform.run("release-chart", "kano", "--json")

    assert (ended.exit_code, ended.chart["commit"]) == (0, platform.git("rev-parse", "HEAD"))


def test_refuses_a_commit_that_is_not_pushed(platform: Sandbox) -> None:
    platform.write("charts/kano/values.yaml", "greeting: hi\n")
    sha = platform.commit()

    refused(
        platform,
        "release-chart",
        "kano",
        code=3,
        message=f"commit {sha[:12]} is not on origin/main",
        remedy="Push it first",
    )


def test_refuses_a_commit_that_is_only_on_another_branch(platform: Sandbox) -> None:
    platform.git("checkout", "--quiet", "-b", "hotfix/1")
    platform.write("charts/kano/values.yaml", "greeting: hi\n")
    platform.commit()
    platform.push()

    refused(
        platform, "release-chart", "kano", code=3, message="is not on origin/main", remedy="Push it"
    )
    platform.environ["KARGO_RELEASE_GIT__BRANCH"] = "main,hotfix/*"
    assert platform.run("release-chart", "kano").exit_code == 0


def test_knows_of_a_push_that_this_clone_has_not_fetched(platform: Sandbox, tmp_path: Path) -> None:
    old = platform.clone(tmp_path / "old")
    platform.write("other", "1")
    platform.commit()
    platform.push()

    assert old.run("release-chart", "kano").exit_code == 0


def test_releases_an_older_commit_by_name(platform: Sandbox) -> None:
    first = platform.git("rev-parse", "HEAD")
    platform.write_chart("kano", "2.0.0")
    platform.commit()
    platform.push()
    platform.write("charts/kano/dirty.yaml", "1")

    for ref in ("HEAD~1", first[:10], "main~1"):
        ended = platform.run("release-chart", "kano", "--ref", ref, "--json")
        assert ended.exit_code == 0, ended.err
        assert (ended.chart["version"], ended.chart["commit"]) == ("1.0.0", first)


@pytest.mark.parametrize("ref", ["nope", "HEAD:charts", "main..main", "HEAD\n::error::x"])
def test_tells_a_ref_that_names_no_commit(platform: Sandbox, ref: str) -> None:
    refused(
        platform,
        "release-chart",
        "kano",
        f"--ref={ref}",
        code=2,
        message="there is no commit",
        remedy="git fetch",
    )


@pytest.mark.parametrize("ref", ["--help", "-x", "--upload-pack=touch x", "--json"])
def test_takes_no_option_of_git_for_a_ref(platform: Sandbox, ref: str) -> None:
    before = everything(platform)

    ended = platform.run("release-chart", "kano", "--ref", ref)

    assert ended.exit_code == 2
    assert everything(platform) == before


def test_refuses_to_release_into_the_disk_of_ci(local: Sandbox) -> None:
    local.environ["CI"] = "true"

    for words in RELEASES:
        refused(local, *words, code=3, message="no registry is set", remedy="registry: local")
    local.environ["KARGO_RELEASE_REGISTRY"] = "local"
    for words in RELEASES:
        assert local.run(*words).exit_code == 0


def test_several_releases_of_an_away_registry_wait_for_it_once(platform: Sandbox) -> None:
    for number in range(20):
        platform.write_chart(f"chart{number}")
    platform.commit()
    platform.push()
    through(platform, f"127.0.0.1:{free_port()}")
    before = threading.active_count()

    ended = platform.run("release-dev-chart")

    assert ended.exit_code == 1
    assert ended.err.count("error: registry") == 1
    assert threading.active_count() <= before  # an earlier test may have left one
