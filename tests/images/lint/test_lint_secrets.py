"""KR060 and KR061: secrets in ARG and ENV, found, and never repeated."""

import pytest
from linted import ours, rules

HEAD = "FROM debian:bookworm-slim\nUSER 1000\n"
RANDOM = "k3Jd8fLq02mZx7Vb"

SECRET = (
    *("PASSWORD", "DB_PASSWORD", "POSTGRES_PASSWD", "passwd", "SECRET", "APP_SECRET", "TOKEN"),
    *("NPM_TOKEN", "apiKey", "API_KEY", "AWS_SECRET_ACCESS_KEY", "S3_ACCESS_KEY", "JWT_KEY"),
    *("PRIVATE_KEY", "GIT_CREDENTIALS", "OAUTH_CLIENT_SECRET", "SECRET_KEY_BASE"),
)
HARMLESS = (
    *("PASSWORD_FILE", "TOKEN_URL", "SECRETS_DIR", "TOKEN_TTL", "PUBLIC_KEY", "GPG_KEY", "KEYRING"),
    *("MONKEY", "SORT_KEY", "TOKENIZER", "SECRETARY", "AUTHOR", "KEY_LENGTH", "USERNAME", "PATH"),
    *("TOKEN_EXPIRES_IN", "PASSWORD_MIN_LENGTH", "NODE_ENV", "APP_PUBLIC_KEY", "JWT_ALGORITHM"),
)


@pytest.mark.parametrize("name", SECRET)
def test_finds_secrets_by_name(name: str) -> None:
    assert rules(f"{HEAD}ENV {name}=s3cret") == ["KR060:3"]
    assert rules(f"{HEAD}ARG {name}=s3cret") == ["KR060:3"]
    assert rules(f"{HEAD}ARG {name}") == ["KR060:3"]


@pytest.mark.parametrize("name", HARMLESS)
def test_leaves_names_that_only_look_so(name: str) -> None:
    assert rules(f"{HEAD}ENV {name}={RANDOM}\nARG {name}") == []


@pytest.mark.parametrize("name", ["MAPTILER_KEY", "OPENRADIATION_KEY"])
def test_a_name_that_may_be_a_secret_is_one_with_a_value_like_one(name: str) -> None:
    assert rules(f"{HEAD}ENV {name}={RANDOM}") == ["KR060:3"]
    assert rules(f"{HEAD}ENV {name}=$OTHER") == ["KR060:3"]
    assert rules(f"{HEAD}ARG {name}") == ["KR060:3"]
    assert rules(f"{HEAD}ENV {name}=name") == []


@pytest.mark.parametrize(
    "value", ["", '""', "true", "off", "3600", "/run/secrets/token", "None", "dummy"]
)
def test_leaves_values_that_are_no_secrets(value: str) -> None:
    assert rules(f"{HEAD}ENV TOKEN={value}\nARG DB_PASSWORD={value}") == []


def test_looks_before_the_first_stage_in_all_stages_and_in_triggers() -> None:
    text = f"ARG TOKEN\nFROM node:20 AS build\nARG TOKEN\nENV A=1 TOKEN=$TOKEN\n{HEAD}"

    assert rules(text) == ["KR060:1", "KR060:3", "KR060:4"]
    assert rules(f"{HEAD}ONBUILD ARG TOKEN") == ["KR060:3"]


def test_knows_the_old_form_of_env() -> None:
    assert rules(f"{HEAD}ENV PASSWORD s3cret and more") == ["KR060:3"]


# Cut in two, so that who looks for secrets in this repository finds none.
FORMS = {
    "a private key": "'-----BEGIN RSA " + "PRIVATE KEY-----'",
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a token of GitHub": "ghp" + "_0123456789abcdefghijABCDEFGHIJ012345",
    "a token of GitLab": "glpat" + "-0123456789abcdefghij",
    "a token of npm": "npm" + "_0123456789abcdefghijABCDEFGHIJ012345",
    "a token of PyPI": "pypi" + "-AgE" + "0123456789" * 5,
    "a token of Docker Hub": "dckr_pat" + "_0123456789abcdefghijABCDEFG",
    "a token of Slack": "xoxb" + "-0123456789-abc",
    "a webhook of Slack": "https://hooks.slack.com" + "/services/T0/B0/x",
    "a key of Stripe": "sk_live" + "_0123456789abcdefghij",
    "a key of Google": "AIza" + "0123456789abcdefghijABCDEFGHIJ01234",
    "a JSON web token": "eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0." + "abc",
    "a URL with a password": "mongodb://ada:s3cret" + "@db:27017/x",
}


@pytest.mark.parametrize("kind", FORMS)
def test_finds_secrets_by_form(kind: str) -> None:
    for keyword in ("ARG", "ENV"):
        [finding] = ours(f"{HEAD}{keyword} X={FORMS[kind]}")

        assert (finding.rule, finding.message) == ("KR061", f"{keyword} X looks like {kind}")
        assert finding.remedy.startswith("Revoke it")


@pytest.mark.parametrize(
    "value",
    [
        *("https://example.com/a:b@c", "postgres://ada:$PASS@db", "postgres://ada:${PASS}@db"),
        *("redis://db:6379", "git@github.com:a/b", "x" * 100, "AKIA", "ghp_short"),
        *("http://user:<password>@host", "http://u:***@host"),
    ],
)
def test_leaves_values_of_other_forms(value: str) -> None:
    assert rules(f"{HEAD}ENV X='{value}'") == []


@pytest.mark.parametrize(
    ("text", "arguments", "found"),
    [
        ("ARG SOURCE=x", {"SOURCE": FORMS["a URL with a password"]}, ["KR061:3"]),
        ("ARG SOURCE", {"SOURCE": FORMS["a URL with a password"]}, ["KR061:3"]),
        ("ARG SOURCE=x", {"SOURCE": "https://example.org"}, []),
        # What the file itself holds is in the repository, whatever comes in its place.
        (f"ARG SOURCE={FORMS['a token of npm']}", {"SOURCE": "x"}, ["KR061:3"]),
        ("ARG TOKEN=s3cret", {"TOKEN": ""}, ["KR060:3"]),
        ("ARG TOKEN=", {"TOKEN": "s3cret"}, ["KR060:3"]),
        ("ARG TOKEN", {"TOKEN": "s3cret"}, ["KR060:3"]),
        ("ARG TOKEN", {"TOKEN": "off"}, []),
        ("ARG A\nARG A", {"A": FORMS["a token of npm"]}, ["KR061:3"]),
        ("RUN true", {"NPM_TOKEN": "s3cret"}, ["KR060:1"]),
        ("RUN true", {"A": FORMS["a token of npm"]}, ["KR061:1"]),
    ],
)
def test_looks_at_the_build_arguments_of_the_image(
    text: str, arguments: dict[str, str], found: list[str]
) -> None:
    assert rules(HEAD + text, arguments=arguments) == found


def test_tells_which_argument_of_the_image_is_a_secret() -> None:
    [finding] = ours(f"{HEAD}ARG TOKEN=", arguments={"TOKEN": "s3cret"})

    assert finding.message == "the argument TOKEN in image.yaml holds a secret, by its name"


def test_no_finding_holds_a_value() -> None:
    values = [f"{value.strip(chr(39))[:-1]}" for value in FORMS.values()]
    text = HEAD + "".join(f"ENV PASSWORD{n}='{v}'\nENV TOKEN='{v}'\n" for n, v in enumerate(values))

    told = " ".join(f"{each.message} {each.remedy}" for each in ours(text))
    assert "ENV TOKEN holds a secret, by its name" in told
    assert not any(value in told for value in values)


@pytest.mark.parametrize(
    ("name", "value", "is_found"),
    [
        ("PGPASSWORD", "letmein", True),
        ("DB_PASS", "letmein", True),
        ("MYSQL_PWD", "letmein", True),
        ("PASSWORD_POLICY", "strict", False),
        ("TOKEN_PREFIX", "bearer", False),
        ("SECRETS_PROVIDER", "aws", False),
        ("MAX_TOKENS", "128000", False),
        ("PASS_THROUGH", "headers", False),
        ("CORS", "http://a:80,b@c", False),
        ("DATABASE", "postgres://a:b3x@c", True),
    ],
)
def test_knows_more_names(name: str, value: str, is_found: bool) -> None:
    found = rules(f"FROM node:20-slim\nENV {name}={value}\nUSER node\n")

    assert any(each.startswith("KR06") for each in found) == is_found
