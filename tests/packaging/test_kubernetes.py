# SPDX-License-Identifier: Apache-2.0
"""The DaemonSet of the example is one that Kubernetes takes, and gives execaudit what it needs."""

import copy
import functools
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from execaudit.cli import main
from tests.packaging.build import CHECKOUT

EXAMPLE = CHECKOUT / "packaging/oci/daemonset.yaml"
SCHEMAS = Path(os.environ.get("EXECAUDIT_CACHE", "/var/cache/execaudit-dev")) / "kubernetes-1.37.0"


def objects() -> dict[str, Any]:
    """Return the example's objects by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(EXAMPLE.read_text())}


@functools.cache
def validator(kind: str) -> Any:
    name = {"DaemonSet": "daemonset-apps-v1"}.get(kind, f"{kind.lower()}-v1")
    registry: Registry[Any] = Registry(retrieve=_read)  # type: ignore[call-arg]
    return jsonschema.Draft4Validator(
        json.loads((SCHEMAS / f"{name}.json").read_text()), registry=registry
    )


def _read(name: str) -> Resource[Any]:
    return DRAFT4.create_resource(json.loads((SCHEMAS / Path(name).name).read_text()))


def mistakes(each: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(each["kind"]).iter_errors(each)]


@pytest.mark.parametrize("kind", ["Namespace", "ConfigMap", "DaemonSet"])
def test_object_fits_the_schema_of_kubernetes(kind: str) -> None:
    assert mistakes(objects()[kind]) == []


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("securityContext", {"runAsUser": "root"}),
        ("securityContext", {"capabilites": {}}),
        ("volumeMounts", [{"name": "log"}]),
        ("resources", {"limits": 3}),
    ],
)
def test_mistake_in_it_would_be_found(where: str, wrong: Any) -> None:
    daemon_set = copy.deepcopy(objects()["DaemonSet"])
    daemon_set["spec"]["template"]["spec"]["containers"][0][where] = wrong
    assert mistakes(daemon_set)


def test_pod_has_two_capabilities_the_hosts_pids_and_what_it_mounts() -> None:
    made = objects()
    template = made["DaemonSet"]["spec"]["template"]
    pod = template["spec"]
    (container,) = pod["containers"]
    security = container["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON"]}
    assert security["readOnlyRootFilesystem"] is True
    assert pod["hostPID"] is True
    selector = made["DaemonSet"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= template["metadata"]["labels"].items()
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    assert volumes["config"]["configMap"]["name"] == made["ConfigMap"]["metadata"]["name"]


def test_configuration_of_image_and_pod_is_one_that_execaudit_takes(tmp_path: Path) -> None:
    folder = tmp_path / "etc/execaudit/conf.d"
    folder.mkdir(parents=True)
    for name, text in objects()["ConfigMap"]["data"].items():
        (folder / name).write_text(text)
    (folder / "10-image.toml").write_bytes((EXAMPLE.parent / "execaudit.toml").read_bytes())
    assert main(["check", "--root", str(tmp_path)]) == 0
