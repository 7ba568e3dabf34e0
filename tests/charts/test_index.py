import functools
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from servers_s3 import ACCESS_KEY, SECRET_KEY, moto

from kargo_release.bucket.folder import FolderStore
from kargo_release.bucket.s3 import S3Store
from kargo_release.bucket.s3_access import Access
from kargo_release.bucket.store import LostRaceError, ObjectStore, Stored
from kargo_release.charts import index
from kargo_release.charts.index import EMPTY, Entry, Index, merge, read, render
from kargo_release.charts.index_store import CONTENT_TYPE, update
from kargo_release.errors import FailedError, InvalidError

NOW = "2026-11-21T10:00:00Z"
LATER = "2026-11-22T10:00:00Z"


def entry(version: str, name: str = "kano", created: str = NOW, **more: Any) -> Entry:
    return Entry({"apiVersion": "v2", "name": name, "version": version, **more}, "0" * 64, created)


def with_versions(*versions: str) -> Index:
    return merge(EMPTY, [entry(each) for each in versions], NOW)


# As `helm repo index` of Helm 4.2.3 writes it, with what other programs add.
BY_HELM = b"""\
annotations:
  owner: "007"
apiVersion: v1
entries:
  k2:
  - apiVersion: v2
    appVersion: 1.10
    created: 2026-01-31T12:00:00.123456789+01:00
    dependencies:
    - enabled: true
      name: kargo
      repository: ""
    deprecated: true
    digest: 1234567890123456789012345678901234567890123456789012345678901234
    name: k2
    urls:
    - https://charts.example.com/k2-0.1.0.tgz
    version: 0.1.0
generated: "2026-01-31T12:00:00Z"
serverInfo:
  contextPath: ~
"""


def test_reads_what_helm_wrote_and_changes_no_text() -> None:
    found = read(BY_HELM)
    assert found.head["annotations"] == {"owner": "007"}
    assert found.head["serverInfo"] == {"contextPath": None}
    held = found.entry("k2", "0.1.0")
    assert held is not None
    assert held["created"] == "2026-01-31T12:00:00.123456789+01:00"
    assert held["appVersion"] == "1.10"
    assert held["digest"] == "1234567890123456789012345678901234567890123456789012345678901234"
    assert held["deprecated"] is True
    assert held["dependencies"] == [{"enabled": True, "name": "kargo", "repository": ""}]


def test_reads_again_what_it_writes() -> None:
    found = read(BY_HELM)
    assert read(render(found)) == found
    text: dict[str, Any] = {"description": 'é 😀 "\\ \x7f', "keywords": []}
    ours = merge(found, [entry("1.0.0", **text)], NOW)
    assert read(render(ours)) == ours
    assert "é 😀".encode() in render(ours)


def test_writes_an_escape_for_half_a_character() -> None:
    found = read(b'{"apiVersion": "v1", "entries": {}, "note": "\\ud800"}')
    assert b'"\\ud800"' in render(found)
    assert read(render(found)) == found


def test_writes_one_version_a_line() -> None:
    found = merge(with_versions("1.0.0", "1.1.0"), [entry("2.0.0", name="k2")], LATER)

    def line(name: str, version: str) -> str:
        return (
            f'{{"apiVersion": "v2", "name": "{name}", "version": "{version}", '
            f'"created": "{NOW}", "digest": "{"0" * 64}", "urls": ["{name}-{version}.tgz"]}}'
        )

    written = render(found).decode()
    body = written[written.index('"entries"') :]
    checksum = sha256(body.encode()).hexdigest()
    assert written.splitlines() == [
        '{"apiVersion": "v1",',
        f'"generated": "{LATER}",',
        f'"annotations": {{"io.github.kargo-release.checksum": "sha256:{checksum}"}},',
        '"entries": {',
        '"k2": [',
        line("k2", "2.0.0"),
        "],",
        '"kano": [',
        line("kano", "1.1.0") + ",",
        line("kano", "1.0.0"),
        "]",
        "}}",
    ]


def test_writes_what_readers_of_yaml_understand() -> None:
    text = "é 😀: - 'a' #b"
    found = merge(read(BY_HELM), [entry("1.0.0", description=text)], NOW)
    assert yaml.safe_load(render(found))["entries"]["kano"][0]["description"] == text


def test_writes_an_empty_index() -> None:
    assert read(render(EMPTY)) == EMPTY


def test_quotes_what_s3_would_take_for_a_space() -> None:
    assert entry("1.0.0+b 1").document()["urls"] == ["kano-1.0.0%2Bb%201.tgz"]


def test_lists_the_newest_first() -> None:
    versions = ["1.0.0-rc.2", "0.9.0", "1.0.0", "1.0.0-rc.10", "1.10.0", "1.9.0", "1.0.0+b"]
    assert with_versions(*versions).versions("kano") == [
        "1.10.0",
        "1.9.0",
        "1.0.0+b",
        "1.0.0",
        "1.0.0-rc.10",
        "1.0.0-rc.2",
        "0.9.0",
    ]


def test_finds_a_version_by_its_exact_text() -> None:
    found = with_versions("1.0.0", "1.0.0+b")
    held = found.entry("kano", "1.0.0+b")
    assert held is not None
    assert held["version"] == "1.0.0+b"
    assert found.entry("kano", "1.0") is None
    assert found.entry("kan", "1.0.0") is None
    assert found.versions("kan") == []


def test_keeps_what_others_wrote() -> None:
    odd: list[Mapping[str, Any]] = [{"version": "latest", "by": "hand"}, {"no": "version"}]
    theirs = Index.of(
        {"apiVersion": "v1", "x-own": [1], "entries": {"kano": odd, "zoo": odd}, "publicKeys": []}
    )
    merged = merge(theirs, [entry("1.0.0")], NOW)
    assert merged.head == {"apiVersion": "v1", "x-own": [1], "publicKeys": [], "generated": NOW}
    assert merged.entries == {"kano": [entry("1.0.0").document(), *odd], "zoo": odd}


def test_replaces_a_version_that_differs() -> None:
    merged = merge(with_versions("1.0.0", "1.1.0"), [entry("1.0.0", description="new")], LATER)
    assert merged.versions("kano") == ["1.1.0", "1.0.0"]
    held = merged.entry("kano", "1.0.0")
    assert held is not None
    assert held["description"] == "new"
    assert merged.head["generated"] == LATER


def test_leaves_one_of_a_version_that_is_there_twice() -> None:
    twice = Index.of({"apiVersion": "v1", "entries": {"kano": [{"version": "1.0.0"}] * 2}})
    assert merge(twice, [entry("1.0.0")], NOW).versions("kano") == ["1.0.0"]


def test_changes_nothing_when_all_is_there() -> None:
    found = with_versions("1.0.0", "1.1.0")
    assert merge(found, [entry("1.0.0", created=LATER)], LATER) is found
    assert merge(found, [], LATER) is found
    again = read(render(found))
    assert merge(again, [entry("1.1.0")], LATER) is again


def test_leaves_the_index_that_it_was_given() -> None:
    found = with_versions("1.0.0")
    before = render(found)
    merge(found, [entry("1.1.0"), entry("1.0.0", name="k2")], LATER)
    assert render(found) == before


LAUGHS = "\n".join(
    [
        "apiVersion: v1",
        "a0: &a0 [x, x]",
        *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 99)),
    ]
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "index.yaml"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "index.yaml"),
        (b"\x1f\x8b\x08\x00gzip", "index.yaml"),
        (b"\xff\xfea\x00", "index.yaml"),
        (b"null", "no apiVersion"),
        (b"[]", "no apiVersion"),
        (b"{}", "no apiVersion"),
        (b"entries: {}", "no apiVersion"),
        (b'{"apiVersion": "", "entries": {}}', "no apiVersion"),
        (b'{"apiVersion": 1, "entries": {}}', "no apiVersion"),
        (b"apiVersion: v1\nentries: []", "`entries` is not a mapping"),
        (b"apiVersion: v1\nentries: kano", "`entries` is not a mapping"),
        (b"apiVersion: v1\nentries: {kano: {a: b}}", "'kano' is not a list"),
        (b"apiVersion: v1\nentries: {kano: [text]}", "a version of 'kano' is not one"),
        (b'{"apiVersion": "v1", "entries": {"kano": [{"version": 1.1}]}}', "'kano' is not one"),
        (b'{"apiVersion": "v1", "entries": {"kano": [], "kano": []}}', "the key 'kano' twice"),
        (b"apiVersion: v1\nentries: {kano: [], kano: []}", "the key 'kano' twice"),
        (b"apiVersion: v1\nentries:\n  kano: []\n---\nentries: {}\n", "2 documents"),
        (b"apiVersion: v1\n? [a, b]\n: c", "line 2 has a key that is not text"),
        (b"apiVersion: v1\nentries: !!python/object:os.system {}", "line 2 has a tag"),
        (b"apiVersion: v1\nentries: {kano: [!!float 1.1]}", "line 2 has a tag"),
        (b"apiVersion: v1\nentries: &e {}\nx: *e", "line 3 has an alias"),
        (LAUGHS.encode(), "line 3 has an alias"),
        (b"[" * 200_000, "nested too deeply"),
        (b"{a: " * 200_000, "nested too deeply"),
        (b"- " * 200_000, "nested too deeply"),
        (b"a: [" * 5, "index.yaml cannot be read"),
        (b" " * (index.LIMIT + 1), "larger than 256 MiB"),
    ],
)
def test_refuses_what_is_no_index(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read(data)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert "rebuild-index" in caught.value.remedy


def test_finds_a_repeated_key_among_many_in_one_look() -> None:
    entries = ",".join(f'"chart-{number}": []' for number in range(40_000))

    with pytest.raises(InvalidError, match="the key 'last' twice"):
        read(f'{{"entries": {{{entries},"last": [],"last": []}}}}'.encode())


@pytest.mark.parametrize("whole", [render(with_versions("1.0.0", "1.1.0")), BY_HELM])
def test_never_takes_the_beginning_of_an_index_for_less_than_it_was(whole: bytes) -> None:
    complete = read(whole)
    for length in range(len(whole) - 1):
        try:
            cut = read(whole[:length])
        except InvalidError:
            continue
        # YAML cannot tell that lines are missing; JSON, which is what we write, can.
        assert whole is BY_HELM or cut == complete


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_keeps_numbers_that_json_has_not_as_text(number: str) -> None:
    found = read(b'{"apiVersion": "v1", "x": %s}' % number.encode())
    assert found.head["x"] == number


def test_drops_nulls_as_helm_does() -> None:
    found = read(b"apiVersion: v1\nentries: {kano: [null, {version: 1.0.0}], k2: null}")
    assert found.entries == {"kano": [{"version": "1.0.0"}], "k2": []}
    assert read(b"apiVersion: v1").entries == {}


def test_reads_text_with_a_byte_order_mark() -> None:
    assert read(b"\xef\xbb\xbf" + render(EMPTY)) == EMPTY
    assert read(b"\xef\xbb\xbf" + BY_HELM) == read(BY_HELM)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as endpoint:
        yield endpoint


OpenStore = Callable[[], ObjectStore]


@pytest.fixture(params=["s3", "folder"])
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OpenStore:
    """Return what opens the same new store each time, as each of several programs would."""
    if request.param == "folder":
        return lambda: FolderStore(tmp_path / "backup")
    endpoint: str = request.getfixturevalue("endpoint")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    bucket = f"bucket-{sha256(str(tmp_path).encode()).hexdigest()[:12]}"
    session = botocore.session.get_session()
    client: Any = session.create_client("s3", region_name="us-east-1", endpoint_url=endpoint)
    client.create_bucket(Bucket=bucket)
    access = Access(endpoint=endpoint)
    return lambda: S3Store(f"s3://{bucket}/helm", access, single_writer=False, jobs=16)


def held(store: ObjectStore) -> tuple[bytes, Stored]:
    found = store.get(index.KEY, index.LIMIT)
    assert found is not None
    return found


def test_creates_the_index_and_adds_to_it(open_store: OpenStore) -> None:
    store = open_store()
    first = update(store, [entry("1.0.0")], NOW)
    assert read(held(store)[0]) == first
    second = update(store, [entry("1.1.0"), entry("1.0.0", name="k2")], LATER)
    assert read(held(store)[0]) == second
    assert (second.versions("kano"), second.versions("k2")) == (["1.1.0", "1.0.0"], ["1.0.0"])


def test_writes_nothing_when_nothing_changed(open_store: OpenStore) -> None:
    store = open_store()
    assert update(store, [], NOW) == EMPTY
    assert store.head(index.KEY) is None
    update(store, [entry("1.0.0")], NOW)
    before = held(store)
    assert update(store, [entry("1.0.0", created=LATER)], LATER) == read(before[0])
    assert held(store) == before


@pytest.mark.parametrize("junk", [b"", b"<html>", b"apiVersion: v1\nentries: ["])
def test_leaves_an_unreadable_index_as_it_is(open_store: OpenStore, junk: bytes) -> None:
    store = open_store()
    store.put(index.KEY, junk, if_match=None, content_type=CONTENT_TYPE)
    with pytest.raises(InvalidError) as caught:
        update(store, [entry("1.0.0")], NOW)
    assert store.location(index.KEY) in caught.value.message
    assert held(store)[0] == junk


def test_loses_nothing_of_sixteen_writers_at_once(open_store: OpenStore) -> None:
    store, start = open_store(), threading.Barrier(16)

    def release(number: int) -> None:
        start.wait()
        update(store, [entry(f"1.{number}.0"), entry("1.0.0", name=f"chart-{number}")], NOW)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(release, range(16)))
    found = read(held(store)[0])
    assert found.versions("kano") == [f"1.{number}.0" for number in range(15, -1, -1)]
    assert all(found.versions(f"chart-{number}") == ["1.0.0"] for number in range(16))


def test_gives_up_when_it_never_gets_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object, **__: object) -> None:
        raise LostRaceError(index.KEY)

    monkeypatch.setattr(FolderStore, "put", lose)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(FailedError, match="was changed by others at each of 40 tries") as caught:
        update(FolderStore(tmp_path), [entry("1.0.0")], NOW)
    assert "Run it again" in caught.value.remedy


def archive(metadata: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    text = json.dumps(metadata).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(f"{metadata['name']}/Chart.yaml")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


PULL = """
import sys, helm_python
name, version, url, folder = sys.argv[1:]
helm_python.pull(name, repo_url=url, version=version, destination=folder)
"""


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0-rc.1", "1.0.0+build.5"])
def test_lets_helm_pull_from_a_served_folder(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    pytest.importorskip("helm_python")
    folder, url = served
    store = FolderStore(folder)
    store.put(index.KEY, BY_HELM, if_match=None, content_type=CONTENT_TYPE)
    archives = {}
    for each in ("1.0.0", "1.1.0-rc.1", "1.0.0+build.5"):
        metadata = entry(each, description="é 😀", appVersion="1.10").metadata
        archives[each] = archive(metadata)
        store.put(
            f"kano-{each}.tgz", archives[each], if_match=None, content_type="application/gzip"
        )
        ours = Entry(metadata, sha256(archives[each]).hexdigest(), NOW)
        update(store, [ours], NOW)
    for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    pulled = tmp_path / "pulled"
    pulled.mkdir()
    subprocess.run(
        [sys.executable, "-c", PULL, "kano", version, url, str(pulled)], check=True, timeout=60
    )
    (found,) = pulled.iterdir()
    assert found.read_bytes() == archives[version]
