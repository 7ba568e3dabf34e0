"""Which resources manifests hold, and how those of two renderings compare."""

import pytest

from kargo_release.charts.changes.resources import ResourceKey, compared, resources
from kargo_release.errors import InvalidError

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"
DEPLOYMENT = """# Source: of a comment
apiVersion: apps/v1
kind: Deployment
metadata:
  labels: {name: no, list: [1, {namespace: no}]}
  name: web
  namespace: front
spec:
  template:
    metadata:
      name: no
"""
WEB = ResourceKey("Deployment", "front", "web", "apps")


def config(name: str) -> ResourceKey:
    return ResourceKey("ConfigMap", "", name, "")


def test_tells_resources_by_kind_namespace_and_name() -> None:
    found = resources({"web/templates/all.yaml": f"---\n{MAP.format('one')}---\n{DEPLOYMENT}"})

    assert found == {config("one"): MAP.format("one").strip(), WEB: DEPLOYMENT.strip()}
    assert [str(key) for key in sorted(found)] == ["ConfigMap one", "Deployment.apps front/web"]


def test_passes_over_what_is_no_resource() -> None:
    assert resources({"a": "# nothing\n", "b": "\n---\n---\n", "c": "- a\n", "d": "text"}) == {}


def test_reads_json_and_takes_what_is_given_last() -> None:
    text = '{"apiVersion": "v1", "kind": "X", "kind": "ConfigMap", "metadata": {"name": "one"}}'
    assert [*resources({"a": text})] == [config("one")]


def test_keeps_every_text_of_a_resource_that_is_there_twice() -> None:
    found = resources({"b": MAP.format("one") + "# b\n", "a": MAP.format("one")})

    once = MAP.format("one").strip()
    assert found == {config("one"): f"{once}\n---\n{once}\n# b"}


def test_takes_no_line_of_a_text_for_the_end_of_a_document() -> None:
    text = f"{MAP.format('one')}data:\n  key: |\n    -----BEGIN CERTIFICATE-----\n    ---\n"
    assert [*resources({"a": text})] == [config("one")]


def test_compares_by_text_but_not_by_the_version_of_the_api() -> None:
    before = resources({"a": f"{MAP.format('one')}---\n{MAP.format('two')}---\n{DEPLOYMENT}"})
    after = resources({
        "b": f"{MAP.format('two')}---\n{MAP.format('new')}",
        "c": DEPLOYMENT.replace("apps/v1", "apps/v2"),
    })  # fmt: skip

    changes = compared(before, after)
    assert changes.added == (config("new"),)
    assert changes.removed == (config("one"),)
    assert changes.changed == (WEB,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "is not YAML"),
        ("kind: X\nmetadata:\n\tname: x\n", "is not YAML"),
        ("a: \x00", "is not YAML"),
        ("kind: \ud800", "is not YAML"),
        ("a: " + "[" * 100_000, "nested over 100 deep"),
    ],
)
def test_tells_what_is_no_yaml(text: str, reason: str) -> None:
    with pytest.raises(InvalidError, match=f"web/a.yaml.*{reason}"):
        resources({"web/a.yaml": text})
