"""doctor looks at all that a release needs, goes on past what is wrong, and changes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from diagnosis import told
from forwarding import Answer, forwarding
from sandbox import Sandbox
from servers import docker_registry, free_port
from servers_s3 import rclone
from untouched import everything

NAMES = [
    "settings",
    "git",
    "git identity",
    "charts",
    "git remote",
    "git branch",
    "git claims",
    "git tags",
    "registry",
    "registry pull",
    "registry push",
    "registry tags",
    "backup",
    "backup list",
    "backup index",
    "backup write",
    "backup history",
    "backup clock",
    "helm",
    "docker",
]


def all_files(sandbox: Sandbox) -> object:
    """Return everything; of the remote the files alone, for Git leaves the folder of a claim."""
    found = everything(sandbox)
    kept = {path: data for path, data in found["remote"].items() if data is not None}
    return {**found, "remote": kept, "refs": sandbox.remote_refs()}


def folder_with(program: str, folder: Path) -> Path:
    """Return a new folder for PATH, with nothing but this program in it."""
    folder.mkdir()
    (folder / program).symlink_to(str(shutil.which(program)))
    return folder


def test_finds_nothing_wrong_before_the_first_release(platform: Sandbox) -> None:
    before = all_files(platform)

    ended = platform.run("doctor", "--json")

    assert ended.exit_code == 0
    assert list(ended.document) == ["command", "ok", "error", "checks"]
    assert (ended.document["command"], ended.document["ok"]) == ("doctor", True)
    found = told(ended)
    assert list(found) == NAMES
    states = {name: each.state for name, each in found.items() if each.state != "ok"}
    assert states == {"registry tags": "unknown", "docker": "not needed"}
    assert all_files(platform) == before


def test_changes_nothing_after_a_release_nor_does_it_hinder_the_next(platform: Sandbox) -> None:
    assert platform.run("release-chart", "kano").exit_code == 0
    before = all_files(platform)

    assert platform.run("doctor").exit_code == 0

    assert all_files(platform) == before
    platform.write_chart("kano", "1.1.0")
    platform.commit()
    platform.push()
    assert platform.run("release-chart", "kano").exit_code == 0


def test_tells_a_person_in_a_table_with_what_to_do_below(platform: Sandbox) -> None:
    del platform.environ["KARGO_RELEASE_BACKUP"]

    ended = platform.run("doctor")

    lines = ended.out.splitlines()
    assert lines[0].split() == ["CHECK", "STATE", "FOUND"]
    at = next(i for i, line in enumerate(lines) if line.startswith("backup "))
    assert lines[at].split()[1] == "warning"
    assert lines[at + 1].strip() == "→ Set backup: s3://BUCKET/PREFIX, or a folder."
    assert ended.err == "asking the Git remote, the registry, the backup and Helm…\n"
    assert ended.exit_code == 0


def test_looks_at_all_though_all_is_wrong(
    platform: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.hook("update", "exit 1")
    platform.environ["KARGO_RELEASE_REGISTRY_USERNAME"] = "ada"
    platform.environ["KARGO_RELEASE_REGISTRY_PASSWORD"] = "wr0ng-s3cret"
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://nobody-has-this/helm"
    platform.environ["KARGO_RELEASE_HELM"] = "path"
    platform.write("images/app/Dockerfile", "FROM scratch\n")
    before = all_files(platform)
    with docker_registry(tmp_path / "registry", htpasswd={"ada": "right-s3cret"}) as running:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{running.host}/helm"
        monkeypatch.setenv("PATH", str(folder_with("git", tmp_path / "bin")))
        ended = platform.run("doctor", "--json")

    found = told(ended)
    assert ended.exit_code == 3
    assert [name for name, each in found.items() if each.state == "error"] == [
        *("git claims", "registry pull", "registry push", "backup", "helm", "docker")
    ]
    assert all(each.remedy for each in found.values() if each.state == "error")
    for name in NAMES[13:18]:
        assert found[name].state == "unknown"
        assert found[name].message == "not asked: see backup"
    assert ended.document["error"]["message"] == found["git claims"].message
    assert "wr0ng-s3cret" not in ended.out + ended.err
    assert all_files(platform) == before


def refuse_claims(platform: Sandbox, _: Path) -> None:
    platform.hook("update", 'case "$1" in refs/kargo-release/*) exit 1;; esac')


def miss_the_registry(platform: Sandbox, _: Path) -> None:
    platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://127.0.0.1:{free_port()}/helm"


def miss_the_bucket(platform: Sandbox, _: Path) -> None:
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://nobody-has-this/helm"


def miss_the_server(platform: Sandbox, _: Path) -> None:
    platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://127.0.0.1:{free_port()}"


def break_the_index(platform: Sandbox, _: Path) -> None:
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/index.yaml", Body=b"<html>")


@pytest.mark.parametrize(
    "damage", [refuse_claims, miss_the_registry, miss_the_bucket, miss_the_server, break_the_index]
)
def test_tells_beforehand_what_a_release_ends_with(
    platform: Sandbox, tmp_path: Path, damage: Callable[[Sandbox, Path], None]
) -> None:
    damage(platform, tmp_path)

    beforehand = platform.run("doctor", "--json")
    release = platform.run("release-chart", "kano", "--json")

    assert beforehand.exit_code == release.exit_code != 0
    told_then, told_now = release.document["error"], beforehand.document["error"]
    assert (told_now["kind"], told_now["remedy"]) == (told_then["kind"], told_then["remedy"])


def test_ends_where_the_settings_cannot_be_read(platform: Sandbox) -> None:
    platform.write("kargo-release.yaml", "registri: local\n")

    ended = platform.run("doctor", "--json")

    assert ended.exit_code == 2
    assert ended.tells("unknown setting `registri`", "Perhaps you meant registry.")
    assert "checks" not in ended.document


def test_an_address_that_is_wrong_is_bad_settings(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_BACKUP"] = "s3://x"

    ended = platform.run("doctor", "--json")

    assert ended.exit_code == 2
    assert ended.document["error"]["kind"] == "usage"
    assert told(ended)["backup"].state == "error"
    assert told(ended)["registry"].state == "ok"


def test_what_is_away_may_come_back(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://127.0.0.1:{free_port()}/helm"

    ended = platform.run("doctor", "--json")

    assert ended.exit_code == 1
    assert ended.document["error"]["kind"] == "failed"
    assert told(ended)["registry"].state == "error"
    assert told(ended)["registry push"].state == "unknown"


def test_what_is_refused_comes_before_what_is_away(platform: Sandbox, tmp_path: Path) -> None:
    platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://127.0.0.1:{free_port()}/helm"
    (tmp_path / "s3/team").mkdir(parents=True)
    with rclone(tmp_path / "s3") as endpoint:
        platform.environ["KARGO_RELEASE_BACKUP"] = "s3://team/helm"
        platform.environ["KARGO_RELEASE_S3__ENDPOINT"] = endpoint
        ended = platform.run("doctor", "--json")

    assert ended.exit_code == 3
    assert ended.document["error"]["message"] == told(ended)["backup write"].message
    assert list((tmp_path / "s3/team").rglob("*.*")) == []


def test_nobody_who_is_asked_can_steer_a_terminal_or_github(platform: Sandbox) -> None:
    said = r"\u001b[2J\n::set-output name=a::b\n##[set-env name=c]d\u202e"
    body = f'{{"errors":[{{"code":"DENIED","message":"{said}"}}]}}'.encode()
    answer = Answer(403, (("Content-Length", str(len(body))),), body)
    platform.hook("update", r"printf '\033[2J\n::set-output name=a::b\n##[x]\n' >&2; exit 1")

    with forwarding("", lambda *_: answer) as proxy:
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{proxy.host}/helm"
        text = platform.run("doctor", environ={"GITHUB_ACTIONS": "true"})
        data = platform.run("doctor", "--json")

    assert "DENIED" in text.out
    assert told(data)["git claims"].state == "error"
    for line in (text.out + text.err + data.out + data.err).splitlines():
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@pytest.mark.parametrize(
    "backup", ["s3://ada:s3cr%65t@bucket/helm", "rclone::s3,secret_access_key=s3cr%65t:bucket"]
)
def test_tells_no_secret_that_an_address_holds(platform: Sandbox, backup: str) -> None:
    platform.environ["KARGO_RELEASE_REGISTRY"] = "oci://ada:s3cr%65t@127.0.0.1:1/helm"
    platform.environ["KARGO_RELEASE_BACKUP"] = backup
    del platform.environ["KARGO_RELEASE_S3__ENDPOINT"], platform.environ["KARGO_RELEASE_S3__REGION"]
    platform.environ["KARGO_RELEASE_IMAGE_REGISTRY"] = "https://ada:s3cr%65t@127.0.0.1"
    platform.git("remote", "set-url", "origin", "http://ada:s3cr%65t@127.0.0.1:1/x.git")

    text, data = platform.run("doctor"), platform.run("doctor", "--json")

    assert text.exit_code == 2
    assert "s3cr" not in text.out + text.err + data.out + data.err


def test_leaves_no_claim_when_it_is_interrupted(platform: Sandbox) -> None:
    once = f"{platform.path}.once"
    platform.hook("post-receive", f'[ -e {once} ] || kill -INT "$RELEASER_PID"; touch {once}')

    process = platform.start("doctor")
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert Path(once).exists()
    assert set(platform.remote_refs()) == {"refs/heads/main"}


def test_works_with_everything_on_this_machine(local: Sandbox) -> None:
    before = everything(local)

    ended = local.run("doctor", "--json")

    assert ended.exit_code == 0, ended.out
    assert list(told(ended)) == NAMES
    assert everything(local) == before
    assert "doctor" in json.dumps(ended.document)


def test_docs_tell_of_every_check() -> None:
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]

    assert set(NAMES) <= {name.strip(" `") for cell in rows for name in cell.split(",")}


def test_does_one_thing_at_a_time_where_that_is_wanted(platform: Sandbox) -> None:
    platform.environ["KARGO_RELEASE_JOBS"] = "1"

    assert platform.run("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("setting", "value", "check", "state", "told"),
    [
        ("DEV_VERSION", "1.0.0", "charts", "error", "dev_version '1.0.0' makes '1.0.0'"),
        ("CHARTS", "nope", "charts", "error", "HEAD has no chart in nope/"),
        (
            "GIT__TAG",
            "{name}-v{version}",
            "git tags",
            "warning",
            "origin has tags such as kano-1",
        ),
    ],
)
def test_tells_settings_that_do_not_fit_the_repository(
    platform: Sandbox, setting: str, value: str, check: str, state: str, told: str
) -> None:
    platform.run("release-chart", "kano")

    ended = platform.run("doctor", "--json", environ={f"KARGO_RELEASE_{setting}": value})

    [found] = (each for each in ended.document["checks"] if each["check"] == check)
    assert found["state"] == state
    assert told in found["message"]
    assert found["remedy"]
    assert ended.exit_code == (2 if state == "error" else 0)
