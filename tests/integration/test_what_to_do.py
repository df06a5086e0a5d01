"""The cases of deploy/doc/what-to-do-when.md: what the page says that one sees and does, against the daemon in that state."""
import concurrent.futures
import pathlib
import re

from canary import canary
from harness import TOP, TestCase, overview, request, run_command, wait_until

PAGE = (TOP / "deploy" / "doc" / "what-to-do-when.md").read_text()


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


class WhatToDo(TestCase):
    def test_rokt_refuses_the_token(self):
        folder = self.folder()
        secret = pathlib.Path(folder, "app_secret")
        secret.write_text("of-yesterday-" + "x" * 8)
        secret.chmod(0o600)
        app_id = pathlib.Path(folder, "app_id")
        app_id.write_text("demo-app")
        app_id.chmod(0o600)
        token = pathlib.Path(folder, "token")
        token.write_text(canary("operator"))
        token.chmod(0o600)
        simulator = self.simulator()
        settings = {"admin_token_file": str(token), "tables": f'[[credential]]\napp_id_file = "{app_id}"\napp_secret_file = "{secret}"\n'}
        daemon = self.daemon(simulator, folder, **settings)
        wait_until(lambda: b"invalid_client" in request(daemon.admin_port, "/readyz").body, "it is said")
        problem = daemon.get(overview()).problem()
        self.assertEqual((problem["status"], problem["type"]), (503, "urn:roktcached:token-unavailable"))
        told = section("Rokt refuses the token")
        for word in ("token-unavailable", "invalid_client", "roktcached reload"):
            self.assertIn(word, told)

        secret.write_text("demo-secret")
        done = run_command("reload", folder=folder, ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{daemon.admin_port}", ROKTCACHED_ADMIN_TOKEN_FILE=str(token))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_until(lambda: daemon.get(overview()).status == 200, "the new secret is taken at once", seconds=20)

    def test_the_budget_starves(self):
        """By the daemon's own ceiling: requests wait, and the one that cannot wait so long is refused."""
        told = section("The budget starves")
        simulator = self.simulator()
        daemon = self.daemon(simulator, upstream_budget_requests_per_second="1", upstream_budget_burst="1", upstream_budget_max_queue_wait="5s")
        budget = lambda: daemon.status()["upstream"]["credentials"][0]["budget"]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(daemon.get, overview(campaign=number)) for number in range(1, 13)]
            wait_until(lambda: budget()["queued"] > 0 and budget()["waiting"], "requests wait")
            self.assertLessEqual({"queued", "limited", "requests_per_second", "ceiling", "waiting"}, budget().keys() & set(re.findall(r"`(\w+)`", told)))
            refused = [answer.result() for answer in answers if answer.result().status != 200]
        self.assertTrue(refused)
        self.assertEqual({answer.problem()["type"] for answer in refused}, {"urn:roktcached:upstream-budget-exhausted"})
        self.assertEqual(budget()["limited"], 0)

    def test_numbers_differ(self):
        """The fourth step asks the upstream, and everybody gets the new answer."""
        simulator, daemon = self.pair(freshness_min_refetch_interval="0ms")
        self.assertIn("Cache-Control: no-cache", section("Numbers differ from Rokt's page"))
        daemon.get(overview())
        before = simulator.ledger()["total"]
        self.assertEqual(daemon.get(overview(), **{"Cache-Control": "no-cache"}).status, 200)
        self.assertEqual(simulator.ledger()["total"], before + 1)
        self.assertTrue(daemon.get(overview()).is_hit)
