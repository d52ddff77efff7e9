"""The files for Kubernetes: valid, with the settings that the portal knows, and as closed as the guide says."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deployment.settings_files import (
    DEPLOY,
    NEEDED,
    assert_command,
    documents,
    known_variables,
    variables_of,
)

FOLDER = DEPLOY / "kubernetes"
# The cluster's webhook for workload identity sets it.
BY_THE_CLUSTER = {"AZURE_CLIENT_ID"}


def kustomized() -> list[dict[str, Any]]:
    """What `kubectl kustomize` prints, but for the order, labels and the hash in the name of the settings."""
    (plan,) = documents(FOLDER / "kustomization.yaml")
    assert set(plan) == {
        "apiVersion", "kind", "namespace", "labels", "resources", "images", "configMapGenerator",
    }  # fmt: skip
    found = [document for name in plan["resources"] for document in documents(FOLDER / name)]
    for generated in plan["configMapGenerator"]:
        data = {
            key: value for name in generated["envs"] for key, value in variables_of(FOLDER / name).items()
        }
        found.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data}
        )
    images = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in plan["images"]}
    for document in found:
        if document["kind"] != "Namespace":
            document["metadata"]["namespace"] = plan["namespace"]
        for container in containers_of(document):
            container["image"] = images[container["image"]]
    return found


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document.get("spec", {}).get("template", {}).get("spec", {}))


def containers_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    pod = pod_of(document)
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


@pytest.fixture(scope="module")
def cluster() -> dict[tuple[str, str], dict[str, Any]]:
    return {(document["kind"], document["metadata"]["name"]): document for document in kustomized()}


def test_every_object_is_valid(cluster):
    import kubernetes_validate  # takes seconds, and each process of a run imports this module

    for document in cluster.values():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)

    kinds = sorted(kind for kind, _ in cluster)
    assert kinds == [
        "ConfigMap", "Deployment", "Deployment", "Job", "Namespace", "NetworkPolicy", "NetworkPolicy", "NetworkPolicy",
        "NetworkPolicy",
        "PodDisruptionBudget", "PodDisruptionBudget", "Service", "ServiceAccount", "ServiceAccount",
    ]  # fmt: skip


def test_kubectl_renders_the_same_where_it_is_found(cluster):
    if not shutil.which("kubectl"):
        return  # the test above checks our own rendering
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=True)

    rendered = list(yaml.safe_load_all(done.stdout))

    def named(kind: str, name: str) -> tuple[str, str]:
        return kind, name.rpartition("-")[0] if kind == "ConfigMap" else name

    found = {named(document["kind"], document["metadata"]["name"]): document for document in rendered}
    assert set(found) == set(cluster)
    for key, document in cluster.items():
        theirs, ours = containers_of(found[key]), containers_of(document)
        assert [container["image"] for container in theirs] == [container["image"] for container in ours]


def test_the_settings_are_known_and_complete(cluster):
    given = set(cluster["ConfigMap", "settings"]["data"])

    assert given <= known_variables()
    assert given >= NEEDED - BY_THE_CLUSTER
    assert not given & BY_THE_CLUSTER


PODS = {
    ("Deployment", "web"): ["site"],
    ("Deployment", "worker"): ["worker"],
    ("Job", "migrate"): ["migrate", "database_role"],
}
RIGHTS = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.mark.parametrize("key", PODS)
def test_each_pod_runs_its_commands_with_no_rights(cluster, key):
    pod, containers = pod_of(cluster[key]), containers_of(cluster[key])

    assert [container["args"][0] for container in containers] == PODS[key]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    # The only folder that it writes into is the one that gunicorn needs, and it is no disk.
    assert next(v for v in pod["volumes"] if v["name"] == "temporary")["emptyDir"]["medium"] == "Memory"
    for container in containers:
        assert_command(container["args"])
        assert container["securityContext"] == RIGHTS
        mounts = container["volumeMounts"]
        assert [mount["mountPath"] for mount in mounts if not mount.get("readOnly")] == ["/tmp"]
    labels = cluster[key]["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"


def test_there_are_two_of_each_and_one_always_stays(cluster):
    for name in ("web", "worker"):
        deployment, budget = cluster["Deployment", name], cluster["PodDisruptionBudget", name]
        labels = deployment["spec"]["template"]["metadata"]["labels"]

        assert deployment["spec"]["replicas"] == 2
        assert budget["spec"]["minAvailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert pod_of(deployment)["terminationGracePeriodSeconds"] >= 35


def test_probes_ask_the_health_addresses(cluster):
    (container,) = pod_of(cluster["Deployment", "web"])["containers"]

    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert (container["livenessProbe"]["timeoutSeconds"], container["livenessProbe"]["failureThreshold"]) == (
        10,
        3,
    )
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_only_monitoring_reaches_the_metrics(cluster):
    address = cluster["ConfigMap", "settings"]["data"]["METRICS_ADDRESS"]
    port = int(address.rpartition(":")[2])
    (rule,) = cluster["NetworkPolicy", "metrics-from-monitoring"]["spec"]["ingress"]
    others = [cluster["Service", "web"], cluster["NetworkPolicy", "web-from-ingress"]]

    for name in ("web", "worker"):
        (container,) = containers_of(cluster["Deployment", name])
        assert {"name": "metrics", "containerPort": port} in container["ports"]
        labels = cluster["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        (chosen,) = cluster["NetworkPolicy", "metrics-from-monitoring"]["spec"]["podSelector"][
            "matchExpressions"
        ]
        assert labels[chosen["key"]] in chosen["values"]
    assert rule["ports"] == [{"port": port, "protocol": "TCP"}]
    assert [list(place) for place in rule["from"]] == [["namespaceSelector"]]
    assert str(port) not in str(others) and "metrics" not in str(others)


def test_only_names_the_database_and_public_https_can_be_reached(cluster):
    denied = cluster["NetworkPolicy", "deny-all"]["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    rules = cluster["NetworkPolicy", "egress"]["spec"]["egress"]
    ports = [sorted({port["port"] for port in rule["ports"]}) for rule in rules]
    assert ports == [[53], [443], [5432]]
    public = rules[1]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(public["except"])


def test_the_owner_of_the_tables_only_migrates(cluster):
    accounts = [pod_of(cluster[key])["serviceAccountName"] for key in PODS]
    identities = {
        cluster["ServiceAccount", name]["metadata"]["annotations"]["azure.workload.identity/client-id"]
        for name in accounts
    }
    portals = cluster["ConfigMap", "settings"]["data"]["DATABASE_URL"]
    migrate, rights = containers_of(cluster["Job", "migrate"])

    assert accounts == ["portal", "portal", "migrate"] and len(identities) == 2
    assert migrate["env"] == rights["env"]
    (own,) = migrate["env"]
    assert own["name"] == "DATABASE_URL" and own["value"] != portals
    assert rights["args"][2] == urlsplit(portals).username
