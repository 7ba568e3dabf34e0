from collections.abc import Mapping
from typing import Any

import pytest
from built import build, file, files, folder, link, local_image

from kargo_release.docker.image import ImageFile
from kargo_release.findings import Finding, Severity
from kargo_release.images.image_files import User
from kargo_release.images.inspection import RULES, inspect

SERVE = file("opt/bin/serve")


def found(**changes: Any) -> list[str]:
    """Return what is wrong with a good image of which something was changed."""
    return [each.rule for each in findings(SERVE, **changes)]


def findings(
    *held: ImageFile, base: Mapping[str, int] | None = None, **changes: Any
) -> list[Finding]:
    return inspect(build(), local_image(**changes), files(*held), base or {})


def test_finds_nothing_in_a_good_image() -> None:
    assert found() == []


@pytest.mark.parametrize(
    "user", ["", "0", "root", "root:node", "0:1000", ":1000", "toor", "nobody", "00"]
)
def test_finds_root_by_name_and_number_and_names_that_nobody_knows(user: str) -> None:
    assert found(user=user) == ["KR100"]


@pytest.mark.parametrize("user", ["node", "1000", "1000:0", "node:web", "4242", "4242:4242"])
def test_takes_any_other_user(user: str) -> None:
    assert found(user=user) == []


@pytest.mark.parametrize("port", ["80/tcp", "1/udp", "1023", "0080/tcp"])
def test_finds_ports_that_only_root_may_open(port: str) -> None:
    [finding] = findings(SERVE, ports=("8080/tcp", port))

    assert (finding.rule, port in finding.message) == ("KR101", True)


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6755])
def test_finds_files_that_run_as_their_owner_unless_the_base_has_them(mode: int) -> None:
    su = file("bin/su", mode)
    added = file("usr/bin/passwd", mode)

    [finding] = findings(SERVE, su, added, base={"bin/su": mode & 0o6000})
    assert (finding.rule, "/usr/bin/passwd" in finding.message) == ("KR102", True)


def test_finds_a_file_of_the_base_that_gets_another_bit() -> None:
    chage = file("usr/bin/chage", 0o6755)

    [finding] = findings(SERVE, chage, base={"usr/bin/chage": 0o2000})
    assert (finding.rule, "/usr/bin/chage" in finding.message) == ("KR102", True)
    assert findings(SERVE, file("usr/bin/chage"), base={"usr/bin/chage": 0o2000}) == []


def test_counts_set_uid_files_after_ten() -> None:
    many = [file(f"bin/{number}", 0o4755) for number in range(25)]

    told = findings(SERVE, *many)
    assert len(told) == 11
    assert any("15 files more" in each.message for each in told)


def test_takes_a_folder_with_a_sticky_group() -> None:
    assert findings(SERVE, folder("var/mail", 0o2775)) == []


def test_finds_an_image_over_its_size() -> None:
    [finding] = inspect(build(size_limit=999), local_image(), files(SERVE), {})

    assert (finding.rule, finding.file) == ("KR103", "images/kano/image.yaml")
    assert inspect(build(size_limit=1000), local_image(), files(SERVE), {}) == []


@pytest.mark.parametrize(
    ("held", "changes"),
    [
        ([], {}),
        ([file("opt/bin/serve", 0o644)], {}),
        ([file("opt/bin/serve", 0o700)], {}),
        ([folder("opt/bin", 0o700), SERVE], {}),
        ([folder("opt/bin/serve")], {}),
        ([link("opt/bin/serve", "gone")], {}),
        ([link("opt/bin/serve", "serve")], {}),
        ([SERVE], {"command": ()}),
        ([SERVE], {"command": ("",)}),
        ([SERVE], {"entrypoint": ("/entry",)}),
        ([SERVE], {"command": ("./serve",)}),
        ([SERVE], {"environment": ("PATH=/usr/bin",)}),
    ],
)
def test_finds_what_can_not_be_started(held: list[ImageFile], changes: dict[str, Any]) -> None:
    assert [each.rule for each in findings(*held, **changes)] == ["KR104"]


@pytest.mark.parametrize(
    ("held", "changes"),
    [
        ([file("opt/bin/serve", 0o700, uid=1000)], {}),
        ([file("opt/bin/serve", 0o050, gid=1000)], {}),
        ([file("opt/bin/serve", 0o050, gid=33)], {}),
        ([link("opt/bin/serve", "../lib/serve"), file("opt/lib/serve")], {}),
        ([link("opt/bin", "/usr/lib"), file("usr/lib/serve")], {}),
        ([file("srv/serve")], {"command": ("./serve",)}),
        ([file("usr/local/bin/serve")], {"environment": ()}),
        ([file("entry")], {"entrypoint": ("/entry",), "command": ()}),
        ([file("usr/bin/serve", 0o644), SERVE], {}),
    ],
)
def test_follows_what_the_kernel_would(held: list[ImageFile], changes: dict[str, Any]) -> None:
    assert findings(*held, **changes) == []


def test_finds_labels_that_are_not_ours() -> None:
    labels = {**build().labels, "org.opencontainers.image.revision": "another"}
    missing = {k: v for k, v in build().labels.items() if not k.endswith("inputs-digest")}

    assert found(labels=labels) == found(labels=missing) == ["KR105"]
    assert len(found(labels={})) == 6


def test_warns_of_an_image_without_a_source() -> None:
    lonely = build(source="")
    [finding] = inspect(lonely, local_image(labels=lonely.labels), files(SERVE), {})

    assert (finding.rule, finding.severity) == ("KR106", Severity.WARNING)
    assert "git remote add" in finding.remedy


def test_tells_of_every_rule_what_to_do() -> None:
    assert len({rule.identifier for rule in RULES}) == len(RULES)
    assert all(rule.remedy and rule.reason for rule in RULES)


@pytest.mark.parametrize(
    "text", ["node", "garbage", "a:b:c:d", ":::", "x:y:-1:5", "node:x:9999999999999:1"]
)
def test_reads_any_passwd(text: str) -> None:
    held = files(passwd=text, group=text)

    assert held.user("node") is None
    assert held.user("1000:1000") == User(1000, 1000, set())
