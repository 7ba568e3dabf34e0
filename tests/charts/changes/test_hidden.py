"""What Secrets hold is never shown; only whether it is another value."""

import base64

import pytest

from kargo_release.charts.changes.hidden import Hiding
from kargo_release.charts.changes.unified import unified

SECRET = (
    "apiVersion: v1\nkind: Secret\nmetadata: {{name: {}}}\n# hunter2\nstringData:\n  password: {}\n"
)


def shown(document: str) -> str:
    return Hiding().hidden(document, "kano/templates/x.yaml")


@pytest.mark.parametrize(
    "document",
    [
        SECRET.format("kano", "hunter2"),
        f"kind: Secret\ndata:\n  password: {base64.b64encode(b'hunter2').decode()}\n",
        '{"kind": "Secret", "data": {"password": "hunter2"}}',
        '{"kind": "\\x53ecret", "data": {"password": "hunter2"}}',
        "? kind\n: >-\n  Secret\n? data\n: a: |\n    hunter2\n    hunter2\n",
        "kind: List\nitems:\n- kind: Secret\n  stringData: {a: hunter2, b: [hunter2]}\n",
        "kind: Secret\ndata: hunter2\n",
        "kind: SecretList\nitems:\n- metadata: {name: a}\n  data: {a: hunter2}\n",
        'kind: "Sec\\\n  ret"\ndata: {a: hunter2}\n',
        "kind: Secret\nkind: Secret\ndata: {a: hunter2}\n",
        "kind: Secret\nmetadata: [x]\ndata: {a: hunter2, 1: hunter2}\n",
        "x: &x Secret\nkind: *x\ndata: &y {a: hunter2}\nstringData: *y\n",
        "kind: Secret\ndata: {a: hunter2\n",
    ],
)
def test_hides_what_a_secret_holds_however_it_is_written(document: str) -> None:
    text = shown(document)
    assert "hunter2" not in text
    assert base64.b64encode(b"hunter2").decode() not in text
    assert "(hidden 1)" in text


@pytest.mark.parametrize(
    "document",
    [
        "kind: ConfigMap\n# Secret\ndata: {a: hunter2}\n",
        "kind: Gateway\nref: {kind: Secret, name: kano}  # a comment\n",
        "kind: Secret\nmetadata:   {name: empty}\ndata:\n",
        'kind: ConfigMap\ndata: {a: "\\x41"}\n',
    ],
)
def test_leaves_all_else_as_it_is(document: str) -> None:
    assert shown(document) == document


def test_tells_whether_a_value_is_another_and_nothing_of_the_value() -> None:
    before = {"a.yaml": f"{SECRET.format('one', 'x')}---\n{SECRET.format('two', 'x')}  more: y\n"}
    after = {"a.yaml": f"{SECRET.format('one', 'x')}---\n{SECRET.format('two', 'z')}  more: y\n"}

    text = unified(before, after, "1.0.0", "HEAD")
    changed = [line for line in text.split("\n")[3:] if line.startswith(("+", "-"))]
    assert changed == ["-  password: (hidden 1)", "+  password: (hidden 2)"]


def test_shows_what_is_added_and_removed_by_its_template() -> None:
    text = unified({"a": "x: 1\n", "c": "same"}, {"b": "x: 1\n", "c": "same"}, "1.0.0", "HEAD")

    assert text == (
        "--- a (1.0.0)\n+++ /dev/null\n@@ -1 +0,0 @@\n-x: 1\n"
        "--- /dev/null\n+++ b (HEAD)\n@@ -0,0 +1 @@\n+x: 1"
    )


def test_does_not_compare_what_would_take_minutes() -> None:
    text = unified({"a": "x\n" * 30_000}, {"a": "y\n" * 25_000}, "1.0.0", "HEAD")

    assert text.endswith("@@ 30000 and 25000 lines: too many to be compared @@")
