"""The charts, what is out of each, the last release, and what was begun."""

import pytest
from faults import page
from forwarding import forwarding
from sandbox import Sandbox


def listed(sandbox: Sandbox, code: int = 0) -> dict[str, dict[str, object]]:
    ended = sandbox.run("list-charts", "--json")
    assert ended.exit_code == code, ended.err
    assert ended.document["command"] == "list-charts"
    assert ended.document["ok"] is (code == 0)
    return {chart["name"]: chart for chart in ended.document["charts"] if chart["current"]}


def states(chart: dict[str, object]) -> dict[str, str]:
    destinations = chart["destinations"]
    assert isinstance(destinations, dict)
    return {name: each["state"] for name, each in destinations.items()}


def test_lists_a_chart_that_was_never_released(platform: Sandbox) -> None:
    [chart] = listed(platform).values()

    assert chart.keys() == {
        *("name", "version", "app_version", "commit", "archive", "destinations", "error"),
        *("last_release", "begun", "current", "finish", "abandon"),
    }
    assert states(chart) == dict.fromkeys(("registry", "backup", "tag"), "planned")
    assert (chart["last_release"], chart["begun"], chart["error"]) == (None, None, None)


@pytest.mark.parametrize("place", ["local", "platform"])
def test_lists_a_release(place: str, request: pytest.FixtureRequest) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    sandbox.run("release-chart", "kano")

    [chart] = listed(sandbox).values()

    assert set(states(chart).values()) == {"unchanged"}
    assert chart["last_release"] == {
        "version": "1.0.0",
        "tag": "kano-1.0.0",
        "commit": sandbox.git("rev-parse", "HEAD"),
    }
    assert chart["begun"] is None


@pytest.mark.parametrize("place", ["local", "platform"])
def test_lists_the_newest_release_by_its_version(
    place: str, request: pytest.FixtureRequest
) -> None:
    sandbox: Sandbox = request.getfixturevalue(place)
    for tag in ("1.9.0", "1.10.0", "1.10.0-rc.1", "1.2", "v2.0.0", "next", "01.0.0"):
        sandbox.git("tag", f"kano-{tag}")
    if sandbox.remote:
        sandbox.git("push", "--quiet", "--tags", "origin")
        sandbox.git("tag", "kano-9.0.0")  # in this clone alone

    [chart] = listed(sandbox).values()

    last = chart["last_release"]
    assert isinstance(last, dict)
    assert last["tag"] == "kano-1.10.0"


def test_tells_charts_apart_whose_names_begin_alike(local: Sandbox) -> None:
    for name in ("weacast", "weacast-gfs"):
        local.write_chart(name)
    local.commit()
    local.git("tag", "weacast-gfs-1.0.0")

    charts = listed(local)

    assert charts["weacast"]["last_release"] is None
    assert charts["weacast-gfs"]["last_release"] is not None


def test_lists_what_was_begun(platform: Sandbox) -> None:
    sha = platform.git("rev-parse", "HEAD")
    for version in ("1.0.0", "0.9.0"):
        platform.git("push", "--quiet", "origin", f"HEAD:refs/kargo-release/kano-{version}")

    [chart] = listed(platform).values()

    assert chart["begun"] == {"version": "1.0.0", "commit": sha}
    assert f"1.0.0 ({sha[:12]})" in platform.run("list-charts").out


def test_what_is_tagged_was_not_only_begun(platform: Sandbox) -> None:
    platform.run("release-chart", "kano")
    platform.git("push", "--quiet", "origin", "HEAD:refs/kargo-release/kano-1.0.0")

    [chart] = listed(platform).values()

    assert chart["begun"] is None


def test_lists_what_differs_as_what_a_release_would_be_refused_for(platform: Sandbox) -> None:
    platform.run("release-chart", "kano")
    platform.write("charts/kano/values.yaml", "greeting: changed\n")
    platform.commit()

    [chart] = listed(platform).values()

    assert set(states(chart).values()) == {"refused"}
    assert "differs" in platform.run("list-charts").out


def test_lists_broken_charts_beside_the_others(local: Sandbox) -> None:
    local.write("charts/broken/Chart.yaml", "apiVersion: v2\nname: broken\nversion: '1.2'\n")
    local.commit()

    charts = listed(local, code=2)

    assert charts.keys() == {"broken", "kano"}
    error = charts["broken"]["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"kind", "message", "remedy"}
    assert "charts/broken/Chart.yaml" in error["message"]
    assert charts["kano"]["error"] is None
    ended = local.run("list-charts", "--json")
    assert ended.document["error"] == error
    assert f"error: {error['message']}" in ended.err


def test_prints_a_table(platform: Sandbox) -> None:
    platform.write_chart("kube", "2.0.0")
    platform.commit()
    platform.push()
    platform.run("release-chart", "kano")
    sha = platform.git("rev-parse", "HEAD")[:12]

    ended = platform.run("list-charts")

    header, kano, kube = ended.out.splitlines()
    assert header.split() == [
        "CHART",
        "VERSION",
        "APP",
        "REGISTRY",
        "BACKUP",
        "TAG",
        "LAST",
        "RELEASE",
        "BEGUN",
    ]
    assert kano.split() == ["kano", "1.0.0", "1.2.3", *["out"] * 3, "1.0.0", f"({sha})", "-"]
    assert kube.split() == ["kube", "2.0.0", "1.2.3", *["-"] * 5]


def test_lists_nothing_where_there_are_no_charts(local: Sandbox) -> None:
    local.git("rm", "--quiet", "-r", "charts")
    local.commit()

    assert listed(local) == {}


def test_a_version_of_an_app_gives_the_terminal_and_github_no_command(local: Sandbox) -> None:
    app = r'"1\n::set-output name=a::b\e[2J ##[set-env name=c]d"'
    local.write(
        "charts/kano/Chart.yaml", f"apiVersion: v2\nname: kano\nversion: 1.0.0\nappVersion: {app}\n"
    )
    local.commit()

    ended = local.run("list-charts", environ={"GITHUB_ACTIONS": "true"})

    assert ended.exit_code == 0, ended.err
    assert len(ended.out.splitlines()) == 2
    assert "\033" not in ended.out
    assert "##[" not in ended.out


def test_lists_the_charts_of_the_commit_not_of_the_working_tree(local: Sandbox) -> None:
    local.write_chart("young")
    local.write_chart("kano", "9.0.0")

    [chart] = listed(local).values()

    assert (chart["name"], chart["version"]) == ("kano", "1.0.0")


def test_advises_no_new_version_where_the_registry_denies_access(platform: Sandbox) -> None:
    registry = platform.environ["KARGO_RELEASE_REGISTRY"].removeprefix("oci://")
    host, _, path = registry.partition("/")
    with forwarding(host) as proxy:
        denied = page(403)
        proxy.between = lambda request, forward: (
            denied(request, forward) if "/manifests/" in request.path else forward()
        )
        platform.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{proxy.host}/{path}"
        ended = platform.run("list-charts")

    assert ended.exit_code == 3
    assert "unknown" in ended.out
    assert "raise the version" not in ended.out
