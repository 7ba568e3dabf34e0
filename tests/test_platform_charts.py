"""The platform's own charts, as the real Helm renders them: kano, and kargo through it."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as sdk
import pytest
import yaml

from kargo_release.helm import Helm, HelmReport, PackedChart

CHARTS = Path(__file__).parent.parent / "charts"
SUBDOMAIN = {"subdomain": "dev.example.org"}
# What a pod may mount under the restricted profile (Kubernetes, Pod Security Standards).
SAFE_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
    *("persistentVolumeClaim", "projected", "secret"),
}
SAFE_SYSCTLS = {"net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"}

Yaml = Any


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("charts")
    for name in ("kargo", "kano"):
        shutil.copytree(CHARTS / name, folder / name)
    sdk.dependency_update(folder / "kano")
    return {
        name: Path(sdk.package(folder / name, destination=folder)) for name in ("kargo", "kano")
    }


@pytest.fixture(scope="module")
def kano(archives: Mapping[str, Path]) -> Iterator[sdk.Chart]:
    with sdk.Chart.load(archives["kano"]) as chart:
        yield chart


def objects(chart: sdk.Chart, release: str = "kano", **values: Yaml) -> dict[str, Yaml]:
    """Render the chart and return its objects by kind; it has one of each.

    The values' ``global`` is given as ``global_``, for it is a word of Python.
    """
    named = {key.rstrip("_"): value for key, value in values.items()}
    rendered = chart.render(named, name=release, namespace="default")
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    found = [each for text in texts for each in yaml.safe_load_all(text) if each]
    by_kind = {each["kind"]: each for each in found}
    assert len(by_kind) == len(found)
    return by_kind


def pod_of(chart: sdk.Chart, release: str = "kano", **values: Yaml) -> Yaml:
    return objects(chart, release, **values)["Deployment"]["spec"]["template"]["spec"]


def container_of(chart: sdk.Chart, release: str = "kano", **values: Yaml) -> Yaml:
    (container,) = pod_of(chart, release, **values)["containers"]
    return container


def environment(chart: sdk.Chart, release: str = "kano", **values: Yaml) -> dict[str, Yaml]:
    """Return the container's variables: a plain one's text, or where it is taken from."""
    variables = container_of(chart, release, **values)["env"]
    names = [each["name"] for each in variables]
    assert len(set(names)) == len(names)
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in variables}


def violations(pod: Yaml) -> list[str]:
    """Return what of a pod breaks the restricted Pod Security Standard, field by field."""
    security = pod.get("securityContext", {})
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name)]
    found += [f"sysctl {each['name']}" for each in security.get("sysctls", ())
              if each["name"] not in SAFE_SYSCTLS]  # fmt: skip
    for volume in pod.get("volumes", ()):
        found += [f"volume of {kind}" for kind in set(volume) - {"name"} - SAFE_VOLUMES]
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        found += _violations_of(container, security)
    return found


def _violations_of(container: Yaml, pod_security: Yaml) -> list[str]:
    own = container.get("securityContext", {})
    effective = pod_security | own
    capabilities = own.get("capabilities", {})
    wrong = {
        "privileged": own.get("privileged", False),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "capabilities.drop": "ALL" not in capabilities.get("drop", ()),
        "capabilities.add": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
        "procMount": own.get("procMount", "Default") != "Default",
        "hostProcess": effective.get("windowsOptions", {}).get("hostProcess", False),
        "seLinuxOptions": set(effective.get("seLinuxOptions", {})) & {"user", "role"},
        "runAsNonRoot": effective.get("runAsNonRoot") is not True,
        "runAsUser": effective.get("runAsUser") == 0,
        "seccompProfile": effective.get("seccompProfile", {}).get("type")
        not in ("RuntimeDefault", "Localhost"),
        "hostPort": any(port.get("hostPort") for port in container.get("ports", ())),
    }
    return [field for field, is_wrong in wrong.items() if is_wrong]


@pytest.mark.parametrize("name", ["kargo", "kano"])
def test_passes_the_strict_lint(name: str, archives: Mapping[str, Path]) -> None:
    with Helm("sdk") as helm:
        (report,) = helm.check([PackedChart(name, archives[name].read_bytes(), name == "kargo")])
    assert isinstance(report, HelmReport), report
    assert report.ok, report


def test_runs_under_the_restricted_profile_by_default(kano: sdk.Chart) -> None:
    pod = pod_of(kano)
    assert violations(pod) == []
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] == 1000
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_runs_init_containers_under_the_same_profile(kano: sdk.Chart) -> None:
    pod = pod_of(kano, initContainers=[{"name": "fetch", "image": "kalisio/toolbox:1.0.0"}])
    assert [each["name"] for each in pod["initContainers"]] == ["fetch"]
    assert violations(pod) == []


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ({"podSecurityContext": {"runAsNonRoot": False}}, "runAsNonRoot"),
        ({"podSecurityContext": {"runAsUser": 0}}, "runAsUser"),
        ({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile"),
        ({"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation"),
        ({"securityContext": {"capabilities": {"drop": []}}}, "capabilities.drop"),
        ({"securityContext": {"capabilities": {"add": ["NET_RAW"]}}}, "capabilities.add"),
        ({"securityContext": {"privileged": True}}, "privileged"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "volume of hostPath"),
    ],
)
def test_takes_each_field_of_security_from_the_values(
    values: dict[str, Yaml], broken: str, kano: sdk.Chart
) -> None:
    assert violations(pod_of(kano, **values)) == [broken]


def test_keeps_the_restricted_profile_for_a_chart_that_says_nothing_of_it(
    tmp_path: Path, archives: Mapping[str, Path]
) -> None:
    chart = tmp_path / "bare"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts").mkdir()
    shutil.copy(archives["kargo"], chart / "charts")
    (chart / "Chart.yaml").write_text(
        "{apiVersion: v2, name: bare, version: 1.0.0, appVersion: 3.0.0,"
        " dependencies: [{name: kargo, version: ^1.2.0}]}"
    )
    (chart / "values.yaml").write_text("{image: {repository: a/b}, containerPort: 3000}")
    (chart / "templates/d.yaml").write_text('{{ include "kargo.deployment" . }}')
    (chart / "templates/s.yaml").write_text('{{ include "kargo.service" . }}')
    with sdk.Chart.load(chart) as loaded:
        found = objects(loaded, "bare")
        pod = found["Deployment"]["spec"]["template"]["spec"]
        assert violations(pod) == []
        assert "volumes" not in pod
        (container,) = pod["containers"]
        assert (container["image"], "env" in container) == ("a/b:3.0.0", False)
        assert container["livenessProbe"]["httpGet"] == {"path": "/", "port": "http"}
        assert found["Service"]["spec"]["ports"][0]["port"] == 3000
        with pytest.raises(sdk.HelmRenderError, match="variable A has the unknown key secre"):
            objects(loaded, "bare", env={"a": {"secre": "x"}})
        with pytest.raises(sdk.HelmRenderError, match="variable A is a list"):
            objects(loaded, "bare", env={"a": [1]})
        with pytest.raises(sdk.HelmRenderError, match=r"image\.repository is needed"):
            objects(loaded, "bare", image={"repository": ""})
        with pytest.raises(sdk.HelmRenderError, match="containerPort is needed"):
            objects(loaded, "bare", containerPort=None)


def test_names_and_labels_its_objects(kano: sdk.Chart) -> None:
    found = objects(kano, "blue", ingress={"enabled": True}, global_=SUBDOMAIN)
    assert set(found) == {"Deployment", "Service", "ServiceAccount", "Ingress"}
    for each in found.values():
        assert each["metadata"]["name"] == "blue-kano"
        assert "namespace" not in each["metadata"]
        assert each["metadata"]["labels"] == {
            "helm.sh/chart": "kano-1.4.0",
            "app.kubernetes.io/name": "kano",
            "app.kubernetes.io/instance": "blue",
            "app.kubernetes.io/version": "2.6.0-prod",
            "app.kubernetes.io/managed-by": "Helm",
        }


def test_finds_its_pods_by_labels_that_never_change(kano: sdk.Chart) -> None:
    found = objects(kano, "blue", podLabels={"tier": "web"})
    deployment = found["Deployment"]["spec"]
    selector = {"app.kubernetes.io/name": "kano", "app.kubernetes.io/instance": "blue"}
    assert deployment["selector"]["matchLabels"] == found["Service"]["spec"]["selector"] == selector
    labels = deployment["template"]["metadata"]["labels"]
    assert labels.items() >= (selector | {"tier": "web"}).items()


def test_names_no_object_twice_when_the_release_bears_the_chart_s_name(kano: sdk.Chart) -> None:
    assert objects(kano, "my-kano")["Service"]["metadata"]["name"] == "my-kano"
    assert objects(kano, fullnameOverride="maps")["Service"]["metadata"]["name"] == "maps"
    long = objects(kano, "r" * 53, nameOverride="n" * 20)["Service"]["metadata"]["name"]
    assert len(long) == 63


def test_takes_the_tag_from_the_app_version_unless_the_values_name_one(kano: sdk.Chart) -> None:
    digest = f"sha256:{'0' * 64}"
    assert container_of(kano)["image"] == "kalisio/kano:2.6.0-prod"
    assert container_of(kano, image={"tag": "2.7.0-dev"})["image"] == "kalisio/kano:2.7.0-dev"
    pinned = container_of(kano, image={"digest": digest, "repository": "mirror:5000/kano"})
    assert pinned["image"] == f"mirror:5000/kano:2.6.0-prod@{digest}"
    assert pinned["imagePullPolicy"] == "IfNotPresent"


def test_gives_kano_the_environment_it_needs(kano: sdk.Chart) -> None:
    assert environment(kano, global_=SUBDOMAIN) == {
        "APP_SECRET": {"secretKeyRef": {"name": "kano", "key": "app-secret"}},
        "DB_URL": {"secretKeyRef": {"name": "kano", "key": "db-url"}},
        "SUBDOMAIN": "dev.example.org",
        "COTE_DISCOVERY_REDIS_URL": "redis://redis:6379",
        "DISCOVERY_HOSTNAME": {"fieldRef": {"fieldPath": "status.podIP"}},
        "BASE_PORT": "10010",
        "HIGHEST_PORT": "10019",
        "COTE_DELAY": "20000",
        "LAYERS_FILTER": "*",
    }


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("debug", "DEBUG"),
        ("dataDbUrl", "DATA_DB_URL"),
        ("s3SecretAccessKey", "S3_SECRET_ACCESS_KEY"),
        ("k2Url", "K2_URL"),
        ("slackWebhookURL", "SLACK_WEBHOOK_URL"),
        ("baseURLPath", "BASE_URL_PATH"),
    ],
)
def test_turns_camel_case_into_upper_snake(key: str, name: str, kano: sdk.Chart) -> None:
    assert environment(kano, env={key: "x"})[name] == "x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text: with \"quotes\" and {{ braces }}", "text: with \"quotes\" and {{ braces }}"),
        (2592000, "2592000"),
        (86400000, "86400000"),
        (0.75, "0.75"),
        (0, "0"),
        (False, "false"),
        ("", ""),
    ],
)  # fmt: skip
def test_writes_plain_values_as_they_are_meant(value: Yaml, text: str, kano: sdk.Chart) -> None:
    assert environment(kano, env={"plain": value})["PLAIN"] == text


def test_leaves_out_what_is_null(kano: sdk.Chart) -> None:
    variables = environment(kano, env={"appSecret": None, "new": None}, rawEnv={"RAW": None})
    assert variables.keys().isdisjoint({"APP_SECRET", "NEW", "RAW", "DATA_DB_URL", "SUBDOMAIN"})
    assert "null" not in yaml.safe_dump(variables)


def test_takes_secrets_from_the_secret_nearest_to_the_variable(kano: sdk.Chart) -> None:
    env = {"dataDbUrl": {"secret": "mongo"}, "apiGatewayJwt": {"key": "TOKEN"}}
    variables = environment(kano, "blue", env=env)
    assert variables["DATA_DB_URL"] == {"secretKeyRef": {"name": "mongo", "key": "data-db-url"}}
    assert variables["API_GATEWAY_JWT"] == {"secretKeyRef": {"name": "blue", "key": "TOKEN"}}
    shared = environment(kano, "blue", env=env, global_={"secret": "platform"})
    assert shared["DATA_DB_URL"]["secretKeyRef"]["name"] == "mongo"
    assert shared["API_GATEWAY_JWT"]["secretKeyRef"]["name"] == "platform"


def test_keeps_raw_names_and_lets_them_win(kano: sdk.Chart) -> None:
    raw = {"some_name": 1, "dbUrl": "x", "DB_URL": {"secret": "mongo"}}
    variables = environment(kano, rawEnv=raw)
    assert (variables["some_name"], variables["dbUrl"]) == ("1", "x")
    assert variables["DB_URL"] == {"secretKeyRef": {"name": "mongo", "key": "db-url"}}


def test_has_no_ingress_unless_asked(kano: sdk.Chart) -> None:
    assert "Ingress" not in objects(kano)
    with pytest.raises(sdk.HelmRenderError, match=r"global\.subdomain is needed for the ingress"):
        objects(kano, ingress={"enabled": True})


def test_answers_under_the_subdomain_with_a_certificate_for_each_host(kano: sdk.Chart) -> None:
    ingress = objects(kano, ingress={"enabled": True}, global_=SUBDOMAIN | {"certIssuer": "acme"})[
        "Ingress"
    ]
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "acme"}
    spec = ingress["spec"]
    assert spec["ingressClassName"] == "nginx"
    (rule,) = spec["rules"]
    assert rule["host"] == "kano.dev.example.org"
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": "kano", "port": {"name": "http"}}
    assert spec["tls"] == [
        {"hosts": ["kano.dev.example.org"], "secretName": "kano.dev.example.org-tls"}
    ]


def test_replaces_the_first_part_of_its_host_and_adds_others(kano: sdk.Chart) -> None:
    wanted = {
        "enabled": True,
        "hostOverride": "maps",
        "extraHosts": ["www.example.com", "maps.dev.example.org"],
        "annotations": {"a": "b"},
    }
    ingress = objects(kano, ingress=wanted, global_=SUBDOMAIN)["Ingress"]
    hosts = ["maps.dev.example.org", "www.example.com"]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == hosts
    assert [each["secretName"] for each in ingress["spec"]["tls"]] == [
        f"{host}-tls" for host in hosts
    ]
    assert ingress["metadata"]["annotations"] == {"a": "b"}


def test_is_watched_by_two_probes(kano: sdk.Chart) -> None:
    container = container_of(kano)
    assert container["readinessProbe"] == {
        "tcpSocket": {"port": "http"},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    }
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/healthcheck", "port": "http"},
        "initialDelaySeconds": 60,
        "periodSeconds": 60,
        "timeoutSeconds": 10,
    }
    assert container["ports"] == [{"name": "http", "containerPort": 8081}]
    changed = container_of(
        kano, livenessProbe={"enabled": False}, readinessProbe={"periodSeconds": 3}
    )
    assert "livenessProbe" not in changed
    assert changed["readinessProbe"]["periodSeconds"] == 3


def test_asks_for_resources_and_limits_them(kano: sdk.Chart) -> None:
    resources = container_of(kano)["resources"]
    assert {kind: set(amounts) for kind, amounts in resources.items()} == {
        "requests": {"cpu", "memory"},
        "limits": {"cpu", "memory"},
    }


def test_runs_under_an_account_without_a_token(kano: sdk.Chart) -> None:
    assert objects(kano)["ServiceAccount"]["automountServiceAccountToken"] is False
    without = objects(kano, serviceAccount={"create": False})
    assert "ServiceAccount" not in without
    assert without["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == "default"
    assert pod_of(kano, serviceAccount={"name": "maps"})["serviceAccountName"] == "maps"


def test_mounts_data_where_asked_and_keeps_it_when_the_release_is_removed(kano: sdk.Chart) -> None:
    assert "PersistentVolumeClaim" not in objects(kano)
    found = objects(kano, data={"enabled": True, "size": "5Gi", "storageClass": "fast"})
    claim = found["PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "5Gi"}},
    }
    pod = found["Deployment"]["spec"]["template"]["spec"]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    mount = {"name": "data", "mountPath": "/mnt/data", "readOnly": False}
    assert volume in pod["volumes"]
    assert mount in pod["containers"][0]["volumeMounts"]
    assert violations(pod) == []


def test_mounts_a_claim_that_exists_and_makes_none(kano: sdk.Chart) -> None:
    found = objects(kano, data={"enabled": True, "existingClaim": "mine"})
    assert "PersistentVolumeClaim" not in found
    volumes = found["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}} in volumes


def test_keeps_writable_only_what_kano_writes(kano: sdk.Chart) -> None:
    pod = pod_of(kano)
    (container,) = pod["containers"]
    assert {each["mountPath"] for each in container["volumeMounts"]} == {
        "/tmp",
        "/opt/kalisio/kano/api/logs",
    }
    assert {each["name"] for each in container["volumeMounts"]} == {
        each["name"] for each in pod["volumes"]
    }


def test_places_pods_as_the_values_say(kano: sdk.Chart) -> None:
    placed: dict[str, Yaml] = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "maps", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "imagePullSecrets": [{"name": "registry"}],
    }
    found = objects(kano, replicas=0, strategy={"type": "Recreate"}, **placed)
    spec = found["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (0, {"type": "Recreate"})
    assert spec["template"]["spec"].items() >= placed.items()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"image": {"tag": 1.1}}, "at '/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:12"}}, "at '/image/digest': 'sha256:12' does not match"),
        ({"containerPort": 80}, "at '/containerPort': minimum: got 80, want 1,024"),
        ({"env": {"DB_URL": "x"}}, "invalid propertyName 'DB_URL'"),
        ({"env": {"list": [1]}}, "at '/env/list': got array"),
        ({"env": {"dbUrl": {"sekret": "x"}}}, "additional properties 'sekret' not allowed"),
        ({"env": {"ip": {"field": "a", "key": "b"}}}, "at '/env/ip': maxProperties"),
        ({"rawEnv": {"A-B": "x"}}, "invalid propertyName 'A-B'"),
        ({"global": {"subdomain": "https://x"}}, "at '/global/subdomain': 'https://x' does not"),
        ({"ingress": {"extraHosts": ["a b"]}}, "at '/ingress/extraHosts/0': 'a b' does not match"),
        ({"podLabels": {"a": 1}}, "at '/podLabels/a': got number, want string"),
        ({"data": {"size": "a lot"}}, "at '/data/size': 'a lot' does not match"),
        ({"kargo": {"replicas": 1}}, "at '/kargo': additional properties 'replicas'"),
    ],
)
def test_refuses_values_that_cannot_be_meant(
    values: dict[str, Yaml], told: str, kano: sdk.Chart
) -> None:
    with pytest.raises(sdk.HelmValuesError) as caught:
        objects(kano, **values)
    assert told in str(caught.value)


def test_describes_every_value_that_the_schema_knows() -> None:
    values = yaml.safe_load((CHARTS / "kano" / "values.yaml").read_text())
    schema = yaml.safe_load((CHARTS / "kano" / "values.schema.json").read_text())
    assert set(schema["properties"]) - {"kargo"} == set(values)


def test_tells_after_an_installation_where_kano_is(kano: sdk.Chart) -> None:
    with_host = kano.render(
        {"ingress": {"enabled": True}, "global": SUBDOMAIN}, name="kano", namespace="maps"
    )["kano/templates/NOTES.txt"]
    assert "https://kano.dev.example.org" in with_host
    without = kano.render({}, name="kano", namespace="maps")["kano/templates/NOTES.txt"]
    assert "kubectl --namespace maps port-forward service/kano 8081:8081" in without
    assert "global.subdomain is empty" in without
