"""Renews the pictures of the dashboard in deploy/doc: a daemon before the simulator after a while of work.

Run by tests/page/run.sh --screenshots.
"""
import pathlib
import random
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests" / "integration"))

# pylint: disable=wrong-import-position
from clients import basic, client
from harness import TestCase, overview, query, request
from page_browser import PageBrowser

SECONDS = 150
CLIENTS = {"power-bi": 6, "nightly-etl": 3, "finance": 1}
SLOW = {"path_prefix": "/reporting", "kind": "latency", "latency_ms": 80}
SECRET = "a-secret-of-a-client-for-pictures"


def targets():
    for account in (12, 40, 77):
        yield f"/reporting/accounts/{account}/summary?{query()}"
        for campaign in range(1, 9):
            yield overview(campaign, account)
            yield f"/reporting/accounts/{account}/campaigns/{campaign}/breakdown?{query(groupby='country')}"
            yield f"/reporting/accounts/{account}/campaigns/{campaign}/overview?{query(dateStart='2026-01-10', dateEnd='2026-12-31')}"


def work(simulator, daemon, ended):
    """More and more of what is asked has been asked before; meanwhile the upstream fails for a moment."""
    chance = random.Random(1)
    known = list(targets())
    chance.shuffle(known)
    begun = time.monotonic()
    failed = False
    while not ended.is_set():
        passed = time.monotonic() - begun
        if passed > SECONDS / 2 and not failed:
            failed = True
            simulator.faults({"path_prefix": "/reporting", "kind": "status", "status": 503, "count": 6}, SLOW)
        name = chance.choices(list(CLIENTS), CLIENTS.values())[0]
        target = chance.choice(known[:max(2, int(len(known) * min(1, passed / SECONDS)))])
        if chance.random() < 0.004:
            target = "/reporting/accounts/12/sumary"
        request(daemon.port, target, fields={"Authorization": basic(name, SECRET)})
        ended.wait(chance.expovariate(14 + 8 * (1 + passed % 40 / 40)))


def main():
    case = TestCase()
    browser = PageBrowser()
    ended = threading.Event()
    try:
        simulator = case.simulator()
        simulator.faults(SLOW)
        daemon = case.daemon(simulator, tables="".join(client(name, SECRET) for name in CLIENTS), freshness_open="20s",
                             upstream_budget_requests_per_second="4", upstream_max_retries="1")
        at_work = threading.Thread(target=work, args=(simulator, daemon, ended))
        at_work.start()
        time.sleep(SECONDS)
        for view in ("light", "dark", "phone"):
            browser.open(url=f"http://127.0.0.1:{daemon.admin_port}/", view=view)
            browser.picture(str(TOP / "deploy" / "doc" / f"dashboard-{view}.png"))
        ended.set()
        at_work.join()
    finally:
        ended.set()
        browser.close()
        case.doCleanups()


if __name__ == "__main__":
    main()
