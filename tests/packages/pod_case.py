"""A test case whose pods are those of a manifest, asked from outside as a kubelet and clients do."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import podman
from kubelet import Pod
from manifests import container_of, pod_of

TARGET = "/reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York"
SECRET = "a-secret-of-a-client"
UPSTREAM = '[upstream]\nurl = "http://localhost:9090"\n'  # the simulator, on the pod's own loopback


class PodCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why := podman.why_not():
            raise unittest.SkipTest(why)

    def folder(self):
        made = tempfile.mkdtemp(prefix="roktcached-kubernetes-")
        self.addCleanup(shutil.rmtree, made)
        return pathlib.Path(made)

    def certificate(self, name):
        """A certificate for a name that is its own authority: the paths of it and of its key."""
        folder = self.folder()
        chain, key = folder / "chain.pem", folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=roktcached",
                        "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", chain], check=True, capture_output=True)
        return chain, key

    def settings(self, objects, hashed=False):
        """The ConfigMap with the simulator for Rokt, and with the hash of SECRET where it has a client."""
        text = UPSTREAM + objects["ConfigMap"]["data"]["roktcached.toml"]
        if hashed:
            said = podman.run("--rm", "--interactive", "--network", "none", podman.IMAGE, "hash-secret", given=SECRET + "\n").stdout
            text = text.replace("$scrypt$ln=14,r=8,p=1$...", re.search(r"\$scrypt\$[^\s\"]+", said)[0])
        return {objects["ConfigMap"]["metadata"]["name"]: {"roktcached.toml": text}}

    def pod(self, objects, configurations, secrets=None, name="roktcached"):
        """A pod of the manifest's, not yet running, with Secrets beside that of the credential."""
        credential = {"app_id": "demo-app\n", "app_secret": "demo-secret\n", "admin_token": "a-token-of-an-operator\n"}
        pod = Pod(name, pod_of(objects), configurations, {"roktcached": credential, **(secrets or {})})
        self.addCleanup(shutil.rmtree, pod.folder)
        self.addCleanup(podman.podman, "rm", "--force", "--time", "0", name, check=False)
        return pod

    def pass_probes(self, objects, running):
        container = container_of(objects)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                running.wait_until(lambda probe=probe: self.probe(container, running, probe) in range(200, 400), probe)

    def probe(self, container, running, name):
        """The status that a kubelet gets, which asks the pod's address from outside."""
        get = container[name]["httpGet"]
        port = next(port["containerPort"] for port in container["ports"] if port["name"] == get["port"])
        return int(self.curl(f"http://{running.address()}:{port}{get['path']}", "-o", "/dev/null", "-w", "%{http_code}") or 0)

    def curl(self, *arguments):
        return subprocess.run(["curl", "-s", "--max-time", "20", *arguments], capture_output=True, text=True, timeout=60, check=False).stdout

    def ask(self, running, chain, *options, target=TARGET, client=("-H", f"X-API-Key: reports:{SECRET}")):
        """Head and body of what a pod answers by TLS to a client that knows the Service's name."""
        return self.curl("-i", "--cacert", chain, "--connect-to", f"roktcached:443:{running.address()}:8443", *client, *options, "https://roktcached" + target)

    def stop(self, objects, running):
        """As a kubelet does, which removes what has ended."""
        podman.podman("stop", "--time", pod_of(objects)["terminationGracePeriodSeconds"], running.name)
        self.assertEqual(running.inspected(".State.ExitCode"), "0")
        podman.podman("rm", running.name)
