import json
import os
from pathlib import Path

import pytest
from real_rclone import rclone_says

from kargo_release.bucket.rclone_config import load
from kargo_release.errors import InvalidError, KargoError, UsageError

PLACES = ["home/.config/rclone/rclone.conf", "home/.rclone.conf", "xdg/rclone/rclone.conf"]


@pytest.mark.parametrize("environ", [["HOME"], ["HOME", "XDG_CONFIG_HOME"], ["XDG_CONFIG_HOME"]])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_finds_the_file_where_rclone_does(environ: list[str], first: int, tmp_path: Path) -> None:
    values = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    given = {name: values[name] for name in environ}
    for place in PLACES[first:]:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("[s]\ntype = s3\n")
    told = rclone_says("config", "file", environ=given).decode().splitlines()
    found = load(given).file
    if "doesn't exist" in told[0]:
        assert found is None
    else:
        assert found == Path(told[1])


def test_takes_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / ".rclone.conf").write_text("[usual]\ntype = s3\n")
    (tmp_path / "named.conf").write_text("[named]\ntype = s3\n")
    home = {"HOME": str(tmp_path)}
    assert list(load(home).sections) == ["DEFAULT", "usual"]
    for named, sections in (
        (str(tmp_path / "named.conf"), ["DEFAULT", "named"]),
        ("", []),
        (str(tmp_path / "absent"), []),
    ):
        environ = {**home, "RCLONE_CONFIG": named}
        assert list(load(environ).sections) == sections
        remotes = rclone_says("listremotes", environ=environ).decode().split()
        assert remotes == [f"{name}:" for name in sections if name != "DEFAULT"]


def test_understands_the_file_as_rclone_does(tmp_path: Path) -> None:
    file = tmp_path / "rclone.conf"
    file.write_text(
        "; about it\ntop = 1\n\n[ spaced name ]\ntype = s3\n  key=value # no comment\n"
        'colon: a=b\nboth := c\nempty =\nquoted = `  kept  `\nthree = """x"""\n'
        'quote = "x"\ntick = `\n\n# twice\n[last]\nkey = 1\n[ spaced name ]\nkey = 2\n'
        "[last]\nkey = 3\ntype = alias"
    )
    environ = {"RCLONE_CONFIG": str(file), "HOME": str(tmp_path)}
    dumped = json.loads(rclone_says("config", "dump", environ=environ))
    assert load(environ).sections == dumped


def test_refuses_an_encrypted_file(tmp_path: Path) -> None:
    file = tmp_path / "rclone.conf"
    file.write_text("[s]\ntype = s3\n")
    environ = {"RCLONE_CONFIG": str(file), "HOME": str(tmp_path)}
    command = ["--password-command", "echo some-password"]
    rclone_says("config", "encryption", "set", *command, environ=environ)
    with pytest.raises(UsageError, match=r"rclone\.conf is encrypted") as caught:
        load(environ)
    assert "rclone config encryption remove" in caught.value.remedy
    rclone_says("config", "encryption", "remove", *command, environ=environ)
    assert load(environ).type_of("s") == "s3"


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"[s]\ntype = s3\nthe-secret-itself\n", InvalidError, "line 3 is neither"),
        (b"[s]\n= the-secret-itself\n", InvalidError, "line 2 is neither"),
        (b"[s]\nkey = `the-secret-itself\n", InvalidError, "line 2 is neither"),
        (b"\xff\xfe", InvalidError, "is no configuration of rclone's"),
        (b"a\0b", InvalidError, "is no configuration of rclone's"),
        (b"#" * (1 << 20) + b"#", InvalidError, "more than 1 MiB"),
        (b"# it\n\nRCLONE_ENCRYPT_V9:\n", UsageError, "is encrypted"),
    ],
)
def test_refuses_what_is_no_configuration(
    data: bytes, kind: type[KargoError], message: str, tmp_path: Path
) -> None:
    (tmp_path / "rclone.conf").write_bytes(data)
    with pytest.raises(kind, match=message) as caught:
        load({"RCLONE_CONFIG": str(tmp_path / "rclone.conf")})
    assert caught.value.remedy
    assert "the-secret-itself" not in str(caught.value)


def test_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for file in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(UsageError, match="is no file") as caught:
            load({"RCLONE_CONFIG": str(file)})
        assert caught.value.remedy == "Correct RCLONE_CONFIG."


def test_has_no_remotes_without_a_home() -> None:
    assert load({}).file is None
    assert load({}).type_of("s") == ""
