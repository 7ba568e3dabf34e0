"""build-image where a part fails, is slow, or is stopped."""

import signal
import time
from pathlib import Path

import pytest
from building import DOCKERFILE, Workshop, only, states
from docker_engine import DockerEngine
from forwarding import Answer, Forward, Request, forwarding
from sandbox import Sandbox
from servers import DockerRegistry, docker_registry

SLOW = DOCKERFILE.replace("USER", "RUN echo begun && sleep 5\nUSER")


@pytest.fixture
def workshop(tmp_path: Path, docker_engine: DockerEngine, docker_host: DockerRegistry) -> Workshop:
    made = Workshop.make(Sandbox.make(tmp_path / "clone"), docker_engine.host, docker_host.host)
    made.write("kano")
    made.commit("Add kano")
    return made


def test_says_how_to_start_an_engine(workshop: Workshop, tmp_path: Path) -> None:
    ended = workshop.build("kano", environ={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})

    assert ended.exit_code == 3
    assert ended.tells("engine", "DOCKER_HOST")


def test_tells_a_base_that_is_nowhere(workshop: Workshop) -> None:
    base = f"{workshop.registry}/gone:1"
    workshop.write("kano", DOCKERFILE.replace("debian:bookworm-slim", base))
    ended = workshop.build("kano")

    assert ended.exit_code == 1
    assert ended.tells(f"the base {base} is neither here nor in its registry", "build it first")


@pytest.mark.long
def test_one_base_that_is_nowhere_stops_no_other_image(workshop: Workshop) -> None:
    base = f"{workshop.registry}/gone:1"
    workshop.write("bad", f"FROM {base}\nUSER root\n")
    workshop.write("web", DOCKERFILE.replace("debian:bookworm-slim", "bad:1.0.0-latest"))
    ended = workshop.build("--all")

    assert states(ended) == {"bad": "failed", "kano": "built", "web": "failed"}
    assert ended.exit_code == 1
    assert ended.tells(f"the base {base} is neither here nor in its registry", "build it first")
    [web] = [each for each in ended.document["images"] if each["app"] == "web"]
    assert web["error"]["message"].startswith("web 1.0.0-latest is held back, for bad 1.0.0-latest")
    [bad] = [each for each in ended.document["images"] if each["app"] == "bad"]
    assert [each["line"] for each in bad["findings"] if each["severity"] == "error"]


def test_tells_a_registry_that_is_not_there(workshop: Workshop) -> None:
    workshop.sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = "127.0.0.1:1/team"
    ended = workshop.build("kano", "--push")

    assert ended.exit_code == 1
    assert "127.0.0.1:1" in ended.document["error"]["message"]
    assert ended.document["error"]["remedy"]


@pytest.mark.long
def test_tells_a_login_that_is_not_accepted(workshop: Workshop, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", htpasswd={"ada": "good-s3cret"}) as server:
        workshop.sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = f"{server.host}/team"
        wrong = {"DOCKER_USER": "ada", "DOCKER_PASSWORD": "bad-s3cret"}
        right = {"DOCKER_USER": "ada", "DOCKER_PASSWORD": "good-s3cret"}
        half = {"DOCKER_USER": "ada"}
        refused = workshop.build("kano", "--push", environ=wrong)
        pushed = workshop.build("kano", "--push", environ=right)
        unclear = workshop.build("kano", "--push", environ=half)

    assert refused.exit_code == 3
    assert refused.tells("did not accept the login", "Correct DOCKER_USER and DOCKER_PASSWORD")
    assert (pushed.exit_code, states(pushed)) == (0, {"kano": "published"}), pushed.err
    assert unclear.exit_code == 2


@pytest.mark.long
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_completes_what_was_stopped(workshop: Workshop, kill: signal.Signals) -> None:
    workshop.write("kano", SLOW)
    workshop.commit()
    process = workshop.sandbox.start("build-image", "kano", "--push", "--verbose")
    assert process.stderr is not None
    for line in process.stderr:
        if "begun" in line and "echo" not in line:
            break
    begun = time.monotonic()
    process.send_signal(kill)
    _, err = process.communicate(timeout=60)

    assert process.returncode == (-kill if kill is signal.SIGKILL else 130), err
    assert time.monotonic() - begun < 30
    assert workshop.pushed("kano") is None
    again = workshop.build("kano", "--push")
    assert (again.exit_code, states(again)) == (0, {"kano": "published"}), again.err


@pytest.mark.long
def test_lets_two_push_the_same(workshop: Workshop) -> None:
    workshop.write("kano", SLOW)
    workshop.commit()
    words = ("build-image", "kano", "--push", "--json")
    both = [workshop.sandbox.start(*words) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    pushed = workshop.pushed("kano")
    again = workshop.build("kano", "--push")
    assert pushed is not None
    assert (states(again), only(again)["digest"]) == ({"kano": "unchanged"}, pushed.digest)


@pytest.mark.long
def test_completes_a_push_of_which_the_end_was_refused(
    workshop: Workshop, docker_host: DockerRegistry
) -> None:
    def keep_manifests_out(request: Request, forward: Forward) -> Answer:
        is_manifest = request.method == "PUT" and "/manifests/" in request.path
        return Answer(403, (("Content-Length", "0"),)) if is_manifest else forward()

    path = workshop.registry.partition("/")[2]
    with forwarding(docker_host.host, keep_manifests_out) as proxy:
        workshop.sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = f"{proxy.host}/{path}"
        cut = workshop.build("kano", "--push")
    workshop.sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = workshop.registry
    again = workshop.build("kano", "--push")

    assert cut.exit_code in (1, 3)
    assert states(cut)["kano"] in ("failed", "refused")
    assert workshop.pushed("kano") is not None
    assert (again.exit_code, states(again)) == (0, {"kano": "published"}), again.err
