"""Whether a store lets us pull and push, and as whom."""

import json
import os
from pathlib import Path

import pytest
from servers import DockerRegistry, docker_registry, token_server

from kargo_release.errors import FailedError
from kargo_release.oci.layout import Layouts

from .conftest import OpenRegistry, artifact
from .faulty import Fault, FaultyServer
from .logins import RIGHT, USERS


def test_may_do_all_where_nobody_asks(before: FaultyServer, open_registry: OpenRegistry) -> None:
    access = open_registry(f"{before.url}/new").access("kano")
    assert (access.pull, access.push) == (None, None)
    assert (access.authentication, access.source) == ("anonymous", "")


def test_leaves_no_upload(
    docker: DockerRegistry, before: FaultyServer, open_registry: OpenRegistry
) -> None:
    open_registry(f"{before.url}/traceless").access("kano")
    assert [(each.method, each.status) for each in before.seen] == [
        ("GET", 404),
        ("POST", 202),
        ("DELETE", 204),
    ]
    assert open_registry(f"oci://{docker.host}/team/helm/traceless").tags("kano") == []


def test_does_not_mind_a_registry_that_cannot_cancel(
    before: FaultyServer, open_registry: OpenRegistry
) -> None:
    before.faults = [Fault("DELETE", "/", 405)]
    assert open_registry(f"{before.url}/stays").access("kano").push is None


def test_tells_a_login_of_the_environment(tmp_path: Path, open_registry: OpenRegistry) -> None:
    with docker_registry(tmp_path / "registry", htpasswd=USERS) as registry:
        access = open_registry(registry.url, RIGHT).access("kano")
        assert (access.pull, access.push, access.authentication) == (None, None, "basic")
        assert access.source == (
            "KARGO_RELEASE_REGISTRY_USERNAME and KARGO_RELEASE_REGISTRY_PASSWORD"
        )
        nobody = open_registry(registry.url).access("kano")
        for refused in (nobody.pull, nobody.push):
            assert refused is not None
            assert "did not accept a request without a login (401)" in refused.message
        assert (nobody.authentication, nobody.source) == ("anonymous", "")


def test_tells_a_login_that_may_only_pull(tmp_path: Path, open_registry: OpenRegistry) -> None:
    with (
        token_server(tmp_path / "tokens", USERS, anonymous=frozenset({"pull"})) as tokens,
        docker_registry(tmp_path / "registry", tokens=tokens) as registry,
    ):
        access = open_registry(registry.url).access("kano")
        assert access.pull is None
        assert access.push is not None
        assert (access.authentication, access.source) == ("token", "")
        assert open_registry(registry.url, RIGHT).access("kano").push is None


def test_tells_the_file_and_the_helper_of_a_login(
    tmp_path: Path, open_registry: OpenRegistry
) -> None:
    program = tmp_path / "docker-credential-store"
    program.write_text("""#!/bin/sh\nprintf '{"Username":"releaser","Secret":"pass s3cret:ü"}'\n""")
    program.chmod(0o755)
    file = tmp_path / "config.json"
    environ = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    with docker_registry(tmp_path / "registry", htpasswd=USERS) as registry:
        file.write_text(json.dumps({"credsStore": "store"}))
        access = open_registry(registry.url, environ).access("kano")
        assert access.push is None
        assert access.source == f"docker-credential-store, which {file} names"
        entry = {"username": "releaser", "password": "pass s3cret:ü"}
        file.write_text(json.dumps({"auths": {registry.host: entry}}))
        assert open_registry(registry.url, environ).access("kano").source == str(file)


def test_raises_what_regards_all_of_the_registry(
    faulty: FaultyServer, open_registry: OpenRegistry
) -> None:
    faulty.faults = [Fault("GET", "/", 503)]
    with pytest.raises(FailedError, match="keeps answering 503"):
        open_registry(faulty.url).access("kano")


def test_tells_whether_a_folder_may_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    access = Layouts(folder).access("kano")
    assert (access.pull, access.push, access.authentication) == (None, None, "")
    assert not folder.exists()
    Layouts(folder).push("kano", "1.4.0", artifact(), replace=False)
    assert Layouts(folder).access("kano").push is None


def test_tells_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    refused = Layouts(tmp_path / "file" / "registry").access("kano").push
    assert refused is not None
    assert refused.message == f"{tmp_path / 'file'} cannot be written to"
    assert refused.remedy == "Correct its rights, or set another registry."
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert Layouts(tmp_path).access("kano").push is not None
