"""With every secret in play, none is in any output, file, tag, archive or process list."""

import contextlib
import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confidential import betrayed
from fault_cases import Moment, Shown, Step
from faults import cut, page, told
from forwarding import Between, End, Proxy, forwarding
from git_server import git_server
from process_list import ProcessList
from released import claims
from sandbox import Sandbox
from servers import docker_registry, token_server
from servers_s3 import ACCESS_KEY, SECRET_KEY

REGISTRY, GIT, PROXY = "s3cret-of-the-registry", "s3cret-of-git", "s3cret-of-the-proxy"
# What S3 itself answers to a wrong key: all that it signed.
_UNSIGNED = (
    b"<Error><Code>SignatureDoesNotMatch</Code><Message>The signature is not ours.</Message>"
    b"<AWSAccessKeyId>releaser</AWSAccessKeyId></Error>"
)
_XML = ("Content-Type", "application/xml")


@dataclass
class Guarded:
    """A platform of which every part asks for a secret, reached through proxies."""

    sandbox: Sandbox
    proxies: dict[str, Proxy]
    folder: Path
    given: Path


@pytest.fixture
def guarded(platform: Sandbox, tmp_path: Path, s3_endpoint: str) -> Iterator[Guarded]:
    with contextlib.ExitStack() as stack:
        tokens = stack.enter_context(token_server(tmp_path / "tokens", {"ada": REGISTRY}))
        registry = stack.enter_context(docker_registry(tmp_path / "registry", tokens=tokens))
        git = stack.enter_context(git_server(tmp_path, user="ada", password=GIT))
        at = {"registry": registry.host, "s3": s3_endpoint.removeprefix("http://"), "git": git}
        proxies = {name: stack.enter_context(forwarding(host)) for name, host in at.items()}
        platform.use_registry(proxies["registry"].host)
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{proxies['s3'].host}"
        url = f"http://ada:{GIT}@{proxies['git'].host}/remote.git"
        platform.git("remote", "set-url", "origin", url)
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        platform.environ["TMPDIR"] = str(temporary)
        platform.environ["HTTPS_PROXY"] = f"http://ada:{PROXY}@127.0.0.1:1"
        yield Guarded(platform, proxies, tmp_path, tmp_path / "given")


def by_variables(guarded: Guarded) -> None:
    """Give the secrets in the environment."""
    guarded.sandbox.environ |= {
        "KARGO_RELEASE_REGISTRY_USERNAME": "ada",
        "KARGO_RELEASE_REGISTRY_PASSWORD": REGISTRY,
        "AWS_SESSION_TOKEN": "s3cret-of-the-session",
    }


def by_files(guarded: Guarded) -> None:
    """Give the secrets in the files of Docker and rclone."""
    guarded.given.mkdir()
    login = b64encode(f"ada:{REGISTRY}".encode()).decode()
    config = {"auths": {guarded.proxies["registry"].host: {"auth": login}}}
    (guarded.given / "config.json").write_text(json.dumps(config))
    remote = guarded.given / "rclone.conf"
    endpoint = f"http://{guarded.proxies['s3'].host}"
    remote.write_text(
        f"[bucket]\ntype = s3\nprovider = Other\nendpoint = {endpoint}\nregion = us-east-1\n"
        f"access_key_id = {ACCESS_KEY}\nsecret_access_key = {SECRET_KEY}\n"
    )
    environ = guarded.sandbox.environ
    for name in ("ENDPOINT", "REGION"):
        del environ[f"KARGO_RELEASE_S3__{name}"]
    environ["KARGO_RELEASE_BACKUP"] = f"rclone:bucket/{guarded.sandbox.bucket}/helm"
    environ |= {"DOCKER_CONFIG": str(guarded.given), "RCLONE_CONFIG": str(remote)}


def released(guarded: Guarded, between: Between) -> tuple[int, str, ProcessList]:
    """Run the release with tracebacks; its output is looked at by the test's own environment."""
    for proxy in guarded.proxies.values():
        proxy.between = between
    command = ["release-chart", "kano", "--json"]
    process = guarded.sandbox.start("--debug", *command)
    seen = ProcessList(f"TMPDIR={guarded.sandbox.environ['TMPDIR']}")  # or a folder in it
    with seen.looking():
        out, err = process.communicate()
    return process.returncode, out + err, seen


def check_nothing_kept(guarded: Guarded) -> None:
    """Fail if a file of the clone, the remote, the registry or a temporary one holds a secret."""
    ours = guarded.sandbox.path / ".git/config"  # where the test itself wrote one
    theirs = ("tokens", "given")
    for file in guarded.folder.rglob("*"):
        if (
            file.is_file()
            and file != ours
            and file.relative_to(guarded.folder).parts[0] not in theirs
        ):
            assert not betrayed(readable(file.read_bytes())), file
    for each in (
        guarded.sandbox.s3().list_objects_v2(Bucket=guarded.sandbox.bucket).get("Contents", ())
    ):
        stored = guarded.sandbox.s3().get_object(Bucket=guarded.sandbox.bucket, Key=each["Key"])
        assert not betrayed(readable(stored["Body"].read()) + str(stored["Metadata"])), each


def readable(data: bytes) -> str:
    """Return what is in a file, unpacked where it is an archive or an object of Git."""
    for unpack in (gzip.decompress, zlib.decompress):
        with contextlib.suppress(OSError, zlib.error, EOFError):
            data += unpack(data)
    return data.decode("latin-1")


@pytest.mark.parametrize("give", [by_variables, by_files])
def test_keeps_every_secret_while_it_releases(
    guarded: Guarded, give: Callable[[Guarded], None]
) -> None:
    give(guarded)
    code, said, seen = released(guarded, lambda _, forward: forward())

    assert code == 0, said
    arguments = list(seen.environments)
    assert any("remote-http" in each for each in arguments), arguments
    assert not [each for each in arguments if betrayed(each)]
    helm = [held for each, held in seen.environments.items() if "helm_child" in each]
    assert helm
    assert not any(map(betrayed, helm))
    check_nothing_kept(guarded)
    assert "Digest:" in guarded.sandbox.remote_git("tag", "--list", "--format=%(contents)")
    assert claims(guarded.sandbox) == []


FAULTS = {
    "registry-denied": (Moment("PUT", "/manifests/"), page(403)),
    "registry-broken": (Moment("POST", "/blobs/"), cut(End.RESET)),
    "no-token": (Moment("GET", "/v2/"), page(401)),
    "s3-unsigned": (Moment("PUT", r"\.tgz"), told(403, _UNSIGNED, _XML)),
    "s3-broken": (Moment("GET", "/index.yaml"), cut(End.RESET)),
    "git-rejected": (Moment("POST", "/git-receive-pack"), page(401)),
    "git-broken": (Moment("GET", "/info/refs"), cut(End.CLOSED)),
    "git-elsewhere": (
        Moment("GET", "/info/refs"),
        page(302, ("Location", f"http://ada:{GIT}@127.0.0.1:1/x")),
    ),
    "registry-elsewhere": (
        Moment("GET", "/manifests/"),
        page(307, ("Location", f"http://ada:{REGISTRY}@127.0.0.1:1/x")),
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_keeps_every_secret_when_it_fails(guarded: Guarded, fault: str) -> None:
    by_variables(guarded)
    moment, shown = FAULTS[fault]
    step = Step(moment, Shown(shown))

    code, said, seen = released(guarded, step)

    assert step.met
    assert code in (1, 3), said
    assert "Traceback" in said or "error" in said
    assert not [each for each in seen.environments if betrayed(each)]
    check_nothing_kept(guarded)
