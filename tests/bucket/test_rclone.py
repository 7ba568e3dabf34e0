"""rclone remotes, compared with what the real rclone does with the same configuration."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from real_rclone import rclone_says, run_rclone
from servers_s3 import ACCESS_KEY, SECRET_KEY, Answer, FaultyServer, Request, faulty, s3_error

from kargo_release.bucket.rclone import resolve
from kargo_release.bucket.s3 import S3Store
from kargo_release.errors import FailedError, KargoError, RefusedError, UsageError

TEXT = "text/plain"
KEYS = f"access_key_id = {ACCESS_KEY}\nsecret_access_key = {SECRET_KEY}\n"


@dataclass
class Rclone:
    """A home with a configuration of rclone's."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, text: str) -> Path:
        file = self.home / ".config" / "rclone" / "rclone.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def open(self, address: str) -> S3Store:
        url, access = resolve(address, self.environ)
        return S3Store(url, access, single_writer=True, jobs=2)

    def refusal(self, address: str = "rclone:s") -> UsageError:
        with pytest.raises(UsageError) as caught:
            resolve(address, self.environ)
        return caught.value


@pytest.fixture
def rclone(tmp_path: Path) -> Rclone:
    return Rclone(tmp_path, {"HOME": str(tmp_path)})


@pytest.fixture(params=["moto", "rclone"])
def service(request: pytest.FixtureRequest, rclone: Rclone) -> str:
    """Describe a server to rclone as ``service``; return a path in it."""
    moto = request.param == "moto"
    endpoint = request.getfixturevalue("s3_endpoint" if moto else "rclone_endpoint")
    rclone.write(f"[service]\ntype = s3\nprovider = Other\nendpoint = {endpoint}\n{KEYS}")
    return str(request.getfixturevalue("bucket")).removeprefix("s3://") if moto else "backup/both"


def test_finds_what_rclone_copied_and_rclone_what_it_put(
    rclone: Rclone, service: str, tmp_path: Path
) -> None:
    with (rclone.home / ".config" / "rclone" / "rclone.conf").open("a") as file:
        file.write("[charts]\ntype = alias\nremote = deeper:sub\n")
        file.write(f"[deeper]\ntype = alias\nremote = service:{service}/\n")
    (tmp_path / "kano-1.0.0+b.tgz").write_bytes(b"an archive")
    rclone_says("copy", str(tmp_path / "kano-1.0.0+b.tgz"), "charts:stable", environ=rclone.environ)
    for address in ("rclone:charts/stable", "rclone:charts:stable", "rclone:charts:/stable/"):
        store = rclone.open(address)
        found = store.get("kano-1.0.0+b.tgz", 100)
        assert found is not None
        assert found[0] == b"an archive"
        assert [each.key for each in store.list()] == ["kano-1.0.0+b.tgz"]
    store.put("index.yaml", b"{}", if_match=None, content_type=TEXT)
    assert store.address == f"s3://{service}/sub/stable/"
    assert rclone_says("cat", "charts:stable/index.yaml", environ=rclone.environ) == b"{}"
    names = rclone_says("lsf", f"service:{service}/sub/stable", environ=rclone.environ)
    assert sorted(names.decode().split()) == ["index.yaml", "kano-1.0.0+b.tgz"]


@dataclass(frozen=True)
class Asked:
    """What a server learns of a request for a list."""

    credentials: str
    place: str


def _asked(server: FaultyServer) -> Asked:
    request = next(each for each in reversed(server.requests) if "delimiter" in each.path)
    parts = urlsplit(request.path)
    prefix = parse_qs(parts.query).get("prefix", [""])[0].rstrip("/")
    signed = request.headers["Authorization"].partition("Credential=")[2]
    key, _, region, *_ = signed.split("/")
    return Asked(f"{key} in {region}", f"{unquote(parts.path)}/{prefix}".rstrip("/"))


@pytest.fixture
def denying() -> Iterator[FaultyServer]:
    """Yield a server on which nothing lies, and which lets nobody list that."""
    denied = s3_error(403, "AccessDenied")
    with faulty(lambda asked: Answer(404) if asked.method == "HEAD" else denied) as server:
        yield server


BASE = f"[s]\ntype = s3\nprovider = Other\nendpoint = ENDPOINT\n{KEYS}"


@pytest.mark.parametrize(
    ("config", "environ", "remote"),
    [
        (BASE, {}, "s:bkt/helm"),
        (BASE, {}, "s:bkt"),
        (BASE, {"AWS_REGION": "of-aws", "AWS_ACCESS_KEY_ID": "of-aws"}, "s:bkt"),
        (BASE, {"AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "s:bkt"),
        (f"{BASE}region = of-file\n", {}, "s:bkt"),
        (f"{BASE}region = of-file\n", {"RCLONE_CONFIG_S_REGION": "of-remote"}, "s:bkt"),
        (f"{BASE}region = of-file\n", {"RCLONE_CONFIG_S_REGION": ""}, "s:bkt"),
        (f"{BASE}region = of-file\n", {"RCLONE_S3_REGION": "of-type"}, "s:bkt"),
        (f"{BASE}region = of-file\n", {"RCLONE_S3_REGION": ""}, "s:bkt"),
        (BASE, {"RCLONE_S3_REGION": "of-type", "RCLONE_CONFIG_S_REGION": "of-remote"}, "s:bkt"),
        (f"region = above\n{BASE}", {}, "s:bkt"),
        (f"{BASE}Region = capital\n", {}, "s:bkt"),
        (f"{BASE}region = a\n; region = b\n# region = c\nregion : d\n", {}, "s:bkt"),
        (f"{BASE}region = `e`\n", {}, "s:bkt"),
        (f'{BASE}region = """f"""\n', {}, "s:bkt"),
        (f"{BASE}region = of-parent\n[s.sub]\ntype = s3\n", {}, "s.sub:bkt"),
        (f"{BASE}[other]\n[s]\nregion = again\n", {}, "s:bkt"),
        (f"\ufeff{BASE}", {}, "s:bkt"),
        (BASE.replace("\n", "\r\n"), {}, "s:bkt"),
        (BASE.replace("ENDPOINT", "ENDPOINT/base"), {}, "s:bkt/x"),
        (BASE.replace("provider = Other", "provider = Unheard"), {}, "s:bkt"),
        (BASE.replace("provider = Other\n", ""), {}, "s:bkt"),
        (f"{BASE}env_auth = true\n", {"AWS_ACCESS_KEY_ID": "of-aws"}, "s:bkt"),
        (f"{BASE}[a]\ntype = alias\nremote = s:bkt/x/\n", {}, "a:y"),
        (f"{BASE}[a]\ntype = alias\nremote = s:\n", {}, "a:bkt/y"),
        (f"{BASE}[a]\ntype = alias\nremote = s:bkt\n", {"RCLONE_CONFIG_A_REMOTE": "s:bk2"}, "a:"),
        (f"{BASE}[a b-c]\ntype = alias\nremote = s:/bkt\n", {}, "a b-c:"),
        (f"{BASE}[a]\ntype = wrong\nremote = s:bkt\n", {"RCLONE_CONFIG_A_TYPE": "alias"}, "a:"),
        (BASE, {"RCLONE_CONFIG_MINE_TYPE": "alias", "RCLONE_CONFIG_MINE_REMOTE": "s:bkt"}, "mine:"),
    ],
)
def test_asks_what_rclone_asks(
    config: str,
    environ: dict[str, str],
    remote: str,
    rclone: Rclone,
    denying: FaultyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rclone.write(config.replace("ENDPOINT", denying.endpoint))
    rclone.environ |= environ
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    run_rclone("lsf", remote, environ=rclone.environ)
    expected = _asked(denying)
    denying.requests.clear()
    with contextlib.suppress(RefusedError):
        list(rclone.open(f"rclone:{remote}").list())
    assert _asked(denying) == expected


@pytest.mark.parametrize("style", ["", "force_path_style = false\n", "force_path_style = T\n"])
@pytest.mark.parametrize("provider", ["Other", "Minio", "OVHcloud", "AWS"])
def test_names_the_bucket_where_rclone_does(
    provider: str,
    style: str,
    rclone: Rclone,
    denying: FaultyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = f"[s]\ntype = s3\nprovider = {provider}\nendpoint = http://s3.example.com\n"
    rclone.write(service + KEYS + style)
    run_rclone("lsf", "s:some-bucket", environ={**rclone.environ, "HTTP_PROXY": denying.endpoint})
    expected = urlsplit(denying.requests[-1].path)
    denying.requests.clear()
    monkeypatch.setenv("HTTP_PROXY", denying.endpoint)
    with contextlib.suppress(RefusedError):
        list(rclone.open("rclone:s/some-bucket").list())
    ours = urlsplit(denying.requests[-1].path)
    assert (ours.netloc, ours.path.rstrip("/")) == (expected.netloc, expected.path.rstrip("/"))


def test_takes_https_for_an_endpoint_without_a_scheme(rclone: Rclone) -> None:
    rclone.write(f"[s]\ntype = s3\nendpoint = s3.example.com\n{KEYS}")
    assert resolve("rclone:s/bkt", rclone.environ)[1].endpoint == "https://s3.example.com"


def test_goes_to_aws_itself_wherever_other_programs_are_sent(
    rclone: Rclone, monkeypatch: pytest.MonkeyPatch
) -> None:
    rclone.write(f"[s]\ntype = s3\nprovider = AWS\nregion = eu-west-3\n{KEYS}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with faulty(lambda _: Answer(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.endpoint)
        with pytest.raises(FailedError, match="the proxy"):
            rclone.open("rclone:s/some-bucket").head("k")
    assert proxy.requests[0].path == "some-bucket.s3.eu-west-3.amazonaws.com:443"


def test_leaves_aws_to_itself(rclone: Rclone) -> None:
    rclone.write(f"[s]\ntype = s3\nprovider = AWS\nregion = eu-west-3\n{KEYS}")
    url, access = resolve("rclone:s/bkt/helm", rclone.environ)
    assert (url, access.endpoint, access.region) == ("s3://bkt/helm", None, "eu-west-3")


def test_takes_credentials_of_aws_where_the_remote_says_so(
    rclone: Rclone, denying: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rclone.home / "credentials"
    file.write_text(
        "[ci]\naws_access_key_id = of-profile\naws_secret_access_key = x\naws_session_token = t\n"
    )
    rclone.write(
        f"[s]\ntype = s3\nendpoint = {denying.endpoint}\nenv_auth = true\n"
        f"profile = ci\nshared_credentials_file = {file}\n"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-environment")
    with pytest.raises(RefusedError):
        rclone.open("rclone:s/bkt").get("k", 1)
    headers = denying.requests[-1].headers
    assert "Credential=of-profile/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "t"


def test_gives_objects_what_the_remote_says(rclone: Rclone) -> None:
    with faulty(_stored) as server:
        rclone.write(
            f"[s]\ntype = s3\nendpoint = {server.endpoint}\n{KEYS}session_token = t\n"
            "acl = public-read\nstorage_class = STANDARD_IA\n"
            "server_side_encryption = aws:kms\nsse_kms_key_id = a-key\n"
        )
        rclone.open("rclone:s/bkt").put("k", b"1", if_match=None, content_type=TEXT)
    headers = {name.lower(): value for name, value in server.requests[-1].headers.items()}
    assert headers["x-amz-acl"] == "public-read"
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "a-key"
    assert headers["x-amz-security-token"] == "t"


def _stored(request: Request) -> Answer:
    return Answer(404) if request.method == "HEAD" else Answer(200, headers={"ETag": '"e"'})


def test_tells_what_to_correct_in_the_remote(rclone: Rclone, rclone_endpoint: str) -> None:
    rclone.write(
        f"[s]\ntype = s3\nendpoint = {rclone_endpoint}\n"
        f"access_key_id = {ACCESS_KEY}\nsecret_access_key = a-wrong-s3cret\n"
    )
    with pytest.raises(RefusedError, match="signature is wrong") as caught:
        rclone.open("rclone:s/backup").get("k", 1)
    assert caught.value.remedy == "Correct `secret_access_key` of the rclone remote s."
    assert "a-wrong-s3cret" not in str(caught.value)


def test_shows_no_keys(rclone: Rclone) -> None:
    rclone.write(f"[s]\ntype = s3\n{KEYS}session_token = a-token\n")
    shown = repr(resolve("rclone:s/bkt", rclone.environ))
    assert ACCESS_KEY not in shown
    assert SECRET_KEY not in shown
    assert "a-token" not in shown


@pytest.mark.parametrize(
    ("config", "address", "message", "remedy"),
    [
        (
            "[charts]\ntype = s3\n",
            "rclone:chart",
            "no remote chart in",
            "Perhaps you meant charts.",
        ),
        ("[s]\nprovider = AWS\n", "rclone:s", "remote s has no type", "rclone config"),
        ("", "rclone:s", "no remote s in", "rclone config"),
        ("[s]\ntype = drive\ntoken = x\n", "rclone:s", "of the type drive, not s3", "type s3"),
        ("[s]\ntype = alias\nremote = t:\n[t]\ntype = crypt\n", "rclone:s", "remote t is of", "s3"),
        ("[s]\ntype = alias\nremote = s:x\n", "rclone:s", "in a circle: s → s", "Correct `remote`"),
        (
            "[s]\ntype = alias\nremote = t:x\n[t]\ntype = alias\nremote = s:\n",
            "rclone:s",
            "in a circle: s → t → s",
            "Correct `remote`",
        ),
        ("[s]\ntype = alias\nremote = /backup\n", "rclone:s", "no other remote", "a folder itself"),
        ("[s]\ntype = alias\nremote = :s3,a=b:c\n", "rclone:s", "no other remote", "NAME:path"),
        ("[s]\ntype = alias\n", "rclone:s", "is an alias of no other", "NAME:path"),
        (f"[s]\ntype = s3\n{KEYS}", "rclone:s", "names no bucket in it", "rclone:s/BUCKET"),
        (f"[s]\ntype = s3\n{KEYS}", "rclone:s:", "names no bucket in it", "rclone:s/BUCKET"),
        ("[s]\ntype = s3\n", "rclone:s/bkt", "no pair of keys", "`env_auth = true`"),
        ("[s]\ntype = s3\naccess_key_id = x\n", "rclone:s/bkt", "no pair", "`secret_access_key`"),
        (f"[s]\ntype = s3\n{KEYS}v2_auth = true\n", "rclone:s/bkt", "has `v2_auth`", "without it"),
        (f"[s]\ntype = s3\n{KEYS}role_arn = arn:x\n", "rclone:s/bkt", "has `role_arn`", "s3://"),
        (
            f"[s]\ntype = s3\n{KEYS}region = other-v2-signature\n",
            "rclone:s/bkt",
            "`region = other-v2-signature`",
            "s3://",
        ),
        (
            f"[s]\ntype = s3\n{KEYS}storage_class = GLACIER\n",
            "rclone:s/bkt",
            "`storage_class = GLACIER`",
            "without it",
        ),
        (
            f"[s]\ntype = s3\n{KEYS}force_path_style = yes\n",
            "rclone:s/bkt",
            "`force_path_style` of the rclone remote s is neither true nor false",
            "Correct it",
        ),
        (
            "[s]\ntype = s3\naccess_key_id = %(x)s\n",
            "rclone:s/bkt",
            "`access_key_id` of the remote s refers to another value",
            "Write the value itself",
        ),
        ("", "rclone:", "names no rclone remote", "rclone listremotes"),
        ("", "rclone::s3,provider=AWS:b", "names no rclone remote", "rclone:NAME/path"),
        ("", "rclone:a,b=c:d", "names no rclone remote", "rclone:NAME/path"),
        ("", "rclone:/b", "names no rclone remote", "rclone:NAME/path"),
    ],
)
def test_refuses_a_remote_that_will_not_do(
    config: str, address: str, message: str, remedy: str, rclone: Rclone
) -> None:
    rclone.write(config)
    error = rclone.refusal(address)
    assert message in error.message
    assert remedy in error.remedy
    assert SECRET_KEY not in str(error)


def test_takes_an_option_that_is_off_for_none(rclone: Rclone) -> None:
    rclone.write(f"[s]\ntype = s3\n{KEYS}v2_auth = false\nrequester_pays = false\n")
    assert resolve("rclone:s/bkt", rclone.environ)[0] == "s3://bkt/"


@pytest.mark.parametrize("path", ["bkt/../c", "bkt//c", "bkt/.hidden"])
def test_refuses_a_path_that_wanders(path: str, rclone: Rclone) -> None:
    rclone.write(f"[s]\ntype = s3\n{KEYS}")
    with pytest.raises(KargoError, match="cannot be the name"):
        rclone.open(f"rclone:s/{path}")


def test_names_the_variable_whose_file_is_not_there(tmp_path: Path) -> None:
    typo = str(tmp_path / "typo.conf")
    with pytest.raises(UsageError) as caught:
        resolve("rclone:store/backup", {"RCLONE_CONFIG": typo})
    assert caught.value.message == (
        f"there is no remote store, for RCLONE_CONFIG names no file: {typo}"
    )
    assert caught.value.remedy.startswith("Correct RCLONE_CONFIG")


def test_needs_no_file_for_a_remote_of_variables(tmp_path: Path) -> None:
    remote = {"TYPE": "s3", "ACCESS_KEY_ID": "releaser", "SECRET_ACCESS_KEY": "s3cret-key"}
    environ = {f"RCLONE_CONFIG_STORE_{key}": value for key, value in remote.items()}
    url, _ = resolve(
        "rclone:store/backup", {**environ, "RCLONE_CONFIG": str(tmp_path / "typo.conf")}
    )
    assert url == "s3://backup/"


@pytest.mark.parametrize("environ", [{}, {"RCLONE_CONFIG": ""}])
def test_tells_that_rclone_has_no_file(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="configuration, of which there is no file") as caught:
        resolve("rclone:store/backup", environ)
    assert "rclone config" in caught.value.remedy
