"""Which versions the names of tags, claims, entries and development versions stand for."""

import pytest

from kargo_release.charts.index import Index
from kargo_release.charts.inventory.known import KnownVersions, Ref, development_versions

COMMIT = "1" * 40


def tagged(tag: str, form: str, *charts: str) -> list[tuple[str, str]]:
    """Return the chart and version that a tag of this form stands for."""
    known = KnownVersions()
    known.add_tags([Ref(tag, COMMIT, COMMIT)], form, charts)
    return [(name, each.version) for name in known.names for each in known.of(name)]


@pytest.mark.parametrize(
    ("tag", "form", "expected"),
    [
        ("kano-1.4.0", "{name}-{version}", ("kano", "1.4.0")),
        ("weacast-gfs-1.0.0-rc.1", "{name}-{version}", ("weacast-gfs", "1.0.0-rc.1")),
        ("kano-v1.4.0", "{name}-v{version}", ("kano", "1.4.0")),
        ("charts/kano/v1.4.0", "charts/{name}/v{version}", ("kano", "1.4.0")),
        ("1.4.0/kano", "{version}/{name}", ("kano", "1.4.0")),
        ("kano1.4.0", "{name}{version}", ("kano", "1.4.0")),
        ("kano-1.4.0+one", "{name}-{version}", ("kano", "1.4.0+one")),
    ],
)
def test_reads_a_tag(tag: str, form: str, expected: tuple[str, str]) -> None:
    assert tagged(tag, form, "kano") == [expected]


@pytest.mark.parametrize(
    "tag",
    ["v1.4.0", "kano", "kano-", "-1.4.0", "kano-1.4", "kano-v1.4.0", "Kano-1.4.0", "kano-01.0.0"],
)
def test_passes_over_tags_of_another_form(tag: str) -> None:
    assert tagged(tag, "{name}-{version}", "kano") == []


def test_a_name_that_holds_a_version_is_read_as_the_chart_that_there_is() -> None:
    tag, form = "kano-1.0.0-2.0.0", "{name}-{version}"

    assert tagged(tag, form, "kano") == [("kano", "1.0.0-2.0.0")]
    assert tagged(tag, form, "kano-1.0.0") == [("kano-1.0.0", "2.0.0")]


def test_reads_what_the_registry_cannot_write() -> None:
    known = KnownVersions()
    known.add_registry("kano", ["1.0.0_one", "latest", "sha256-0a.sig", "1.0.0"])

    assert [each.version for each in known.of("kano")] == ["1.0.0+one", "1.0.0"]


def test_takes_of_an_index_what_helm_takes() -> None:
    entries = [{"version": "1.2", "digest": "a"}, {"version": "1.2", "digest": "b"}]
    others = {"../evil": [{"version": "1.0.0"}], "kube": [{"version": "../1.0.0"}, {}]}
    known = KnownVersions()
    known.add_index(Index.of({"apiVersion": "v1", "entries": {"kano": entries, **others}}))

    assert known.names == {"kano"}
    assert [each.entry for each in known.of("kano")] == [entries[0]]


@pytest.mark.parametrize(
    ("template", "version", "is_development"),
    [
        ("0.0.0-dev", "0.0.0-dev", True),
        ("0.0.0-dev", "0.0.0-dev.1", False),
        ("{version}-dev.{count}.g{sha}", "1.4.0-dev.12.g0a1b2c3", True),
        ("{version}-dev.{count}.g{sha}", "1.4.0-rc.1-dev.12.g0a1b2c3", True),
        ("{version}-dev.{count}.g{sha}", "1.4.0", False),
        ("{version}-dev.{count}.g{sha}", "1.4.0-dev.x.g0a1b2c3", False),
    ],
)
def test_knows_a_development_version(template: str, version: str, is_development: bool) -> None:
    assert bool(development_versions(template).fullmatch(version)) is is_development
