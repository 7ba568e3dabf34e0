"""build-image with a real engine and a real registry."""

import json
import subprocess
from pathlib import Path

import pytest
from building import DOCKERFILE, Workshop, only, rules, states
from docker_engine import DockerEngine
from sandbox import Sandbox
from servers import DockerRegistry

TITLES = "org.opencontainers.image."
NAMES = ("source", "revision", "version", "created", "title")
INPUTS = "io.github.kargo-release.inputs-digest"


@pytest.fixture
def workshop(tmp_path: Path, docker_engine: DockerEngine, docker_host: DockerRegistry) -> Workshop:
    made = Workshop.make(Sandbox.make(tmp_path / "clone"), docker_engine.host, docker_host.host)
    made.write("kano")
    made.commit("Add kano")
    return made


def test_builds_checks_and_pushes_an_image(workshop: Workshop) -> None:
    ended = workshop.build("kano", "--push")

    assert ended.exit_code == 0, ended.err
    pushed = workshop.pushed("kano")
    assert pushed is not None
    assert only(ended) == {
        "app": "kano", "version": "1.0.0", "tag": "1.0.0-latest",
        "reference": f"{workshop.registry}/kano:1.0.0-latest", "digest": pushed.digest,
        "state": "published", "findings": [], "error": None,
    }  # fmt: skip
    assert pushed.config["User"] == "1000:1000"
    assert set(pushed.labels) == {
        INPUTS, *(f"{TITLES}{name}" for name in NAMES)
    }  # fmt: skip
    assert pushed.labels[f"{TITLES}source"] == "https://example.com/team/images.git"
    assert pushed.labels[f"{TITLES}revision"] == workshop.sandbox.git("rev-parse", "HEAD")


def test_leaves_alone_what_is_out_of_the_same_inputs(workshop: Workshop) -> None:
    first = workshop.build("kano", "--push")
    workshop.sandbox.write("other", "")
    workshop.commit()
    again = workshop.build("kano", "--push")

    assert (again.exit_code, states(again)) == (0, {"kano": "unchanged"})
    assert only(again)["digest"] == only(first)["digest"]
    assert "building" not in again.err


@pytest.mark.long
def test_replaces_a_moving_tag_when_its_inputs_change(workshop: Workshop) -> None:
    first = workshop.build("kano", "--push")
    workshop.sandbox.write("images/kano/hello", f"new of {workshop.registry}")
    workshop.commit()
    again = workshop.build("kano", "--push")

    assert states(again) == {"kano": "replaced"}
    assert only(again)["digest"] != only(first)["digest"]


@pytest.mark.long
def test_builds_an_unchanged_image_when_forced(workshop: Workshop) -> None:
    workshop.build("kano", "--push")

    assert states(workshop.build("kano", "--push", "--force")) == {"kano": "replaced"}


@pytest.mark.long
def test_appends_what_is_asked_for(workshop: Workshop) -> None:
    assert only(workshop.build("kano", "dev.1", "--push"))["tag"] == "1.0.0-dev.1"
    assert workshop.pushed("kano", "1.0.0-dev.1")


@pytest.mark.long
def test_never_overwrites_what_stands_for_a_version(workshop: Workshop) -> None:
    workshop.write("kano", about='tag: "{version}"\n')
    workshop.commit()
    assert workshop.build("kano", "--push").exit_code == 0
    out = workshop.pushed("kano", "1.0.0")
    forced = workshop.build("kano", "--push", "--force")
    workshop.sandbox.write("images/kano/hello", "other")
    workshop.commit()
    changed = workshop.build("kano", "--push")

    assert (forced.exit_code, states(forced)) == (3, {"kano": "refused"})
    assert forced.tells("stands for one version: it is never pushed again", "--force")
    assert (changed.exit_code, states(changed)) == (3, {"kano": "refused"})
    assert changed.tells("is out with other inputs", "Give the image a new `version`")
    assert workshop.pushed("kano", "1.0.0") == out


@pytest.mark.long
def test_builds_into_the_engine_and_tells_an_unchanged_one(workshop: Workshop) -> None:
    first, again = workshop.build("kano"), workshop.build("kano")

    assert (states(first), states(again)) == ({"kano": "built"}, {"kano": "unchanged"})
    assert only(first)["digest"].startswith("sha256:")
    assert workshop.pushed("kano") is None


@pytest.mark.long
def test_marks_what_is_built_of_changed_files(workshop: Workshop) -> None:
    workshop.sandbox.write("images/kano/hello", f"changed of {workshop.registry}")

    assert states(workshop.build("kano")) == {"kano": "built"}


def test_pushes_nothing_that_is_not_committed(workshop: Workshop) -> None:
    workshop.sandbox.write("images/kano/hello", "changed")
    workshop.sandbox.write("images/kano/new", "")
    ended = workshop.build("kano", "--push")

    assert ended.exit_code == 3
    assert ended.tells("not committed: images/kano/hello, images/kano/new", "Commit or remove")


@pytest.mark.long
def test_pushes_from_a_shallow_clone_without_tags(workshop: Workshop, tmp_path: Path) -> None:
    workshop.sandbox.git("clone", "--quiet", "--depth=1", "--no-tags",
                         f"file://{workshop.sandbox.path}", str(tmp_path / "shallow"))  # fmt: skip
    shallow = Workshop(Sandbox(tmp_path / "shallow", workshop.sandbox.environ), workshop.registry)

    ended = shallow.build("kano", "--push")
    assert ended.exit_code == 0, ended.err


def test_changes_nothing_in_a_dry_run(workshop: Workshop) -> None:
    ended = workshop.build("kano", "--push", "--dry-run")

    assert (ended.exit_code, states(ended)) == (0, {"kano": "planned"})
    assert workshop.pushed("kano") is None


def test_wants_a_registry_to_push_to(workshop: Workshop) -> None:
    del workshop.sandbox.environ["KARGO_RELEASE_IMAGE_REGISTRY"]
    ended = workshop.build("kano", "--push")

    assert ended.exit_code == 3
    assert ended.tells("no registry of images is set", "image_registry: docker.io/TEAM")


BROKEN = {
    "root": ("RUN true\nUSER root\n", "", "KR002"),
    "port": ("EXPOSE 80\n", "", "KR070"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_builds_nothing_of_a_dockerfile_that_breaks_a_rule(workshop: Workshop, case: str) -> None:
    more, about, rule = BROKEN[case]
    workshop.write("kano", DOCKERFILE + more, about)
    ended = workshop.build("kano")

    assert (ended.exit_code, states(ended)) == (3, {"kano": "refused"})
    assert rule in rules(ended)
    assert "building" not in ended.err


SPOILT = """FROM debian:bookworm-slim
RUN cp /bin/cat /mine && chmod u+s /mine
COPY --chown=1000 hello /srv/hello
USER 1000:1000
ENTRYPOINT ["/nowhere"]
"""


@pytest.mark.long
@pytest.mark.parametrize("smoke", ["[test, -e, /nowhere]", "[/nowhere]"])
def test_gives_no_name_to_an_image_that_breaks_rules(workshop: Workshop, smoke: str) -> None:
    workshop.write("kano", SPOILT, f"size_limit: 1 MB\nsmoke: {smoke}\n")
    first, again = workshop.build("kano"), workshop.build("kano")

    assert (first.exit_code, states(first)) == (3, {"kano": "refused"})
    assert sorted(rules(first)) == ["KR102", "KR103", "KR104", "KR107"]
    assert states(again) == {"kano": "refused"}


@pytest.mark.long
def test_shows_the_end_of_the_log_of_a_build_that_failed(workshop: Workshop) -> None:
    workshop.write("kano", DOCKERFILE.replace("USER", "RUN echo so-it-goes && exit 3\nUSER"))
    ended = workshop.build("kano")

    assert (ended.exit_code, states(ended)) == (1, {"kano": "failed"})
    assert "so-it-goes" in ended.err
    assert only(ended)["error"]["kind"] == "failed"


@pytest.mark.long
def test_shows_the_whole_log_when_asked(workshop: Workshop) -> None:
    workshop.write("kano", DOCKERFILE.replace("USER", "RUN echo so-it-goes\nUSER"))

    assert "so-it-goes" not in workshop.build("kano", "--no-cache").err
    assert "so-it-goes" in workshop.build("kano", "--no-cache", "--force", "--verbose").err


@pytest.mark.long
def test_builds_what_a_message_asks_for(workshop: Workshop, tmp_path: Path) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
    workshop.write("other")
    workshop.commit("Mend it [build kano dev] [build kano]")
    ended = workshop.from_commit("--push", environ=files)

    assert ended.exit_code == 0, ended.err
    built = ended.document["images"]
    assert [each["tag"] for each in built] == ["1.0.0-dev", "1.0.0-latest"]
    images, has_images = outputs.read_text().splitlines()
    kept = ("app", "tag", "reference", "digest", "state")
    handed_on = json.loads(images.removeprefix("images="))
    assert handed_on == [{key: each[key] for key in kept} for each in built]
    assert has_images == "has_images=true"
    assert summary.read_text().count("| kano | 1.0.0-") == 2
    assert workshop.pushed("other") is None


def test_builds_nothing_where_nothing_is_asked_for(workshop: Workshop, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    environ = {"GITHUB_OUTPUT": str(outputs), "DOCKER_HOST": "unix:///nowhere"}
    ended = workshop.sandbox.run("build-from-commit", environ=environ)

    assert (ended.exit_code, ended.out) == (0, "nothing to build\n")
    assert "has_images=false" in outputs.read_text().splitlines()


@pytest.mark.long
def test_builds_the_commit_and_not_the_working_tree(workshop: Workshop) -> None:
    commit = workshop.sandbox.git("rev-parse", "HEAD")
    workshop.sandbox.write("images/kano/hello", "changed")
    ended = workshop.from_commit("--message", "[build kano]", "--push")

    assert ended.exit_code == 0, ended.err
    pushed = workshop.pushed("kano")
    assert pushed is not None
    assert pushed.labels[f"{TITLES}revision"] == commit


def test_names_the_nearest_app_of_a_message(workshop: Workshop) -> None:
    ended = workshop.from_commit("--message", "[build kanoo]")

    assert ended.exit_code == 2
    assert ended.tells("there is no image 'kanoo'", "Perhaps you meant kano.")


APPS = ["../kano", "images/kano", "Kano", "'kano'", "$(touch x)", "kano\nkano", "k" * 10_000]


@pytest.mark.parametrize("app", APPS, ids=range(len(APPS)))
def test_refuses_an_app_that_there_is_not(workshop: Workshop, app: str) -> None:
    ended = workshop.build("--", app) if app.startswith("-") else workshop.build(app)

    assert ended.exit_code == 2
    assert "there is no image" in ended.document["error"]["message"]
    assert not (workshop.sandbox.path / "x").exists()


@pytest.mark.parametrize("append", ["a" * 200, ".x", "a b", "$(touch x)"])
def test_refuses_what_can_not_be_appended(workshop: Workshop, append: str) -> None:
    ended = workshop.build("kano", append)

    assert ended.exit_code == 2
    assert ended.tells("cannot be a tag", "up to 128 letters")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("kano", "kano"), "'kano' is an image, too"),
        (("kano", "--platform", "arm"), "'arm' is no platform"),
    ],
)
def test_refuses_words_that_mean_something_else(
    workshop: Workshop, words: tuple[str, ...], message: str
) -> None:
    ended = workshop.build(*words)

    assert (ended.exit_code, ended.document["error"]["kind"]) == (2, "usage")
    assert ended.tells(message, "")


def test_wants_an_app_or_all(workshop: Workshop) -> None:
    assert workshop.build().tells("build-image needs APP [TAG]", "--all")
    assert workshop.build("kano", "--all").tells("no use for 'kano' beside --all", "--all")


SECOND = DOCKERFILE.replace("debian:bookworm-slim", "base:1.0.0-latest")


@pytest.mark.long
def test_builds_bases_first_and_holds_back_what_stands_on_one_that_failed(
    workshop: Workshop,
) -> None:
    workshop.write("base")
    workshop.write("above", SECOND)
    workshop.write("bad", DOCKERFILE.replace("USER", "RUN false\nUSER"))
    workshop.write("below", DOCKERFILE.replace("debian:bookworm-slim", "bad:1.0.0-latest"))
    workshop.commit()
    ended = workshop.build("--all", "--push")

    assert ended.exit_code == 1
    assert states(ended) == {
        "above": "published", "bad": "failed", "base": "published", "below": "failed",
        "kano": "published",
    }  # fmt: skip
    assert "below 1.0.0-latest is held back, for bad" in ended.err


@pytest.mark.long
def test_builds_an_unchanged_base_again_where_the_engine_lacks_it(
    workshop: Workshop, docker_engine: DockerEngine
) -> None:
    workshop.write("base")
    workshop.write("above", SECOND)
    workshop.commit()
    workshop.build("--all", "--push")
    docker_engine.run("rmi", "--force", "base:1.0.0-latest")
    workshop.sandbox.write("images/above/hello", f"new of {workshop.registry}")
    workshop.commit()
    ended = workshop.build("base", "--push"), workshop.build("--all", "--push")

    assert states(ended[0]) == {"base": "unchanged"}
    assert states(ended[1]) == {"above": "replaced", "base": "unchanged", "kano": "unchanged"}


def test_tells_images_that_stand_on_each_other(workshop: Workshop) -> None:
    workshop.write("base", SECOND.replace("base:", "above:"))
    workshop.write("above", SECOND)
    ended = workshop.build("--all")

    assert ended.exit_code == 2
    assert ended.tells("in a circle", "none of them")


@pytest.mark.long
def test_builds_by_buildkit_where_the_plugin_is(workshop: Workshop, buildx: Path) -> None:
    workshop.write(
        "kano", DOCKERFILE.replace("USER", "RUN --mount=type=tmpfs,target=/t true\nUSER")
    )
    workshop.write("base")
    workshop.write("above", SECOND)
    workshop.commit()
    environ = {"DOCKER_CONFIG": str(buildx)}
    ended = workshop.build("--all", "--push", environ=environ)
    again = workshop.build("--all", "--push", environ=environ)

    assert ended.exit_code == 0, ended.err
    assert set(states(ended).values()) == {"published"}
    assert set(states(again).values()) == {"unchanged"}


def test_says_what_only_buildkit_can_do(workshop: Workshop) -> None:
    workshop.write(
        "kano", DOCKERFILE.replace("USER", "RUN --mount=type=tmpfs,target=/t true\nUSER")
    )
    ended = workshop.build("kano")

    assert (ended.exit_code, states(ended)) == (3, {"kano": "refused"})
    assert ended.tells("--mount in line", "BuildKit") or ended.tells("--mount", "buildx")


@pytest.mark.long
def test_pushes_nothing_that_begins_with_what_is_not_committed(workshop: Workshop) -> None:
    workshop.write("base")
    workshop.write("web", DOCKERFILE.replace("debian:bookworm-slim", "base:1.0.0-latest"))
    workshop.commit("Add web")
    workshop.sandbox.write("images/base/hello", "not committed\n")
    assert workshop.build("--all").exit_code == 0

    refused = workshop.build("web", "--push")
    workshop.sandbox.git("checkout", "images/base")
    pushed = workshop.build("web", "--push")

    assert refused.exit_code == 3
    assert refused.tells("not committed: images/base/hello", "Commit")
    assert states(pushed) == {"base": "published", "web": "published"}
    base, web = workshop.pushed("base"), workshop.pushed("web")
    assert base is not None
    assert web is not None
    assert web.labels["org.opencontainers.image.revision"] == workshop.sandbox.git(
        "rev-parse", "HEAD"
    )


@pytest.mark.long
def test_builds_again_all_that_an_image_stands_on_where_the_engine_lacks_it(
    workshop: Workshop, docker_engine: DockerEngine
) -> None:
    bases = {
        "lowest": "debian:bookworm-slim",
        "middle": "lowest:1.0.0-latest",
        "top": "middle:1.0.0-latest",
    }
    for app, base in bases.items():
        workshop.write(app, DOCKERFILE.replace("debian:bookworm-slim", base))
    workshop.commit("Add them")
    assert workshop.build("top", "--push").exit_code == 0
    for app in bases:
        for name in (f"{workshop.registry}/{app}:1.0.0-latest", f"{app}:1.0.0-latest"):
            subprocess.run(["docker", "--host", docker_engine.host, "rmi", "--force", name],
                           capture_output=True, check=False)  # fmt: skip
    workshop.sandbox.write("images/top/hello", f"new of {workshop.registry}\n")
    workshop.commit("Change the top")
    ended = workshop.build("top", "--push")

    assert states(ended) == {"lowest": "unchanged", "middle": "unchanged", "top": "replaced"}, (
        ended.err
    )
