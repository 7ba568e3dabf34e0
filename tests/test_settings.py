"""Settings from the file and from the environment."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kargo_release import settings
from kargo_release.errors import InvalidError, KargoError, UsageError
from kargo_release.settings import GitSettings, S3Settings, Settings

EVERY_KEY = """\
charts: deploy/charts
images: deploy/images
registry: oci://harbor.example.com/kalisio/helm
backup: s3://charts/helm
s3: {endpoint: "https://s3.example.com", region: gra, single_writer: true}
plain_http: false
image_registry: docker.io/kalisio
git: {remote: upstream, branch: [main, "hotfix/*"], tag: "v{version}/{name}", claims: false}
dev_version: "{version}-dev.{count}.g{sha}"
helm: path
jobs: 4
"""


def load(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    (folder / settings.FILE_NAME).write_text(text)
    return settings.load(folder, environ or {})


def refusal(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> KargoError:
    with pytest.raises(KargoError) as caught:
        load(folder, text, environ)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return caught.value


# Where settings come from


def test_has_a_default_for_every_key(tmp_path: Path) -> None:
    assert settings.load(tmp_path, {}) == Settings()
    assert settings.load(tmp_path, {}).is_local


@pytest.mark.parametrize("text", ["", "# registry: oci://x/y\n", "---\n"])
def test_takes_a_file_without_a_key(text: str, tmp_path: Path) -> None:
    assert load(tmp_path, text) == Settings()


def test_reads_every_key(tmp_path: Path) -> None:
    assert load(tmp_path, EVERY_KEY) == Settings(
        charts="deploy/charts",
        images="deploy/images",
        registry="oci://harbor.example.com/kalisio/helm",
        backup="s3://charts/helm",
        s3=S3Settings("https://s3.example.com", "gra", single_writer=True),
        plain_http=False,
        image_registry="docker.io/kalisio",
        git=GitSettings("upstream", ("main", "hotfix/*"), "v{version}/{name}", claims=False),
        dev_version="{version}-dev.{count}.g{sha}",
        helm="path",
        jobs=4,
    )


def test_lets_the_environment_override_the_file_key_by_key(tmp_path: Path) -> None:
    environ = {
        "KARGO_RELEASE_REGISTRY": "local",
        "KARGO_RELEASE_S3__ENDPOINT": "http://127.0.0.1:9000",
        "KARGO_RELEASE_S3__SINGLE_WRITER": "no",
        "KARGO_RELEASE_GIT__BRANCH": "main, release/*",
        "KARGO_RELEASE_PLAIN_HTTP": "TRUE",
        "KARGO_RELEASE_JOBS": "16",
        "KARGO": "not ours",
        "HOME": "/nowhere",
    }

    found = load(tmp_path, EVERY_KEY, environ)

    before = load(tmp_path, EVERY_KEY)
    assert found == replace(
        before,
        registry="local",
        s3=S3Settings("http://127.0.0.1:9000", "gra", single_writer=False),
        git=replace(before.git, branch=("main", "release/*")),
        plain_http=True,
        jobs=16,
    )


def test_leaves_credentials_to_whom_they_are_for(tmp_path: Path) -> None:
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "ada",
        "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret",
        "KARGO_RELEASE_REGISTRY_PASSWORD_FILE": "/run/secret",
    }

    assert load(tmp_path, "", environ) == Settings()


@pytest.mark.parametrize("branch", ["main", "[main]"])
def test_takes_one_branch_or_a_list(branch: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"git: {{branch: {branch}}}").git.branch == ("main",)


@pytest.mark.parametrize(
    "folder", ["deploy/charts", "./deploy/charts/", "deploy//charts", "a/../deploy/charts"]
)
def test_writes_a_folder_as_git_does(folder: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"charts: {folder}\n").charts == "deploy/charts"


# Unknown keys


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("registri: local", "unknown setting `registri`", "Perhaps you meant registry."),
        ("s3: {endpont: x}", "unknown setting `s3.endpont`", "Perhaps you meant s3.endpoint."),
        ("git: {tags: x}", "unknown setting `git.tags`", "Perhaps you meant git.tag."),
        ("zzz: 1", "unknown setting `zzz`", "Known are: charts, images, registry, "),
        ("s3: {1: x}", "unknown setting `s3.1`", "s3"),
    ],
)
def test_offers_the_nearest_key(text: str, message: str, remedy: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, text)

    assert error.message == f"kargo-release.yaml: {message}"
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("KARGO_RELEASE_REGISTRI", "Perhaps you meant KARGO_RELEASE_REGISTRY."),
        ("KARGO_RELEASE_S3_ENDPOINT", "Perhaps you meant KARGO_RELEASE_S3__ENDPOINT."),
        ("KARGO_RELEASE_S3", "Perhaps you meant KARGO_RELEASE_"),
        ("KARGO_RELEASE_GIT__TAG__X", "Perhaps you meant KARGO_RELEASE_GIT__TAG."),
        ("KARGO_RELEASE_registry", "Perhaps you meant KARGO_RELEASE_"),
        ("KARGO_RELEASE_REGISTRY_PASSWD", "Perhaps you meant KARGO_RELEASE_REGISTRY_PASSWORD."),
        ("KARGO_RELEASE_FOO", "Unset it."),
        ("KARGO_RELEASE_", "Unset it."),
    ],
)
def test_offers_the_nearest_variable(variable: str, remedy: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, "", {variable: "s3cret"})

    assert error.message == f"unknown environment variable {variable}"
    assert remedy in error.remedy
    assert "s3cret" not in str(error)


# Values of the wrong kind


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("charts: 1", "`charts` is 1", "It must be a text that is not empty."),
        ("charts: ''", "`charts` is ''", "It must be a text that is not empty."),
        ("charts:", "`charts` is empty", "It must be a text that is not empty."),
        ("charts: [a]", "`charts` is ['a']", "It must be a text that is not empty."),
        ("s3: true", "`s3` is True", "It must be a mapping."),
        ("s3:", "`s3` is empty", "It must be a mapping."),
        (
            "s3: {single_writer: maybe}",
            "`s3.single_writer` is 'maybe'",
            "It must be true or false.",
        ),
        ("plain_http: 2", "`plain_http` is 2", "It must be true or false."),
        ("git: {branch: 1}", "`git.branch` is 1", "It must be a text or a list of texts."),
        ("git: {branch: [1]}", "`git.branch` is 1", "It must be a text that is not empty."),
        ("git: {claims: []}", "`git.claims` is []", "It must be true or false."),
        ("helm: helm3", "`helm` is 'helm3'", "It must be sdk or path."),
        ("helm: []", "`helm` is []", "It must be sdk or path."),
        ("jobs: many", "`jobs` is 'many'", "It must be a whole number."),
        ("jobs: true", "`jobs` is True", "It must be a whole number."),
        ("jobs: 1.5", "`jobs` is 1.5", "It must be a whole number."),
        ("jobs: -1", "`jobs` is -1", "It must be a whole number."),
        ("jobs: '8'", "`jobs` is '8'", "It must be a whole number."),
        ("git: {claims: 'no'}", "`git.claims` is 'no'", "It must be true or false."),
    ],
)
def test_refuses_a_value_of_the_wrong_kind(
    text: str, message: str, remedy: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, text)

    assert isinstance(error, UsageError)
    assert (error.message, error.remedy) == (f"kargo-release.yaml: {message}", remedy)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("jobs: 0", "`jobs` is 0", "It must be from 1 to 64."),
        ("jobs: 65", "`jobs` is 65", "It must be from 1 to 64."),
        ("registry: harbor.example.com/x", "`registry` is 'harbor", "oci://host/path"),
        ("registry: https://x/y", "`registry` is 'https:", "oci://host/path"),
        ("registry: oci://", "`registry` is 'oci://'", "oci://host/path"),
        ("registry: 'oci://a b/c'", "`registry` is 'oci://a b/c'", "oci://host/path"),
        (
            "backup: rclone:charts\ns3: {endpoint: https://minio}",
            "`s3.endpoint` stands beside backup rclone:charts",
            "Remove it",
        ),
        (
            "backup: rclone:charts\ns3: {region: eu-west-3}",
            "`s3.region` stands beside backup rclone:charts",
            "set `region` of the remote",
        ),
        ("backup: gs://charts/helm", "`backup` is 'gs://charts/helm'", "rclone:NAME or a fol"),
        ("backup: https://x/y", "`backup` is 'https://x/y'", "rclone:NAME or a folder"),
        ("backup: S3://charts/helm", "`backup` is 'S3://", "rclone:NAME or a folder"),
        ("backup: 's3:charts'", "`backup` is 's3:charts'", "rclone:NAME or a folder"),
        ("git: {tag: '{name}'}", "`git.tag` is '{name}'", "{name} and {version}"),
        ("git: {tag: '{version}/{name}-{version}'}", "`git.tag` is '{version}/", "each once"),
        ("git: {tag: '{name}/{name}-{version}'}", "`git.tag` is '{name}/{name}", "each once"),
        ("git: {tag: '-{name}{version}'}", "`git.tag` is '-{name}{version}'", "takes for a tag"),
        ("git: {tag: '{name} {version}'}", "`git.tag` is '{name} {version}'", "takes for a tag"),
        ("git: {tag: '{name}/{version}.lock'}", "`git.tag` is", "a name that Git takes for a tag"),
        ("git: {tag: '{name}..{version}'}", "`git.tag` is", "a name that Git takes for a tag"),
        ("git: {tag: '{name}:{version}'}", "`git.tag` is", "a name that Git takes for a tag"),
        ("git: {tag: '/{name}/{version}'}", "`git.tag` is", "a name that Git takes for a tag"),
        ("charts: /etc", "`charts` is '/etc'", "a folder inside the repository"),
        ("charts: ../x", "`charts` is '../x'", "a folder inside the repository"),
        ("charts: a/../../x", "`charts` is 'a/../../x'", "a folder inside the repository"),
        ("charts: .", "`charts` is '.'", "a folder inside the repository"),
        ("images: 'a\\b'", "`images` is 'a\\\\b'", "a folder inside the repository"),
    ],
)
def test_refuses_a_value_that_means_nothing(
    text: str, message: str, remedy: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, text)

    assert error.message.startswith("kargo-release.yaml: ")
    assert message in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    "backup", ["s3://charts/helm", "backup", "../a:b", "/srv/charts", "~/charts", "C:\\charts"]
)
def test_takes_a_bucket_or_a_folder(backup: str, tmp_path: Path) -> None:
    assert load(tmp_path, f"backup: '{backup}'").backup == backup


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("JOBS", "x", "'x'"),
        ("JOBS", "", "''"),
        ("JOBS", "9" * 5000, "'9999"),
        ("JOBS", "0", "0"),
        ("S3__SINGLE_WRITER", "perhaps", "'perhaps'"),
        ("GIT__BRANCH", "main,,x", "''"),
        ("GIT__TAG", "{name}", "'{name}'"),
        ("HELM", "sdk3", "'sdk3'"),
        ("CHARTS", "/etc", "'/etc'"),
    ],
)
def test_refuses_a_wrong_value_in_the_environment(
    variable: str, value: str, message: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, "", {f"KARGO_RELEASE_{variable}": value})

    assert error.message.startswith(f"KARGO_RELEASE_{variable} is {message}")
    assert len(error.message) < 120


@pytest.mark.parametrize("secret", ["s3cret", "s3cret" * 20, "a/s3cret"])
def test_shows_no_password_of_an_address(secret: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, f"registry: https://ada:{secret}@x.example/y")

    assert "s3cret" not in str(error)
    assert "https://x.example/y" in error.message


# The file


def test_tells_a_resource_of_akuitys_kargo_apart(tmp_path: Path) -> None:
    error = refusal(tmp_path, "apiVersion: kargo.akuity.io/v1alpha1\nkind: Stage\n")

    assert "it looks like a resource of Akuity's Kargo" in error.message
    assert "Give the resource another file name" in error.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "kargo-release.yaml holds a list"),
        ("a: [\n", "kargo-release.yaml is not YAML"),
        ("jobs: 1\njobs: 2\n", "kargo-release.yaml, line 2: the key `jobs` given twice"),
        ("#" * (2 << 20), "over the limit of 1 MiB"),
    ],
)
def test_refuses_a_file_that_is_no_mapping(text: str, message: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, text)

    assert isinstance(error, InvalidError)
    assert message in error.message


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_refuses_what_is_no_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / settings.FILE_NAME
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)

    with pytest.raises(UsageError) as caught:
        settings.load(tmp_path, {})

    assert caught.value.message == f"{path} is no file"
    assert "plain file" in caught.value.remedy


def test_refuses_a_file_whose_name_ends_otherwise(tmp_path: Path) -> None:
    (tmp_path / "kargo-release.yml").write_text("registry: local\n")
    with pytest.raises(UsageError) as caught:
        settings.load(tmp_path, {})
    assert caught.value.message == "kargo-release.yml is not read"
    assert caught.value.remedy == "Call it kargo-release.yaml."
