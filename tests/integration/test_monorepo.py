"""A monorepo that releases itself: one push, a runner that is killed, and the run that follows."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from changing import SHOWN, set_version, write_chart, write_library, write_platform
from forwarding import Proxy, forwarding, pass_on
from kills import Hooks, Kill, Killer
from released import archives_in_bucket, archives_in_registry, claims
from sandbox import Sandbox
from servers import DockerRegistry

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "kalisio/charts",
    "KARGO_RELEASE_JOBS": "1",  # so that it is always the same chart that is pushed second
}
SUMMARY = """
## Charts at {commit}

| chart | version | change | to do | why |
| --- | --- | --- | --- | --- |
| kano | 1.0.1 | changed | release | Chart.yaml; kargo changed\\: Chart.yaml, templates/\\_names.tpl |
| kargo | 1.1.0 | changed | release | Chart.yaml, templates/\\_names.tpl |
| fresh | 0.1.0 | new | release | never released |
| web | 1.0.0 | dependent | dev release, bump | kargo changed\\: Chart.yaml, templates/\\_names.tpl; different render |
| old | - | deleted | - | last released as 1.0.0 |

| released | version | registry | backup | tag | error |
| --- | --- | --- | --- | --- | --- |
| fresh | 0.1.0 | unchanged {registry}/fresh\\:0.1.0 | published {backup}/fresh-0.1.0.tgz | published [fresh-0.1.0]({tree}/fresh-0.1.0) |  |
| kargo | 1.1.0 | unchanged {registry}/kargo\\:1.1.0 | published {backup}/kargo-1.1.0.tgz | published [kargo-1.1.0]({tree}/kargo-1.1.0) |  |
| kano | 1.0.1 | published {registry}/kano\\:1.0.1 | published {backup}/kano-1.0.1.tgz | published [kano-1.0.1]({tree}/kano-1.0.1) |  |
| web | 0.0.0-dev | published {registry}/web\\:0.0.0-dev | published {backup}/web-0.0.0-dev.tgz |  |  |

A bump is due: `kargo-release bump-chart web`

"""  # noqa: E501 - as it is written


@dataclass
class Platform:
    """A repository of charts with a remote, and proxies before its registry and its S3 server."""

    origin: Sandbox
    proxies: tuple[Proxy, Proxy]
    folder: Path

    @property
    def hooks(self) -> Hooks:
        assert self.origin.remote is not None
        return Hooks(self.origin.remote)

    def runner(self, name: str) -> Sandbox:
        """Return a new clone, as of a machine of CI."""
        clone = self.origin.clone(self.folder / name)
        clone.environ |= GITHUB | {"GITHUB_STEP_SUMMARY": str(self.folder / f"{name}.md")}
        return clone

    def killed(self, runner: Sandbox, kill: Kill) -> None:
        """Release what changed, up to a write at which the runner is killed."""
        killer = Killer(kill)
        for proxy in self.proxies:
            proxy.between = killer
        process = runner.start("release-changed", environ={"KILL_AT": str(kill)})
        killer.victim.set_result(process)
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, err
        for each in (*self.proxies, self.hooks):
            each.settle()
        for proxy in self.proxies:
            proxy.between = pass_on


@pytest.fixture
def platform(tmp_path: Path, docker_host: DockerRegistry, s3_endpoint: str) -> Iterator[Platform]:
    """Return a repository of five charts, all of them released by CI."""
    origin = Sandbox.make(tmp_path / "origin")
    origin.add_remote(tmp_path / "remote.git")
    assert origin.remote is not None
    Hooks(origin.remote).install()
    write_platform(origin)
    write_chart(origin, "web", needs="kargo", shown=SHOWN)
    write_chart(origin, "old")
    origin.commit("Add charts")
    origin.push()
    with (
        forwarding(docker_host.host) as registry,
        forwarding(s3_endpoint.removeprefix("http://")) as s3,
    ):
        origin.use_registry(registry.host)
        origin.use_bucket(f"http://{s3.host}")
        found = Platform(origin, (registry, s3), tmp_path)
        ended = found.runner("first").run("release-changed")
        assert ended.exit_code == 0, ended.err
        found.hooks.settle()
        yield found


def change(sandbox: Sandbox) -> str:
    """Bump the library and one of two dependents, add a chart and remove one; return the commit."""
    write_library(sandbox, version="1.1.0", says="x-")
    set_version(sandbox, "kano", "1.0.0", "1.0.1")
    write_chart(sandbox, "fresh", "0.1.0")
    sandbox.git("rm", "-rq", "charts/old")
    commit = sandbox.commit("feat(kargo): name otherwise")
    sandbox.push()
    return commit


def test_a_killed_run_is_completed_by_the_next(platform: Platform) -> None:
    commit = change(platform.origin)
    platform.killed(platform.runner("killed"), Kill("after", "manifest", 2))
    assert sorted(claims(platform.origin)) == [
        f"refs/kargo-release/{each}" for each in ("fresh-0.1.0", "kano-1.0.1", "kargo-1.1.0")
    ]
    assert "refs/tags/kargo-1.1.0" not in platform.origin.remote_refs()

    runner = platform.runner("next")
    ended = runner.run("release-changed", "--json")

    assert ended.exit_code == 0, ended.err
    archives = {
        each["name"]: each["archive"]["sha256"]
        for each in ended.document["charts"]
        if each["version"] != "0.0.0-dev"
    }
    assert sorted(archives) == ["fresh", "kano", "kargo"]
    for name, sha256 in archives.items():
        version = {"fresh": "0.1.0", "kano": "1.0.1", "kargo": "1.1.0"}[name]
        assert archives_in_registry(runner, name)[version] == sha256
        assert archives_in_bucket(runner)[f"{name}-{version}.tgz"] == sha256
        assert platform.origin.remote_git("rev-parse", f"{name}-{version}^{{commit}}") == commit
    assert claims(platform.origin) == []
    assert (platform.folder / "next.md").read_text() == SUMMARY.format(
        commit=commit[:12],
        registry=platform.origin.registry.replace(":", "\\:"),
        backup=f"s3\\://{platform.origin.bucket}/helm",
        tree="https://github.com/kalisio/charts/tree",
    )


def test_a_run_with_nothing_to_do_does_nothing(platform: Platform) -> None:
    refs = platform.origin.remote_refs()
    ended = platform.runner("idle").run("release-changed")

    assert (ended.exit_code, ended.out, ended.err) == (0, "nothing to release\n", "")
    assert platform.origin.remote_refs() == refs
    assert (
        (platform.folder / "idle.md")
        .read_text()
        .endswith("No chart changed since its last release.\n\n")
    )
