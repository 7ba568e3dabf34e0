"""Releases a chart while something is wrong, and again when it is well, in a process of its own."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import requests
from botocore.exceptions import ClientError
from fault_cases import ADDRESSES, EXPIRED, MOMENTS, Case, Moment, Shown, Step
from fault_table import Outcome
from faults import told
from forwarding import Between, Proxy, forwarding, pass_on
from git_server import git_server
from hurried import as_told, hurried
from released import archives_in_bucket, archives_in_registry, claims, index, tagged_commits
from sandbox import Ended, Sandbox
from token_guard import TokenGuard

CHART = "kano"
PASSWORD = "s3cret-of-git"
_DONE, _REFUSED = 0, 3
_OTHER_TIME = {"SOURCE_DATE_EPOCH": "1000000000"}
_FILE = f"{CHART}-1.0.0.tgz"
_PROBE = ".kargo-release-probe"


@dataclass(frozen=True)
class Servers:
    """Where the real servers are, each as ``host:port``."""

    registry: str
    s3: str


@dataclass(frozen=True)
class Result:
    """What a fault led to; ``problems`` is what must not be."""

    case: Case
    exit_code: int
    message: str
    remedy: str
    tries: int
    problems: tuple[str, ...]


def outcome_of(result: Result) -> Outcome:
    """Return a result as the page tells it."""
    once = bool(result.case.moment) and result.case.shown.times == 1
    if result.exit_code == _DONE:
        words = "Tried again, and released" if once else "Released all the same"
        return Outcome(f"{words}.", str(_DONE))
    # Git's own library decides how often it tries.
    often = result.tries > 1 and result.case.destination != "git"
    how = f"Tried {result.tries} times, then told" if often else "Told"
    return Outcome(f"{how}: `{result.message}`<br>{result.remedy}", str(result.exit_code))


@dataclass
class Place:
    """A clone whose remote, registry and bucket are reached through proxies."""

    sandbox: Sandbox
    proxies: Mapping[str, Proxy]
    commit: str = ""

    def release(self, **environ: str) -> Ended:
        """Run the release."""
        return self.sandbox.run("release-chart", CHART, "--json", environ=environ)

    def use(self, destination: str, host: str) -> None:
        """Reach a destination at another address."""
        if destination == "registry":
            path = self.sandbox.registry.partition("/")[2]
            self.sandbox.environ["KARGO_RELEASE_REGISTRY"] = f"oci://{host}/{path}"
        elif destination == "backup":
            self.sandbox.environ["KARGO_RELEASE_S3__ENDPOINT"] = f"http://{host}"
        else:
            url = f"http://ada:{PASSWORD}@{host}/remote.git"
            self.sandbox.git("config", "remote.origin.url", url)


def try_case(case: Case, servers: Servers) -> Result:
    """Show a fault to a release, then release without it."""
    with place(servers) as there:
        return _tried(case, there)


@contextmanager
def place(servers: Servers) -> Iterator[Place]:
    """Make a chart that is committed and pushed, and proxies before all its destinations."""
    folder = Path(tempfile.mkdtemp(prefix="kargo-faults-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        sandbox = Sandbox.make(folder / "clone")
        sandbox.add_remote(folder / "remote.git")
        sandbox.write_chart(CHART)
        commit = sandbox.commit()
        sandbox.push()
        sandbox.use_registry(servers.registry)
        sandbox.use_bucket(f"http://{servers.s3}")
        git = stack.enter_context(git_server(folder, user="ada", password=PASSWORD))
        upstreams = {"registry": servers.registry, "backup": servers.s3, "git": git}
        proxies = {name: stack.enter_context(forwarding(at)) for name, at in upstreams.items()}
        there = Place(sandbox, proxies, commit)
        for name, proxy in proxies.items():
            there.use(name, proxy.host)
        yield there


def _tried(case: Case, there: Place) -> Result:
    begun = bool(case.moment) and MOMENTS[case.destination][case.moment].begun
    archive = _begin(case.destination, there) if begun else _archive(there)
    with hurried(case.destination if case.is_silent else None):
        ended, tries = _faulted(case, there)
    problems = [*_untold(ended), *_half_written(there, ended, archive, begun=begun)]
    for name, proxy in there.proxies.items():
        proxy.between = pass_on
        there.use(name, proxy.host)
    again = there.release()
    if again.exit_code != _DONE:
        problems.append(f"the next run ended with {again.exit_code}: {again.err}")
    problems += [f"the next run: {each}" for each in _unreleased(there, archive)]
    problems += [] if tries else ["the fault was never met"]
    error = ended.document["error"] or {"message": "", "remedy": ""}
    message, remedy = (_neutral(error[key], there) for key in ("message", "remedy"))
    return Result(case, ended.exit_code, message, remedy, tries, tuple(problems))


def _faulted(case: Case, there: Place) -> tuple[Ended, int]:
    if not case.moment:
        with ADDRESSES[case.fault]() as host:
            there.use(case.destination, host)
            return there.release(), 1
    step = Step(MOMENTS[case.destination][case.moment], case.shown)
    between: Between = step
    if case.destination == "registry" and case.fault == EXPIRED:
        between = TokenGuard(step)
    there.proxies[case.destination].between = between
    return there.release(), step.met


def _begin(destination: str, there: Place) -> str:
    """Let the archive be out at one destination alone, with bytes of another time."""
    archive = _archive(there, **_OTHER_TIME)
    if destination == "backup":
        there.sandbox.s3().put_object(
            Bucket=there.sandbox.bucket, Key=f"helm/{_FILE}", Body=_packed(there, **_OTHER_TIME)
        )
        return archive
    denied = Moment("PUT", r"\.tgz")
    there.proxies["backup"].between = Step(denied, Shown(told(403)))
    there.release(**_OTHER_TIME)
    there.proxies["backup"].between = pass_on
    return archive


def _packed(there: Place, **environ: str) -> bytes:
    folder = there.sandbox.path.parent / "packed"
    ended = there.sandbox.run("package-chart", CHART, "--destination", str(folder), environ=environ)
    assert ended.exit_code == _DONE, ended.err
    return (folder / _FILE).read_bytes()


def _archive(there: Place, **environ: str) -> str:
    return sha256(_packed(there, **environ)).hexdigest()


def _untold(ended: Ended) -> list[str]:
    """Return what is wrong with how it ended."""
    problems = []
    if any(word in ended.err for word in ("Traceback", "internal error")):
        problems.append(f"a defect: {ended.err}")
    if ended.exit_code not in range(_REFUSED + 1):
        problems.append(f"exit code {ended.exit_code}: {ended.err}")
    if ended.exit_code != _DONE and not ended.document["error"]["remedy"]:
        problems.append(f"no remedy: {ended.err}")
    return problems


def _half_written(there: Place, ended: Ended, archive: str, *, begun: bool) -> list[str]:
    """Return what is out that should not be: something half, or anything after a refusal."""
    out = _out(there)
    problems = [f"{name}: {what}" for name, what in out.items() if what not in ("", archive)]
    if out["index"] and not out["backup"]:
        problems.append("index.yaml lists an archive that is not there")
    if out["tag"] and "" in out.values():
        problems.append(f"tagged without all copies: {out}")
    if ended.exit_code == _REFUSED and not begun and any((*out.values(), *claims(there.sandbox))):
        problems.append(f"refused with something changed: {out} {claims(there.sandbox)}")
    if ended.exit_code == _DONE and "" in out.values():
        problems.append(f"done without all copies: {out}")
    return problems


def _unreleased(there: Place, archive: str) -> list[str]:
    """Return what a complete release lacks."""
    problems = [f"{name}: {what}" for name, what in _out(there).items() if what != archive]
    if claims(there.sandbox):
        problems.append(f"claims: {claims(there.sandbox)}")
    return problems


def _out(there: Place) -> dict[str, str]:
    """Return the sha256 of the archive at each place; empty where there is none."""
    sandbox = there.sandbox
    pushed = archives_in_registry(sandbox, CHART).get("1.0.0", "")
    stored = archives_in_bucket(sandbox).get(_FILE, "")
    return {
        "registry": _blob(sandbox, pushed) if pushed else "",
        "backup": stored,
        "index": _listed(sandbox),
        "tag": _tagged(there, pushed),
    }


def _blob(sandbox: Sandbox, digest: str) -> str:
    host, _, path = sandbox.registry.partition("/")
    url = f"http://{host}/v2/{path}/{CHART}/blobs/sha256:{digest}"
    return sha256(requests.get(url, timeout=30).content).hexdigest()


def _listed(sandbox: Sandbox) -> str:
    try:
        entries = index(sandbox).get(CHART, [])
    except ClientError:  # there is none
        return ""
    return " ".join(each["digest"] for each in entries)


def _tagged(there: Place, archive: str) -> str:
    """Return the archive's digest if the tag is on the right commit, for it tells none itself."""
    tagged = tagged_commits(there.sandbox).get(f"{CHART}-1.0.0", "")
    return archive if tagged == there.commit else tagged


def _neutral(text: str, there: Place) -> str:
    """Return a message without what differs from run to run."""
    sandbox = there.sandbox
    for proxy in there.proxies.values():
        text = text.replace(proxy.host, "HOST")
    text = text.replace(sandbox.registry.partition("/")[2], "PATH")
    text = text.replace(sandbox.bucket, "BUCKET")
    text = re.sub(r"127\.0\.0\.1:\d+|faulty\.invalid", "HOST", text)
    text = re.sub(r"[0-9a-f]{64}", "…", text)
    text = re.sub(r"s3://BUCKET/helm/\S*?(?=:? )", "s3://BUCKET/OBJECT", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", "…", text)
    # Git's own words differ from version to version.
    text = re.sub(r"(Git remote origin: ).*?(?=$)", r"\1…", text) if "fatal:" in text else text
    return as_told(text)
