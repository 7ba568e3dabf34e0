"""Packages: the very archives that a release would publish, in a folder."""

import hashlib
from pathlib import Path

from sandbox import Sandbox


def test_writes_the_archive_that_a_release_publishes(local: Sandbox) -> None:
    ended = local.run("package-chart", "kano", "--destination", "dist/deep", "--json")

    assert ended.exit_code == 0, ended.err
    assert ended.document.keys() == {"command", "ok", "error", "charts"}
    chart = ended.chart
    assert chart.keys() == {"name", "version", "path", "sha256", "content_digest", "bytes"}
    assert chart["path"] == "dist/deep/kano-1.0.0.tgz"
    data = (local.path / chart["path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == chart["sha256"]
    assert len(data) == chart["bytes"]
    released = local.run("release-chart", "kano", "--ref", "HEAD", "--json").chart["archive"]
    assert released == {key: chart[key] for key in ("sha256", "content_digest", "bytes")}


def test_writes_into_the_current_folder_and_prints_paths(local: Sandbox) -> None:
    local.write_chart("kube")
    local.commit()

    ended = local.run("package-chart", "kube", "kano")

    assert ended.out.splitlines() == ["kube-1.0.0.tgz", "kano-1.0.0.tgz"]
    assert all((local.path / name).exists() for name in ended.out.splitlines())


def test_replaces_an_older_package(local: Sandbox, tmp_path: Path) -> None:
    old = tmp_path / "kano-1.0.0.tgz"
    old.write_text("old\n")

    assert local.run("package-chart", "kano", "--destination", str(tmp_path)).exit_code == 0

    assert old.read_bytes()[:2] == b"\x1f\x8b"
    assert not old.with_name(".kano-1.0.0.tgz.part").exists()


def test_packages_an_older_commit(local: Sandbox) -> None:
    local.write_chart("kano", "2.0.0")
    local.commit()

    ended = local.run("package-chart", "kano", "--ref", "HEAD~1", "--json")

    assert ended.chart["version"] == "1.0.0"


def test_packages_all_charts_or_none(local: Sandbox) -> None:
    ended = local.run("package-chart", "kano", "kanoo", "--json")

    assert ended.exit_code == 2
    assert ended.tells("there is no chart 'kanoo'", "Perhaps you meant kano.")
    assert not (local.path / "kano-1.0.0.tgz").exists()


def test_needs_neither_registry_nor_remote(local: Sandbox) -> None:
    local.environ["CI"] = "true"
    local.environ["KARGO_RELEASE_REGISTRY"] = "oci://127.0.0.1:1/x"

    assert local.run("package-chart", "kano", "--destination", "dist").exit_code == 0
