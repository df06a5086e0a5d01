"""The pods of deploy/kubernetes/fleet.yaml, run as a kubelet would, with Redis as deploy/doc/fleet.md sets it up, and one simulator for all."""
import json
import os
import shutil
import subprocess
import unittest
import urllib.request

import podman
from manifests import manifest, workload_of
from networks import Engine, Relay, Simulator
from pod_case import SECRET, TARGET, PodCase

OTHER = TARGET.replace("/campaigns/3", "/campaigns/4").replace("accounts/12", "accounts/40")


def random(*options):
    """As the page makes keys and passwords."""
    return subprocess.run(["openssl", "rand", *options, "32"], capture_output=True, check=True).stdout


@unittest.skipUnless(shutil.which("redis-server"), "needs redis-server")
class FleetPods(PodCase):
    def setUp(self):
        self.simulator = Simulator()
        self.addCleanup(self.simulator.stop)
        self.objects = manifest("fleet.yaml")
        engine_certificate = self.certificate("redis.reports.svc")
        password = random("-hex")
        self.addCleanup(podman.podman, "rm", "--force", "--time", "0", Engine.NAME, check=False)
        self.engine = Engine(self.folder(), password.decode().strip(), engine_certificate)
        self.addCleanup(self.engine.stop)
        self.chain, key = self.certificate("roktcached")
        os.chmod(engine_certificate[0], 0o644)
        secrets = {"roktcached-tls": {"tls.crt": self.chain.read_text(), "tls.key": key.read_text()},
                   "roktcached-fleet": {"password": password, "entry_keys": random("-hex"), "ca.crt": engine_certificate[0].read_text()}}
        credential = {"app_id": "demo-app\n", "app_secret": "demo-secret\n", "admin_token": "a-token-of-an-operator\n", "token_key": random()}
        configurations = self.settings(self.objects, hashed=True)
        names = [f"roktcached-{number}" for number in range(workload_of(self.objects)["spec"]["replicas"])]
        self.pods = [self.pod(self.objects, configurations, {**secrets, "roktcached": credential}, name) for name in names]

    def start(self, pod):
        """With the engine's name in the place of a cluster's name service."""
        running = pod.start("roktcached", "--add-host", f"redis.reports.svc:{self.engine.address()}")
        relay = Relay(running, 9090, self.simulator.port)
        self.addCleanup(relay.stop)
        return running

    def see_each_other(self, running, number):
        for one in running:
            one.wait_until(lambda one=one: self.fleet(one) == ("together", number, number), f"{one.name} sees {number}")

    def fleet(self, running):
        done = running.execute("roktcached", "status", "--json", check=False)
        fleet = json.loads(done.stdout)["fleet"] if done.returncode == 0 else {}
        return tuple(fleet.get(name) for name in ("state", "members", "members_known"))

    def calls(self):
        """By target: how often the upstream was asked for a report."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.simulator.port}/_simulator/requests", timeout=20) as reply:
            return sum(json.load(reply)["by_target"].values())

    def reports(self, running, target=TARGET):
        """(Cache-Status, content) of each one's answer."""
        answers = [self.ask(one, self.chain, target=target) for one in running]
        for one, answer in zip(running, answers):
            self.assertIn(" 200 ", answer.split("\n")[0], f"{one.name}: {answer}")
        return [(next(line.split(": ", 1)[1].strip() for line in answer.split("\n") if line.startswith("Cache-Status: ")), answer.split("\n\n", 1)[1])
                for answer in answers]

    def test_they_are_one(self):
        running = [self.start(pod) for pod in self.pods]
        for one in running:
            self.pass_probes(self.objects, one)
        self.see_each_other(running, len(running))
        for one in running:
            one.wait_until(lambda one=one: one.execute("roktcached", "check", check=False).returncode == 0, "the engine is as it should be")
            one.wait_until(lambda one=one: " 200 " in self.ask(one, self.chain).split("\n")[0], "the token is there")
        self.one_call_is_for_all(running)
        self.a_local_token_is_good_at_each(running)
        self.a_purge_reaches_all(running)
        self.one_leaves_and_comes_back(running)

    def one_call_is_for_all(self, running):
        before = self.calls()
        answers = self.reports(running, OTHER)
        self.assertEqual(self.calls(), before + 1)
        self.assertEqual(len({content for _, content in answers}), 1)
        self.assertEqual([status.partition("; detail=")[2] for status, _ in answers], ["", "fleet", "fleet"])

    def a_local_token_is_good_at_each(self, running):
        given = self.ask(running[0], self.chain, "-d", "grant_type=client_credentials", client=("-u", f"reports:{SECRET}"), target="/auth/oauth2/token")
        token = json.loads(given.split("\n\n", 1)[1])["access_token"]
        for one in running:
            self.assertIn(" 200 ", self.ask(one, self.chain, client=("-H", f"Authorization: Bearer {token}")).split("\n")[0], one.name)

    def a_purge_reaches_all(self, running):
        self.reports(running)
        before = self.calls()
        said = running[1].execute("roktcached", "purge", "--account", "12").stdout
        self.assertRegex(said, r"^purged [1-9]\d*, confirmed by 3 of 3 instances\n$")
        self.assertEqual([status.split("; ")[1] for status, _ in self.reports(running)], ["fwd=miss"] * 3)
        self.assertEqual(self.calls(), before + 1)

    def one_leaves_and_comes_back(self, running):
        """With the volume that it had, and after a purge that it has missed."""
        *others, last = running
        self.stop(self.objects, last)
        self.see_each_other(others, 2)
        self.assertIn("confirmed by 2 of 2 instances", others[0].execute("roktcached", "purge", "--account", "12").stdout)
        back = self.start(self.pods[-1])
        self.pass_probes(self.objects, back)
        self.see_each_other([*others, back], 3)
        ((kept, _),) = self.reports([back], OTHER)
        self.assertTrue(kept.startswith("roktcached; hit"), kept)
        before = self.calls()
        ((purged, _),) = self.reports([back])
        self.assertTrue(purged.startswith("roktcached; fwd=miss"), purged)
        self.assertEqual(self.calls(), before + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
