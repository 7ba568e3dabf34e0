"""What image.yaml says, and how each wrong value is told."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kargo_release import yamlfile
from kargo_release.errors import InvalidError
from kargo_release.images.image_file import GitContext, Image
from kargo_release.images.image_keys import read_image

FULL = """\
version: "1.10"
repository: maps/kano
tag: "v{version}_{append}"
append: prod
arguments: {NODE_ENV: production, EMPTY: ""}
context: shared/maps
target: final
platforms: [linux/amd64, linux/arm/v7]
size_limit: 1.5 GiB
smoke: [kano, --version, ""]
"""


def read(text: str | bytes) -> Image:
    return read_image("kano", "images/kano", text if isinstance(text, bytes) else text.encode())


def refuse(text: str | bytes) -> InvalidError:
    with pytest.raises(InvalidError) as refused:
        read(text)
    assert "images/kano/image.yaml" in refused.value.message
    assert refused.value.remedy
    assert len(str(refused.value)) < 600
    return refused.value


def test_needs_the_version_alone() -> None:
    image = read("version: 2.6.0\n")

    assert image == Image(
        app="kano",
        folder="images/kano",
        version="2.6.0",
        repository="kano",
        tag_template="{version}-{append}",
        append="latest",
        arguments={},
        context="images/kano",
        target=None,
        platforms=(),
        size_limit=None,
        smoke=(),
    )
    assert not image.is_pinned
    assert image.tag(None) == "2.6.0-latest"


def test_takes_every_key() -> None:
    image = read(FULL.replace(', ""]', ", x]"))

    assert image.tag(None) == "v1.10_prod"
    assert image.tag("dev.2") == "v1.10_dev.2"
    assert image.repository == "maps/kano"
    assert image.arguments == {"NODE_ENV": "production", "EMPTY": ""}
    assert image.context == "shared/maps"
    assert image.target == "final"
    assert image.platforms == ("linux/amd64", "linux/arm/v7")
    assert image.size_limit == 1_610_612_736
    assert image.smoke == ("kano", "--version", "x")


def test_a_tag_of_the_version_alone_is_pinned() -> None:
    image = read('version: 4.6.20\ntag: "{version}"\n')

    assert image.is_pinned
    assert image.tag(None) == "4.6.20"
    with pytest.raises(InvalidError, match="takes no 'prod'") as refused:
        image.tag("prod")
    assert "Ask for kano alone" in refused.value.remedy


@pytest.mark.parametrize("append", ["", ".x", "-x", "a b", "a/b", "x" * 129, "x" * 10_000, "\n"])
def test_refuses_to_append_what_no_tag_has(append: str) -> None:
    with pytest.raises(InvalidError, match=r"kano: .* cannot be a tag in a registry") as refused:
        read("version: 1.2.3\n").tag(append)
    assert "up to 128 letters" in refused.value.remedy
    assert len(str(refused.value)) < 300


def test_refuses_a_tag_that_is_too_long_only_as_a_whole() -> None:
    with pytest.raises(InvalidError, match="cannot be a tag"):
        read("version: 1.2.3\n").tag("x" * 123)
    assert len(read("version: 1.2.3\n").tag("x" * 122)) == 128


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("250 MB", 250_000_000),
        ("250MB", 250_000_000),
        ("1.5 GiB", 1_610_612_736),
        ("0.1 kB", 100),
        ("1 B", 1),
        ("12 KiB", 12_288),
        ("0.001 TB", 1_000_000_000),
        ("1 TiB", 2**40),
    ],
)
def test_takes_sizes(text: str, size: int) -> None:
    assert read(f"version: 1.2.3\nsize_limit: {text}\n").size_limit == size


@pytest.mark.parametrize(
    ("address", "context"),
    [
        (
            "https://github.com/kalisio/kano.git#v2.6.0",
            GitContext("https://github.com/kalisio/kano.git", "v2.6.0"),
        ),
        (
            "https://git.example.com:8443/a/b/c.git#feature/maps:docker/kano/",
            GitContext("https://git.example.com:8443/a/b/c.git", "feature/maps", "docker/kano"),
        ),
        (
            "ssh://git@git.example.com/a/b.git#1234567890123456789012345678901234567890",
            GitContext(
                "ssh://git@git.example.com/a/b.git", "1234567890123456789012345678901234567890"
            ),
        ),
        ("http://127.0.0.1:8080/a.git#main", GitContext("http://127.0.0.1:8080/a.git", "main")),
    ],
)
def test_takes_another_repository_as_context(address: str, context: GitContext) -> None:
    assert read(f"version: 1.2.3\ncontext: {address!r}\n").context == context
    assert str(context) == address.rstrip("/")


@pytest.mark.parametrize(
    ("given", "folder"),
    [(".", "."), ("./shared/", "shared"), ("shared/../images", "images"), ("a b/ü", "a b/ü")],
)
def test_takes_a_folder_of_the_repository_as_context(given: str, folder: str) -> None:
    assert read(f"version: 1.2.3\ncontext: {given}\n").context == folder


# A line, what the message says besides the file, and what the remedy says.
WRONG = [
    ("", "is empty", "keys"),
    ("- version", "holds a list", "mapping"),
    ("version", "holds a single value", "mapping"),
    ("version: [", "is not YAML", "Mend"),
    ("version: 1.2.3\nversion: 1.2.4", "`version` given twice", "Mend"),
    ("version: !!python/name:os.system x", "the tag", "Mend"),
    ("1: 2", "the key 1", "Quote it"),
    ("repository: kano", "has no `version`", "version: 1.2.3"),
    ("versoin: 1.2.3", "unknown key `versoin`", "Perhaps you meant version."),
    ("version: 1.2.3\nsize-limit: 1 MB", "unknown key `size-limit`", "meant size_limit."),
    ("version: 1.2.3\nzzz: 1", "unknown key `zzz`", "Known are: version, repository, tag"),
    ("version: 1.10", "`version` is a number to YAML, which reads 1.1", '"1.10" stays 1.10'),
    ("version: 8", "`version` is a number to YAML, which reads 8", "quotes"),
    ("version: 1_0", "which reads 10", "quotes"),
    ("version: 012", "which reads 10", "quotes"),
    ("version: .inf", "which reads inf", "quotes"),
    ("version: yes", "`version` is a truth value to YAML, which reads True", "quotes"),
    ("version:", "`version` is empty", "a text that is not empty"),
    ("version: ' '", "`version` is ' '", "a text that is not empty"),
    ("version: [1]", "`version` is [1]", "a text that is not empty"),
    ("version: {a: b}", "`version` is {'a': 'b'}", "a text that is not empty"),
    ('version: "1\\n2"', "`version` is '1\\n2'", "on one line"),
    ('version: "1\\e[31m"', "`version` is '1\\x1b[31m'", "on one line"),
    (f"version: {'x' * 5000}", "`version` is 'xxx", "at most 4096 characters"),
    ("version: 1.2+3", "the tag of kano: '1.2+3-latest' cannot be a tag", "Use up to 128"),
    ("version: -1.2", "`version` is a number", "quotes"),
    ("version: v/1", "'v/1-latest' cannot be a tag", "Use up to 128"),
    ("version: $(reboot)", "cannot be a tag", "Use up to 128"),
    (f"version: {'1' * 125}.x", "cannot be a tag", "Use up to 128"),
    ("version: 1.2.3\nrepository: Kano", "`repository` is 'Kano'", "lower-case letters"),
    ("version: 1.2.3\nrepository: ../kano", "`repository` is", "lower-case letters"),
    ("version: 1.2.3\nrepository: a//b", "`repository` is", "lower-case letters"),
    ("version: 1.2.3\nrepository: a:b", "`repository` is", "lower-case letters"),
    ("version: 1.2.3\nrepository: ''", "`repository` is ''", "not empty"),
    (f"version: 1.2.3\nrepository: {'x' * 256}", "`repository` is 'xxx", "lower-case letters"),
    ("version: 1.2.3\ntag: latest", "`tag` is 'latest'", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{name}-{version}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{version"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{version!r}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{version.__class__}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{{version}}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "{version} {append}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "a/{version}"', "`tag` is", "{version} or {append} in it"),
    ('version: 1.2.3\ntag: "-{version}"', "'-1.2.3' cannot be a tag", "Use up to 128"),
    ("version: 1.2.3\ntag: {version}", "`tag` is {'version': None}", "a text that is not empty"),
    ("version: 1.2.3\nappend: a b", "`append` is 'a b'", "up to 128 letters"),
    ("version: 1.2.3\nappend: -x", "`append` is '-x'", "up to 128 letters"),
    ("version: 1.2.3\nappend: 1.0", "`append` is a number", "quotes"),
    ("version: 1.2.3\narguments: [A=b]", "`arguments` is ['A=b']", "a mapping of names to texts"),
    ("version: 1.2.3\narguments: A=b", "`arguments` is 'A=b'", "a mapping of names to texts"),
    ("version: 1.2.3\narguments:", "`arguments` is empty", "a mapping of names to texts"),
    ("version: 1.2.3\narguments: {PORT: 8080}", "`arguments.PORT` is a number", "quotes"),
    ("version: 1.2.3\narguments: {DEBUG: on}", "`arguments.DEBUG` is a truth value", "quotes"),
    ("version: 1.2.3\narguments: {A: null}", "`arguments.A` is empty", "a text"),
    ("version: 1.2.3\narguments: {A: [b]}", "`arguments.A` is ['b']", "a text"),
    ("version: 1.2.3\narguments: {1: b}", "`arguments` is a number", "quotes"),
    ("version: 1.2.3\narguments: {a-b: c}", "`arguments` is 'a-b'", "letters, digits and `_`"),
    ("version: 1.2.3\narguments: {'A=b': c}", "`arguments` is 'A=b'", "letters, digits and `_`"),
    ('version: 1.2.3\narguments: {A: "\\0"}', "`arguments.A` is '\\x00'", "on one line"),
    ("version: 1.2.3\ncontext: /etc", "`context` is '/etc'", "inside the repository"),
    ("version: 1.2.3\ncontext: ../other", "`context` is '../other'", "inside the repository"),
    ("version: 1.2.3\ncontext: a/../../b", "`context` is", "inside the repository"),
    ("version: 1.2.3\ncontext: ..", "`context` is '..'", "inside the repository"),
    ("version: 1.2.3\ncontext: a\\b", "`context` is", "inside the repository"),
    ('version: 1.2.3\ncontext: "a\\nb"', "`context` is 'a\\nb'", "on one line"),
    ("version: 1.2.3\ncontext: [a]", "`context` is ['a']", "a text"),
    ("version: 1.2.3\ntarget: -x", "`target` is '-x'", "the name of a stage"),
    ("version: 1.2.3\ntarget: 1", "`target` is a number", "quotes"),
    ("version: 1.2.3\ntarget: a b", "`target` is 'a b'", "the name of a stage"),
    ("version: 1.2.3\nplatforms: linux/amd64", "`platforms` is 'linux/amd64'", "a list of texts"),
    ("version: 1.2.3\nplatforms: []", "`platforms` is []", "a list of texts"),
    ("version: 1.2.3\nplatforms:", "`platforms` is empty", "a list of texts"),
    ("version: 1.2.3\nplatforms: [amd64]", "`platforms[0]` is 'amd64'", "os/arch"),
    ("version: 1.2.3\nplatforms: [linux/a, 1]", "`platforms[1]` is a number", "quotes"),
    ("version: 1.2.3\nplatforms: [a/b/c/d]", "`platforms[0]` is 'a/b/c/d'", "os/arch"),
    ("version: 1.2.3\nplatforms: [--a/b]", "`platforms[0]` is '--a/b'", "os/arch"),
    ("version: 1.2.3\nplatforms: [Linux/AMD64]", "`platforms[0]` is", "os/arch"),
    ("version: 1.2.3\nsize_limit: 250", "`size_limit` is 250", "a number and a unit"),
    ("version: 1.2.3\nsize_limit: 0 MB", "`size_limit` is '0 MB'", "above zero"),
    ("version: 1.2.3\nsize_limit: -1 MB", "`size_limit` is '-1 MB'", "a number and a unit"),
    ("version: 1.2.3\nsize_limit: 1 mb", "`size_limit` is '1 mb'", "a number and a unit"),
    ("version: 1.2.3\nsize_limit: 1e9 MB", "`size_limit` is '1e9 MB'", "a number and a unit"),
    ("version: 1.2.3\nsize_limit: \u0661 MB", "`size_limit` is '\u0661 MB'", "a number and a unit"),
    (f"version: 1.2.3\nsize_limit: {'9' * 99} MB", "`size_limit` is '999", "a number and a unit"),
    ("version: 1.2.3\nsize_limit:", "`size_limit` is empty", "a number and a unit"),
    ("version: 1.2.3\nsmoke: kano --version", "`smoke` is 'kano --version'", "a list of texts"),
    ("version: 1.2.3\nsmoke: []", "`smoke` is []", "a list of texts"),
    ("version: 1.2.3\nsmoke: [sleep, 1]", "`smoke[1]` is a number", "quotes"),
    ("version: 1.2.3\nsmoke: [[a]]", "`smoke[0]` is ['a']", "a text"),
    ("version: 1.2.3\nsmoke: {a: b}", "`smoke` is {'a': 'b'}", "a list of texts"),
]


@pytest.mark.parametrize(("text", "message", "remedy"), WRONG)
def test_refuses_what_is_wrong_and_says_what_it_must_be(
    text: str, message: str, remedy: str
) -> None:
    error = refuse(text)

    assert message in error.message
    assert remedy in error.remedy


# What follows https://git.example.com or stands for the whole address, and what is told.
WRONG_ADDRESSES = [
    ("https://git.example.com/a.git", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#:folder", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#--upload-pack=x", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#-b", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a..b", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a@{1}", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a b", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a//b", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a/-b", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a.lock", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a.", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#a^", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#$(x)", "branch, a tag or a whole commit"),
    ("https://git.example.com/a.git#main:../x", "lies in that repository"),
    ("https://git.example.com/a.git#main:/x", "lies in that repository"),
    ("https://git.example.com/a.git#main:a/../..", "lies in that repository"),
    ("https://git.example.com/a.git#main:-x", "lies in that repository"),
    ("https://git.example.com/a.git#main:a:b", "lies in that repository"),
    ("https://ada:s3cret@git.example.com/a.git#main", "without a login"),
    ("https://s3cret@git.example.com/a.git#main", "without a login"),
    ("ssh://git:s3cret@git.example.com/a.git#main", "without a login"),
    ("ssh://ada@git.example.com/a.git#main", "without a login"),
    ("https://git.example.com/a#main", "https://HOST/PATH.git#REF"),
    ("https://git.example.com/a.git?token=x#main", "https://HOST/PATH.git#REF"),
    ("https://git.example.com/a.tar.gz#main", "https://HOST/PATH.git#REF"),
    ("https://-oProxyCommand=x/a.git#main", "https://HOST/PATH.git#REF"),
    ("ssh://git@-oProxyCommand=x/a.git#main", "https://HOST/PATH.git#REF"),
    ("https://git.example.com/-a/b.git#main", "https://HOST/PATH.git#REF"),
    ("https://git.example.com/../a.git#main", "https://HOST/PATH.git#REF"),
    ("https:///a.git#main", "https://HOST/PATH.git#REF"),
    ("https://#main", "https://HOST/PATH.git#REF"),
    ("file:///etc/a.git#main", "https://HOST/PATH.git#REF"),
    ("ext::sh -c x#main", "https://HOST/PATH.git#REF"),
    ("git@git.example.com:a.git#main", "https://HOST/PATH.git#REF"),
    ("git@git.example.com:a.git", "https://HOST/PATH.git#REF"),
    ("images/kano#main", "https://HOST/PATH.git#REF"),
]


@pytest.mark.parametrize(("address", "wanted"), WRONG_ADDRESSES)
def test_refuses_an_address_that_could_be_something_else(address: str, wanted: str) -> None:
    error = refuse(f"version: 1.2.3\ncontext: '{address}'\n")

    assert "`context` is" in error.message
    assert wanted in error.remedy
    assert "s3cret" not in str(error)


def test_refuses_a_control_character_in_an_address() -> None:
    error = refuse('version: 1.2.3\ncontext: "https://git.example.com/a.git#ma\\x07in"\n')

    assert "on one line" in error.remedy


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"version: 1.2.3\nsmoke: " + b"[" * 200,
        b"a: &a [x]\n" + b"".join(b"a%d: &a%d [*a, *a]\n" % (n, n) for n in range(3)),
        b"x" * (yamlfile.SIZE_LIMIT + 1),
        b"smoke: &a [*a]",
    ],
)
def test_refuses_what_is_made_to_hurt(data: bytes) -> None:
    refuse(data)


KEYS = st.sampled_from(["version", "tag", "append", "arguments", "context", "size_limit", "smoke"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(KEYS, VALUES))
@settings(max_examples=300, deadline=None)
def test_any_value_gives_an_image_or_an_error_of_ours(document: dict[str, Any]) -> None:
    import yaml

    try:
        image = read(yaml.safe_dump(document, allow_unicode=True))
    except InvalidError:
        image = read("version: 1.2.3")
    assert image.tag(None)
