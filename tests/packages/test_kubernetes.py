"""The manifests of deploy/kubernetes: typed as Kubernetes' own description of its API has them, restricted, and consistent."""
import json
import subprocess
import tempfile
import tomllib
import unittest

import yaml
from manifests import FOLDER, container_of, manifest, pod_of, workload_of
from podman import TOP

TYPES = TOP / "build" / "tools" / "kubernetes-types"  # of npm, made by run.sh from Kubernetes' OpenAPI description


def mistakes_of_types(objects):
    """What TypeScript's compiler says of the objects as values of their types."""
    lines = []
    for number, one in enumerate(objects):
        group, _, version = one["apiVersion"].rpartition("/")
        module = f"{group.split('.')[0] or 'core'}/{version}"
        lines.append(f"import type {{ {one['kind']} as Kind{number} }} from 'kubernetes-types/{module}';")
        lines.append(f"export const object{number}: Kind{number} = {json.dumps(one)};")
    with tempfile.NamedTemporaryFile("w", suffix=".ts", dir=TYPES) as source:
        source.write("\n".join(lines))
        source.flush()
        done = subprocess.run([TYPES / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", source.name],
                              capture_output=True, text=True, timeout=120, check=False)
    return done.stdout


class Manifests(unittest.TestCase):
    def test_they_are_of_their_types(self):
        for name in ("shared.yaml", "sidecar.yaml", "fleet.yaml"):
            self.assertEqual(mistakes_of_types(yaml.safe_load_all((FOLDER / name).read_text())), "", name)

    def test_a_wrong_name_and_a_wrong_type_are_seen(self):
        deployment = manifest("shared.yaml")["Deployment"]
        deployment["spec"]["replicas"] = "1"
        self.assertIn("not assignable", mistakes_of_types([deployment]))
        container_of({"Deployment": deployment})["securityContext"]["readOnlyRoot"] = True
        self.assertIn("readOnlyRoot", mistakes_of_types([deployment]))

    def test_the_container_is_restricted(self):
        """As the Pod Security Standards' level "restricted" wants it, and more."""
        for name in ("shared.yaml", "sidecar.yaml", "fleet.yaml"):
            with self.subTest(name):
                objects = manifest(name)
                pod, container = pod_of(objects), container_of(objects)
                context = {**pod["securityContext"], **container["securityContext"]}
                self.assertTrue(context["runAsNonRoot"] and context["runAsUser"] and context["readOnlyRootFilesystem"])
                self.assertEqual((context["allowPrivilegeEscalation"], context["capabilities"], context["seccompProfile"]),
                                 (False, {"drop": ["ALL"]}, {"type": "RuntimeDefault"}))
                self.assertFalse(pod["automountServiceAccountToken"])
                self.assertIn("memory", container["resources"]["limits"])
                modes = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
                self.assertEqual(set(modes), {0o400})

    def test_ports_are_the_same_everywhere(self):
        for name in ("shared.yaml", "fleet.yaml"):
            with self.subTest(name):
                shared = manifest(name)
                ports = {port["name"] for port in container_of(shared)["ports"]}
                self.assertLessEqual({port["targetPort"] for port in shared["Service"]["spec"]["ports"]}, ports)
                allowed = {port["port"] for rule in shared["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]}
                self.assertEqual(allowed, ports)
                workload = workload_of(shared)["spec"]
                labels = workload["template"]["metadata"]["labels"]
                for selector in (workload["selector"]["matchLabels"], shared["Service"]["spec"]["selector"],
                                 shared["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]):
                    self.assertEqual(selector, labels)

    def test_a_fleet_knows_its_number_its_names_and_its_engine(self):
        fleet = manifest("fleet.yaml")
        settings = tomllib.loads(fleet["ConfigMap"]["data"]["roktcached.toml"])
        workload, container = fleet["StatefulSet"]["spec"], container_of(fleet)
        self.assertEqual(settings["fleet"]["expected_instances"], workload["replicas"])
        self.assertEqual(workload["serviceName"], fleet["Service"]["metadata"]["name"])
        self.assertEqual(container["env"], [{"name": "ROKTCACHED_FLEET_INSTANCE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])
        port = int(settings["fleet"]["url"].rpartition(":")[2])
        self.assertIn(port, [one["port"] for rule in fleet["NetworkPolicy"]["spec"]["egress"] for one in rule["ports"]])
        volumes = {one["name"] for one in pod_of(fleet)["volumes"]} | {one["metadata"]["name"] for one in workload["volumeClaimTemplates"]}
        self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)


if __name__ == "__main__":
    unittest.main(verbosity=2)
