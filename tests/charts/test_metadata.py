"""What a Chart.yaml may say."""

import pytest

from kargo_release.charts import metadata
from kargo_release.errors import InvalidError

PLAIN = "apiVersion: v2\nname: kano\nversion: 1.4.0\n"


def read(text: str) -> metadata.Metadata:
    return metadata.read(text.encode(), "charts/kano/Chart.yaml")


def refusal(text: str) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        read(text)
    assert caught.value.message.startswith("charts/kano/Chart.yaml")
    assert caught.value.remedy
    return caught.value


def test_reads_what_a_release_needs() -> None:
    about = read(
        f'{PLAIN}appVersion: "1.10"\ntype: library\ndependencies:\n'
        "- {name: base, version: ^1, repository: 'file://../base', alias: db}\n- name: other\n"
    )

    assert (about.name, about.version, about.app_version) == ("kano", "1.4.0", "1.10")
    assert about.is_library
    assert about.dependencies == (
        metadata.Dependency("base", "^1", "file://../base", "db"),
        metadata.Dependency("other", "", "", ""),
    )


def test_needs_no_more_than_three_lines() -> None:
    about = read(PLAIN)

    assert (about.app_version, about.is_library, about.dependencies) == ("", False, ())


@pytest.mark.parametrize("name", ["kano", "k2", "a.b", "a_b", "a__b", "a-b", "a---b", "0"])
def test_takes_names_that_a_registry_takes(name: str) -> None:
    assert read(f'apiVersion: v2\nname: "{name}"\nversion: 1.4.0\n').name == name


@pytest.mark.parametrize(
    "name",
    [
        "Kano",
        "a/b",
        "..",
        ".",
        "-a",
        "a-",
        "a b",
        "kàno",
        "a._b",
        "a___b",
        "a\\\\b",
        "x\\ny",
        "\\e",
    ],
)
def test_refuses_names_that_a_registry_would_not_take(name: str) -> None:
    error = refusal(f'apiVersion: v2\nname: "{name}"\nversion: 1.4.0\n')

    assert "can't be a chart's name" in error.message
    assert error.message.isprintable()
    assert "lower-case letters and digits" in error.remedy


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        (PLAIN.replace("name: kano\n", ""), "it has no name", "Add the line `name: …`."),
        (PLAIN.replace("1.4.0", ""), "it has no version", "Add the line `version: …`."),
        (PLAIN.replace("1.4.0", '""'), "it has no version", "Add the line `version: …`."),
        (PLAIN.replace("v2", "v3"), "apiVersion is 'v3'", "Write `apiVersion: v2`."),
        (PLAIN.replace("apiVersion: v2\n", ""), "apiVersion is None", "Write `apiVersion: v2`."),
        (PLAIN.replace("1.4.0", "[1]"), "version is no text", "Write `version: …` with one text."),
        (PLAIN.replace("kano", "{a: b}"), "name is no text", "Write `name: …` with one text."),
        (PLAIN + "type: chart\n", "type is 'chart'", "It is `application` or `library`."),
        (PLAIN + "appVersion: 1.10\n", "appVersion is the number 1.1 to YAML", "Quote it: appV"),
        (PLAIN + "description: no\n", "description is the truth value False", "Quote it: descr"),
        (PLAIN + "kubeVersion: 1.28\n", "kubeVersion is the number 1.28", "Quote it: kubeVers"),
        (PLAIN + "sources: https://a\n", "sources is no list of texts", "Mend or remove sources."),
        (PLAIN + "keywords: [1]\n", "keywords is no list of texts", "Mend or remove keywords."),
        (PLAIN + "maintainers: [Ada]\n", "maintainers is no list of mappings", "Mend or remove"),
        (PLAIN + "maintainers: [null]\n", "maintainers is no list of mappings", "Mend or remove"),
        (PLAIN + "maintainers: [{name: 1}]\n", "a maintainer is no mapping of texts", "Quote its"),
        (PLAIN + "maintainers: [{url: []}]\n", "a maintainer is no mapping of texts", "Quote its"),
        (PLAIN + "deprecated: 'yes'\n", "deprecated is no truth value", "deprecated: true"),
        (PLAIN + "deprecated: 1.5\n", "deprecated is no truth value", "deprecated: true"),
        (PLAIN + "dependencies: [{name: a, enabled: 1}]\n", "of another kind", "`enabled` true"),
        (PLAIN + "dependencies: [{name: a, tags: x}]\n", "of another kind", "`enabled` true"),
        (PLAIN + "dependencies: [{name: a, tags: [1]}]\n", "of another kind", "`enabled` true"),
        (PLAIN + "dependencies: [{name: a, condition: 2}]\n", "of another kind", "`condition`"),
        (
            PLAIN + "dependencies: [{name: a, import-values: [{child: .inf}]}]\n",
            "a number that JSON has not",
            "Quote it",
        ),
        (PLAIN + "annotations: [a]\n", "annotations is no mapping of texts", "Quote its values."),
        (
            PLAIN + "annotations: {a: 1}\n",
            "annotations is no mapping of texts",
            "Quote its values.",
        ),
        (PLAIN + "dependencies: base\n", "dependencies is no list", "Write one `- name: …`"),
        (PLAIN + "dependencies: [null]\n", "a dependency is no mapping of texts", "Give it name"),
        (PLAIN + "dependencies: [base]\n", "a dependency is no mapping of texts", "Give it name"),
        (
            PLAIN + "dependencies: [{name: base, version: 1.0}]\n",
            "a dependency is no mapping of texts",
            "Give it name, version and repository.",
        ),
        (
            PLAIN + "dependencies: [{version: '1'}]\n",
            "a dependency is called None",
            "Mend its name",
        ),
        (
            PLAIN + "dependencies: [{name: base, alias: a b}]\n",
            "a dependency is called 'a b'",
            "Mend its name.",
        ),
        (
            PLAIN + "dependencies: [{name: base}, {name: base}]\n",
            "two dependencies are called base",
            "Give one of them an alias.",
        ),
        (
            PLAIN + "dependencies: [{name: base}, {name: other, alias: base}]\n",
            "two dependencies are called base",
            "Give one of them an alias.",
        ),
    ],
)
def test_refuses_what_helm_would_refuse(text: str, message: str, remedy: str) -> None:
    error = refusal(text)

    assert message in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ('"1.2"', "Write 1.2.0."),
        ("v1.2.3", "Write 1.2.3."),
        ("01.2.3", "Write 1.2.3."),
        ("1.2.3.4", "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ("latest", "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ("1.2.3-01", "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ("1.2.3/../x", "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ('"1.2.3\\n"', "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ("1.2.٣", "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
        ("1.2." + "3" * 300, "Write MAJOR.MINOR.PATCH, for example 1.2.0."),
    ],
)
def test_refuses_a_version_that_is_no_strict_semver(version: str, remedy: str) -> None:
    error = refusal(PLAIN.replace("1.4.0", version))

    assert "is not a SemVer 2.0.0 version" in error.message
    assert len(error.message) < 200
    assert error.remedy == remedy


@pytest.mark.parametrize("version", ["1.0.0-x.lock", "1.0.0+x.lock"])
def test_refuses_a_version_that_can_not_be_tagged(version: str) -> None:
    error = refusal(PLAIN.replace("1.4.0", version))

    assert error.message.endswith("the version ends with .lock, and Git takes no such tag")
    assert error.remedy == "Give the version another end."


@pytest.mark.parametrize("version", ["1.10", "2", "0x10", "1_0"])
def test_says_that_a_version_is_a_number_to_yaml(version: str) -> None:
    error = refusal(PLAIN.replace("1.4.0", version))

    assert "version is " in error.message
    assert "MAJOR.MINOR.PATCH" in error.remedy


@pytest.mark.parametrize("alias", ["db", "Db_2-x"])
def test_takes_an_alias_as_helm_does(alias: str) -> None:
    about = read(f"{PLAIN}dependencies: [{{name: base, alias: {alias}}}, {{name: base}}]\n")

    assert [each.alias for each in about.dependencies] == [alias, ""]


def test_leaves_out_of_helms_metadata_what_is_empty_or_unknown() -> None:
    about = read(f"{PLAIN}home: ''\nkeywords: []\nicon:\nunknown: x\ndeprecated: false\n")

    assert about.helm == {"name": "kano", "version": "1.4.0", "apiVersion": "v2"}
    assert list(about.helm) == ["name", "version", "apiVersion"]
