"""The pods of deploy/kubernetes, run as a kubelet would, before a simulator that is started in them."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import podman
from kubelet import Pod
from manifests import container_of, manifest, pod_of

REPORT = "/reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York"
SECRET = "a-secret-of-a-client"


class Pods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why := podman.why_not():
            raise unittest.SkipTest(why)

    def start(self, name, change=lambda text: text, secrets=None):
        objects = manifest(name)
        settings = objects["ConfigMap"]
        text = change('[upstream]\nurl = "http://localhost:9090"\n' + settings["data"]["roktcached.toml"])
        credential = {"app_id": "demo-app\n", "app_secret": "demo-secret\n", "admin_token": "a-token-of-an-operator\n"}
        self.pod = Pod(pod_of(objects), {settings["metadata"]["name"]: {"roktcached.toml": text}}, {"roktcached": credential, **(secrets or {})})
        self.addCleanup(shutil.rmtree, self.pod.folder)
        self.addCleanup(podman.podman, "rm", "--force", "--time", "0", "roktcached", check=False)
        self.run_container(objects)
        return objects

    def run_container(self, objects):
        self.running = self.pod.start("roktcached")
        self.running.start_simulator()
        container = container_of(objects)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                self.running.wait_until(lambda probe=probe: self.probe(container, probe) in range(200, 400), probe)

    def probe(self, container, name):
        """The status that a kubelet gets, which asks the pod's address from outside."""
        get = container[name]["httpGet"]
        port = next(port["containerPort"] for port in container["ports"] if port["name"] == get["port"])
        return int(self.curl(f"http://{self.running.address()}:{port}{get['path']}", "-o", "/dev/null", "-w", "%{http_code}") or 0)

    def curl(self, *arguments):
        return subprocess.run(["curl", "-s", "--max-time", "20", *arguments], capture_output=True, text=True, timeout=60, check=False).stdout

    def test_the_sidecar_serves_its_pod_alone(self):
        self.start("sidecar.yaml")
        ask = lambda: self.running.ask_loopback("http://127.0.0.1:8080" + REPORT)
        self.running.wait_until(lambda: " 200 " in ask().split("\n")[0], "the token is there")
        self.assertIn("Cache-Status: roktcached; hit", ask())
        self.assertEqual(self.curl(f"http://{self.running.address()}:8080{REPORT}", "-w", "%{http_code}"), "000")

    def test_the_shared_one_serves_by_tls_and_keeps_its_cache(self):
        folder = tempfile.mkdtemp(prefix="roktcached-kubernetes-")
        self.addCleanup(shutil.rmtree, folder)
        chain, key = pathlib.Path(folder, "chain.pem"), pathlib.Path(folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=roktcached",
                        "-addext", "subjectAltName=DNS:roktcached", "-keyout", key, "-out", chain], check=True, capture_output=True)
        hashed = podman.run("--rm", "--interactive", "--network", "none", podman.IMAGE, "hash-secret", given=SECRET + "\n").stdout
        hashed = re.search(r"\$scrypt\$[^\s\"]+", hashed)[0]
        objects = self.start("shared.yaml", lambda text: text.replace("$scrypt$ln=14,r=8,p=1$...", hashed),
                             {"roktcached-tls": {"tls.crt": chain.read_text(), "tls.key": key.read_text()}})
        ask = lambda: self.curl("-i", "--cacert", chain, "--connect-to", f"roktcached:443:{self.running.address()}:8443", "-H", f"X-API-Key: reports:{SECRET}",
                                "https://roktcached" + REPORT)
        self.running.wait_until(lambda: " 200 " in ask().split("\n")[0], "the token is there")
        self.assertIn("Cache-Status: roktcached; hit", ask())
        self.assertIn("reloaded", self.running.execute("roktcached", "reload").stdout)

        podman.podman("stop", "--time", pod_of(objects)["terminationGracePeriodSeconds"], "roktcached")
        self.assertEqual(self.running.inspected(".State.ExitCode"), "0")
        podman.podman("rm", "roktcached")
        self.run_container(objects)
        self.assertIn("Cache-Status: roktcached; hit", ask())


if __name__ == "__main__":
    unittest.main(verbosity=2)
