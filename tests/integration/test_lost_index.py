"""An index.yaml that is gone comes back whole with the next release, not with its charts alone."""

import pytest
from released import index
from sandbox import Sandbox


@pytest.fixture(params=["release-chart", "release-dev-chart"])
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lose_index(platform: Sandbox) -> None:
    platform.s3().delete_object(Bucket=platform.bucket, Key="helm/index.yaml")


def test_a_release_lists_all_archives_that_are_there(platform: Sandbox, command: str) -> None:
    platform.write_chart("second")
    platform.write_chart("third")
    platform.commit()
    platform.push()
    platform.run(command, "kano", "second")
    before = index(platform)
    lose_index(platform)

    ended = platform.run(command, "third", "--json")

    assert ended.exit_code == 0, ended.err
    assert index(platform).keys() == {"kano", "second", "third"}
    for name in before:
        assert [each["digest"] for each in index(platform)[name]] == [
            each["digest"] for each in before[name]
        ]


def test_junk_beside_the_archives_stops_no_release(platform: Sandbox) -> None:
    platform.s3().put_object(Bucket=platform.bucket, Key="helm/junk-1.0.0.tgz", Body=b"junk")

    ended = platform.run("release-chart", "kano", "--json")

    assert ended.exit_code == 0, ended.err
    assert index(platform).keys() == {"kano"}


def test_doctor_tells_of_it_beforehand(platform: Sandbox) -> None:
    platform.run("release-chart", "kano")
    lose_index(platform)

    checks = {each["check"]: each for each in platform.run("doctor", "--json").document["checks"]}

    assert checks["backup index"]["state"] == "warning"
    assert "archives such as kano-1.0.0.tgz" in checks["backup index"]["message"]
    assert "rebuild-index" in checks["backup index"]["remedy"]
