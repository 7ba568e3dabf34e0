"""build-image with an engine that keeps images as containerd does: all that BuildKit can do."""

from pathlib import Path

import pytest
import requests
from building import DOCKERFILE, Workshop, only, states
from docker_engine import DockerEngine
from sandbox import Sandbox
from servers import DockerRegistry

# Nothing is run in it, so that it can be built for platforms that this machine is not of.
ANYWHERE = """FROM scratch
COPY passwd /etc/passwd
COPY --chmod=0755 hello /hello
USER 1000:1000
CMD ["/hello"]
"""
SEVERAL = "platforms: [linux/amd64, linux/arm64]\n"
INDEX = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)


@pytest.fixture
def workshop(
    tmp_path: Path, newer_engine: DockerEngine, buildx: Path, docker_host: DockerRegistry
) -> Workshop:
    made = Workshop.make(Sandbox.make(tmp_path / "clone"), newer_engine.host, docker_host.host)
    made.sandbox.environ["DOCKER_CONFIG"] = str(buildx)
    made.write("kano")
    made.commit("Add kano")
    return made


def index(workshop: Workshop, app: str) -> list[tuple[str, str]]:
    """Return the platforms of the index that was pushed, and what else is in it."""
    host, _, path = workshop.registry.partition("/")
    url = f"http://{host}/v2/{path}/{app}/manifests/1.0.0-latest"
    found = requests.get(url, headers={"Accept": INDEX}, timeout=30).json()["manifests"]
    kind = "vnd.docker.reference.type"
    return [
        (each["platform"]["architecture"], each.get("annotations", {}).get(kind, ""))
        for each in found
    ]


@pytest.mark.long
def test_builds_pushes_and_tells_what_is_unchanged(workshop: Workshop) -> None:
    local, same = workshop.build("kano"), workshop.build("kano")
    pushed, again = workshop.build("kano", "--push"), workshop.build("kano", "--push")

    assert [states(each)["kano"] for each in (local, same, pushed, again)] == [
        *("built", "unchanged", "published", "unchanged")
    ]
    held = workshop.pushed("kano")
    assert held is not None
    assert only(pushed)["digest"] == held.digest


@pytest.mark.long
def test_builds_by_the_engine_s_own_builder(workshop: Workshop, tmp_path: Path) -> None:
    pushed = workshop.build("kano", "--push", environ={"DOCKER_CONFIG": str(tmp_path)})

    assert pushed.exit_code == 0, pushed.err
    held = workshop.pushed("kano")
    assert held is not None
    assert only(pushed)["digest"] == held.digest


@pytest.mark.long
def test_pushes_an_image_of_several_platforms(workshop: Workshop) -> None:
    workshop.write("many", ANYWHERE, SEVERAL)
    workshop.sandbox.write("images/many/passwd", "many:x:1000:1000::/:/hello\n")
    workshop.commit()
    local = workshop.build("many")
    pushed, again = workshop.build("many", "--push"), workshop.build("many", "--push")

    assert [states(each)["many"] for each in (local, pushed, again)] == [
        *("built", "published", "unchanged")
    ], pushed.err
    assert index(workshop, "many") == [("amd64", ""), ("arm64", "")]
    assert only(pushed)["digest"] == only(again)["digest"]


@pytest.mark.long
def test_pushes_how_an_image_was_built(workshop: Workshop) -> None:
    pushed = workshop.build("kano", "--push", "--attest", "provenance")
    again = workshop.build("kano", "--push", "--attest", "provenance")

    assert pushed.exit_code == 0, pushed.err
    assert index(workshop, "kano") == [("amd64", ""), ("unknown", "attestation-manifest")]
    assert states(again) == {"kano": "unchanged"}


@pytest.mark.long
def test_takes_steps_from_a_cache_in_the_registry(
    workshop: Workshop, newer_engine: DockerEngine
) -> None:
    # What is done anew gets another content.
    random = "RUN head -c 32 /dev/urandom > /random\nUSER 1000:1000"
    workshop.write("kano", DOCKERFILE.replace("USER 1000:1000", random))
    workshop.commit()
    first = workshop.build("kano", "--push", "--cache")
    newer_engine.run("image", "rm", "--force", f"{workshop.registry}/kano:1.0.0-latest")
    newer_engine.run("builder", "prune", "--all", "--force")
    again = workshop.build("kano", "--push", "--cache", "--force", "--verbose")

    assert states(first) == {"kano": "published"}, first.err
    assert states(again) == {"kano": "replaced"}, again.err
    assert only(again)["digest"] == only(first)["digest"]
    assert "importing cache manifest" in again.err


@pytest.mark.long
def test_gives_a_secret_to_a_step_and_to_nothing_else(workshop: Workshop, tmp_path: Path) -> None:
    mounted = "RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\nUSER 1000:1000"
    workshop.write(
        "kano", DOCKERFILE.replace("USER 1000:1000", mounted), "smoke: [grep, '11', /size]\n"
    )
    workshop.commit()
    (tmp_path / "token").write_text("hidden-8431")
    built = workshop.build("kano", "--verbose", "--secret", f"token={tmp_path}/token")

    assert built.exit_code == 0, built.err
    assert "hidden-8431" not in built.out + built.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--secret", "hidden-8431"), "--secret takes ID=FILE"),
        (("--secret", "token=/gone"), "the file of the secret 'token' is not there"),
        (("--push", "--attest", "sbomb"), "--attest takes provenance or sbom, not 'sbomb'"),
        (("--attest", "sbom"), "--attest is for images in a registry"),
        (("--cache",), "--cache keeps steps in the registry"),
    ],
)
def test_refuses_what_does_not_fit(
    workshop: Workshop, words: tuple[str, ...], message: str
) -> None:
    ended = workshop.build("kano", *words)

    assert (ended.exit_code, ended.document["error"]["kind"]) == (2, "usage")
    assert ended.tells(message, "")
    assert "hidden-8431" not in ended.out + ended.err


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--cache",), "a cache in a registry"),
        (("--attest", "provenance"), "attestations (provenance)"),
        (("--platform", "linux/amd64", "--platform", "linux/arm64"), "several platforms"),
    ],
)
def test_an_engine_that_keeps_images_otherwise_says_so_before_it_builds(
    workshop: Workshop, docker_engine: DockerEngine, words: tuple[str, ...], wanted: str
) -> None:
    ended = workshop.build("kano", "--push", *words, environ={"DOCKER_HOST": docker_engine.host})

    assert (ended.exit_code, states(ended)) == (3, {"kano": "refused"})
    assert ended.tells(f"the engine's own BuildKit can't do this: {wanted}", "buildx create --use")
    assert "building" not in ended.err
