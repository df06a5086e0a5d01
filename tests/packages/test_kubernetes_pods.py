"""The pods of deploy/kubernetes that stand alone, run as a kubelet would, before a simulator that is started in them."""
import unittest

from manifests import manifest
from pod_case import TARGET, PodCase


class Pods(PodCase):
    def start(self, objects, pod):
        running = pod.start("roktcached")
        running.start_simulator()
        self.pass_probes(objects, running)
        return running

    def test_the_sidecar_serves_its_pod_alone(self):
        objects = manifest("sidecar.yaml")
        running = self.start(objects, self.pod(objects, self.settings(objects)))
        ask = lambda: running.ask_loopback("http://127.0.0.1:8080" + TARGET)
        running.wait_until(lambda: " 200 " in ask().split("\n")[0], "the token is there")
        self.assertIn("Cache-Status: roktcached; hit", ask())
        self.assertEqual(self.curl(f"http://{running.address()}:8080{TARGET}", "-w", "%{http_code}"), "000")

    def test_the_shared_one_serves_by_tls_and_keeps_its_cache(self):
        chain, key = self.certificate("roktcached")
        objects = manifest("shared.yaml")
        pod = self.pod(objects, self.settings(objects, hashed=True), {"roktcached-tls": {"tls.crt": chain.read_text(), "tls.key": key.read_text()}})
        running = self.start(objects, pod)
        running.wait_until(lambda: " 200 " in self.ask(running, chain).split("\n")[0], "the token is there")
        self.assertIn("Cache-Status: roktcached; hit", self.ask(running, chain))
        self.assertIn("reloaded", running.execute("roktcached", "reload").stdout)

        self.stop(objects, running)
        running = self.start(objects, pod)
        self.assertIn("Cache-Status: roktcached; hit", self.ask(running, chain))


if __name__ == "__main__":
    unittest.main(verbosity=2)
