"""What registries refuse, in their words.

No Harbor can run here, so its answers are fakes, as goharbor/harbor writes them:
``src/lib/http/error.go`` for their form, ``src/server/middleware`` for their words.
"""

import json
from dataclasses import dataclass

import pytest

from kargo_release.errors import FailedError, KargoError, RefusedError

from .conftest import OpenRegistry, artifact
from .faulty import Fault, FaultyServer

NGINX_413 = b"""<html>\r
<head><title>413 Request Entity Too Large</title></head>\r
<body>\r
<center><h1>413 Request Entity Too Large</h1></center>\r
<hr><center>nginx/1.25.2</center>\r
</body>\r
</html>\r
"""
GIVE_RIGHT = "Give the login the right to push to team/helm/kano (for a robot of Harbor: Push"


def told(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@dataclass(frozen=True)
class Case:
    """A refusal of one request, and what is told of it."""

    method: str
    path: str
    status: int
    body: bytes
    kind: type[KargoError]
    message: str
    remedy: str


CASES = {
    "no such project": Case(
        "POST", "/blobs/", 404, told("NOT_FOUND", "project team not found"),
        RefusedError, "404 Not Found to push to team/helm/kano: NOT_FOUND - project team not found",
        "Create the project in the registry, or correct the registry's address.",
    ),
    "an immutable tag": Case(
        "PUT", "/manifests/", 412,
        told("PRECONDITION", "Failed to process request due to 'kano:1.4.0' configured as "
                             "immutable."),
        RefusedError, "'kano:1.4.0' configured as immutable.",
        "Give it a new version, or exempt its tag from the registry's rule of immutable tags.",
    ),
    "an immutable tag of Amazon": Case(
        "PUT", "/manifests/", 400,
        told("TAG_INVALID", "The image tag '1.4.0' already exists in the 'kano' repository and "
                            "cannot be overwritten because the repository is immutable."),
        RefusedError, "because the repository is immutable.", "Give it a new version, or exempt",
    ),
    "one immutable tag of Amazon": Case(
        "PUT", "/manifests/", 400,
        told("TAG_INVALID", "The image tag '1.4.0' already exists in the 'kano' repository and "
                            "cannot be overwritten because the tag is immutable."),
        RefusedError, "because the tag is immutable.", "Give it a new version, or exempt",
    ),
    "no such repository at Amazon": Case(
        "POST", "/blobs/", 404,
        told("NAME_UNKNOWN", "The repository with name 'team/helm/kano' does not exist in the "
                             "registry with id '123456789012'"),
        RefusedError, "does not exist in the registry with id '123456789012'",
        "Create the repository first: Amazon's registry makes none by itself.",
    ),
    "a quota": Case(
        "PUT", "/blobs/", 403,
        told("DENIED", "adding 2.1 MiB of storage resource, which when updated to current usage of "
                       "8.3 MiB will exceed the configured upper limit of 10.0 MiB."),
        RefusedError, "will exceed the configured upper limit of 10.0 MiB.",
        "Have the project's quota raised, or remove from it what is no longer needed.",
    ),
    "an older quota": Case(
        "PUT", "/manifests/", 403,
        told("DENIED", "Quota exceeded when processing the request of adding 1 of count resource"),
        RefusedError, "403 Forbidden to push to team/helm/kano: DENIED - Quota exceeded when",
        "Have the project's quota raised",
    ),
    "read only": Case(
        "POST", "/blobs/", 403,
        told("DENIED", "The system is in read only mode. Any modification is prohibited."),
        RefusedError, "The system is in read only mode.",
        "Have the registry's administrator end its read-only mode",
    ),
    "a proxy cache": Case(
        "POST", "/blobs/", 403,
        told("DENIED", "denied: can not push artifact to a proxy project: team"),
        RefusedError, "can not push artifact to a proxy project: team",
        "Set registry to a project that is no proxy cache",
    ),
    "no right": Case(
        "POST", "/blobs/", 403, told("DENIED", "requested access to the resource is denied"),
        RefusedError, "DENIED - requested access to the resource is denied",
        "Ask for the right to do this, or log in as another: helm registry login 127.0.0.1:",
    ),
    "a limit of nginx": Case(
        "PUT", "/blobs/", 413, NGINX_413,
        FailedError, "413 Request Entity Too Large to push to team/helm/kano: an HTML page instead "
        "of a registry's answer, '413 Request Entity Too Large'",
        "Raise the limit for bodies of the registry or of the proxy before it (nginx: client_max_",
    ),
    "another precondition": Case(
        "PUT", "/manifests/", 412, told("PRECONDITION", "blob is being deleted"),
        FailedError, "412 Precondition Failed", "The registry holds something else by now; run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tells_the_words_of_the_registry_and_what_to_do(
    before: FaultyServer, open_registry: OpenRegistry, case: Case
) -> None:
    before.faults = [Fault(case.method, case.path, case.status, body=case.body)]
    new = artifact(case.body)  # what the registry has got already is not sent
    with pytest.raises(case.kind) as raised:
        open_registry(before.url).push("kano", "1.4.0", new, replace=True)
    assert type(raised.value) is case.kind
    assert case.message in raised.value.message
    assert raised.value.remedy.startswith(case.remedy)


NAMED_AS_RULES = {
    "a login that is not accepted": (
        401, "UNAUTHORIZED", "unauthorized to access repository: quota/immutable",
        "Log in: helm registry login 127.0.0.1:",
    ),
    "a login in the words of a rule": (
        401, "UNAUTHORIZED", "quota exceeded: 'immutable:1.4.0' configured as immutable.",
        "Log in: helm registry login 127.0.0.1:",
    ),
    "no right": (
        403, "DENIED", "requested access to the resource is denied: quota/immutable",
        "Ask for the right to do this, or log in as another: helm registry login 127.0.0.1:",
    ),
    "not there": (
        404, "NOT_FOUND", "repository quota/immutable not found",
        "Create the project in the registry, or correct the registry's address.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "message", "remedy"), NAMED_AS_RULES.values(), ids=NAMED_AS_RULES
)
def test_takes_no_name_for_a_rule(
    faulty: FaultyServer,
    open_registry: OpenRegistry,
    status: int,
    code: str,
    message: str,
    remedy: str,
) -> None:
    faulty.faults = [Fault("POST", "/v2/quota/immutable/", status, body=told(code, message))]
    registry = open_registry(f"oci://{faulty.host}/quota")
    with pytest.raises(RefusedError) as raised:
        registry.push("immutable", "1.4.0", artifact(), replace=True)
    assert raised.value.message.endswith(f": {code} - {message}")
    assert raised.value.remedy.startswith(remedy)


def test_takes_no_name_for_a_rule_where_another_try_helps(
    faulty: FaultyServer, open_registry: OpenRegistry
) -> None:
    busy = told("CONFLICT", "blob of quota/immutable is being deleted")
    faulty.faults = [Fault("POST", "/v2/quota/immutable/", 409, body=busy)]
    with pytest.raises(FailedError) as raised:
        open_registry(f"oci://{faulty.host}/quota").push(
            "immutable", "1.4.0", artifact(), replace=True
        )
    assert raised.value.remedy == "Somebody else may be pushing the same; run the command again."


TOKENS = {
    "a robot that may not push": (
        told("UNAUTHORIZED", "unauthorized to access repository: team/helm/kano, action: push: "
                             "unauthorized to access repository: team/helm/kano, action: push"),
        "does not let the login push to team/helm/kano (401): UNAUTHORIZED - unauthorized to",
        GIVE_RIGHT,
    ),
    "a robot with a telling name": (
        told("UNAUTHORIZED", "unauthorized to access repository: team/quota/immutable"),
        "(401): UNAUTHORIZED - unauthorized to access repository: team/quota/immutable",
        GIVE_RIGHT,
    ),
    "no such project": (
        told("UNAUTHORIZED", "project team not found: project team not found"),
        "(401): UNAUTHORIZED - project team not found",
        "Create the project in the registry, or correct the registry's address.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message", "remedy"), TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("method", ["HEAD", "POST"])  # the answer to HEAD has no words
def test_tells_why_harbor_refuses_the_token_that_it_gave(
    faulty: FaultyServer,
    open_registry: OpenRegistry,
    method: str,
    body: bytes,
    message: str,
    remedy: str,
) -> None:
    bearer = {"WWW-Authenticate": f'Bearer realm="http://{faulty.host}/token"'}
    password = {"WWW-Authenticate": 'Basic realm="harbor"'}
    faulty.faults = [
        Fault("GET", "/token", body=b'{"token":"t"}'),
        Fault(method, "/v2/", 401, bearer, times=1),
        Fault(method, "/v2/", 401, password, body=body),
        Fault("GET", "/v2/", 401, password, body=body),
    ]
    environ = {
        "KARGO_RELEASE_REGISTRY_USERNAME": "robot$team+releaser",
        "KARGO_RELEASE_REGISTRY_PASSWORD": "s3cret",
    }
    with pytest.raises(RefusedError) as raised:
        open_registry(faulty.url, environ).push("kano", "1.4.0", artifact(), replace=False)
    assert message in raised.value.message
    assert raised.value.remedy.startswith(remedy)
    assert "s3cret" not in str(raised.value)
    assert [each for each in faulty.seen if each.authorization.startswith("Basic")] == [
        each for each in faulty.seen if each.path.startswith("/token")
    ]
