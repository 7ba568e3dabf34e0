"""The platform's own images as they are described: rules, versions, ports and users."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from kargo_release.git.repository import Repository
from kargo_release.images.dockerfile_parser import parse_dockerfile
from kargo_release.images.git_context import GitContext
from kargo_release.images.image import Image
from kargo_release.images.image_file import read_images
from kargo_release.images.lint.linting import lint_images

ROOT = Path(__file__).parent.parent
APPS = {each.name for each in (ROOT / "images").iterdir()}
ELSEWHERE = {"kano", "logspout", "weacast-arpege-arome", "weacast-gfs"}
"""Those whose sources need a Git host."""


@cache
def images() -> Mapping[str, Image]:
    with Repository.open(ROOT).working_tree() as tree:
        found = read_images(tree, "images")
        return {each.app: each for each in found.named(found)}


def last_of(app: str, keyword: str) -> str:
    """Return what the last instruction of a kind says."""
    data = (ROOT / "images" / app / "Dockerfile").read_bytes()
    dockerfile = parse_dockerfile(data, app, images()[app].arguments)
    return [each.text for each in dockerfile.instructions if each.keyword == keyword][-1]


def test_breaks_no_rule() -> None:
    with Repository.open(ROOT).working_tree() as tree:
        every = list(images().values())
        assert lint_images(every, tree, every, "") == []


def test_describes_every_folder() -> None:
    assert set(images()) == APPS


def test_takes_from_git_what_only_git_has() -> None:
    contexts = {app for app, each in images().items() if isinstance(each.context, GitContext)}
    assert contexts == ELSEWHERE


@pytest.mark.parametrize("app", sorted(APPS))
def test_limits_its_size_and_is_tried(app: str) -> None:
    image = images()[app]
    assert image.smoke
    assert (image.size_limit is None) is (app in ELSEWHERE)


@pytest.mark.parametrize(
    ("app", "pinned"),
    [
        ("gdal", '"gdal-bin={}+*"'),
        ("k8s-toolbox", '"kubernetes-client=1.20.5+really{}-*"'),
        ("mapcache", '"mapcache-tools={}-*"'),
        ("mapcache", '"libapache2-mod-mapcache={}-*"'),
        ("mapserver", '"cgi-mapserver={}-*"'),
        ("kano", "FROM kalisio/kano:{}-prod"),
    ],
)
def test_installs_the_version_that_it_tells(app: str, pinned: str) -> None:
    text = (ROOT / "images" / app / "Dockerfile").read_text()
    assert pinned.format(images()[app].version) in text


@pytest.mark.parametrize(
    ("app", "package"),
    [("tileserver-gl", "tileserver-gl-light"), ("express-gateway", "express-gateway")],
)
def test_locks_packages_of_npm_by_their_digests_at_no_address(app: str, package: str) -> None:
    folder = ROOT / "images" / app
    version = images()[app].version
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    assert wanted == {package: version}
    lock: dict[str, Any] = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert lock.pop("")["dependencies"] == wanted
    assert lock[f"node_modules/{package}"]["version"] == version
    for each in lock.values():
        assert each["integrity"].startswith("sha512-")
        assert "resolved" not in each


@pytest.mark.parametrize("app", sorted(APPS - ELSEWHERE))
def test_names_no_host_to_build_from(app: str) -> None:
    text = (ROOT / "images" / app / "Dockerfile").read_text()
    assert set(re.findall(r"https?://([^/:\"']+)", text)) <= {"127.0.0.1"}


def test_kano_has_the_port_and_the_user_of_its_chart() -> None:
    values = yaml.safe_load((ROOT / "charts/kano/values.yaml").read_text())
    chart = yaml.safe_load((ROOT / "charts/kano/Chart.yaml").read_text())
    assert last_of("kano", "EXPOSE") == str(values["containerPort"])
    assert last_of("kano", "USER").split(":")[0] == str(values["podSecurityContext"]["runAsUser"])
    assert images()["kano"].tag(None) == chart["appVersion"]
    assert images()["kano"].repository == values["image"]["repository"]


def test_the_docs_tell_every_image_with_its_version_user_and_port() -> None:
    text = (ROOT / "docs/platform-images.md").read_text()
    rows = {
        found[0]: found[1]
        for found in re.findall(r"^\| `([a-z0-9-]+)` (\d.*)$", text, re.MULTILINE)
    }
    assert set(rows) == APPS
    for app, row in rows.items():
        assert row.startswith(images()[app].version)
        if app not in ELSEWHERE:
            assert f"| {last_of(app, 'USER').split(':')[0]} (" in row
            assert last_of(app, "FROM").split()[0] in row
