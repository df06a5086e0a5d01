"""Renews the pictures of the dashboard in deploy/doc: a daemon of a fleet before the simulator, after a while of work.

Run by tests/page/run.sh --screenshots [FOLDER], where FOLDER gets pictures of the whole page besides.
"""
import datetime
import pathlib
import random
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tests" / "integration"), str(TOP / "tests" / "fleet")]

# pylint: disable=wrong-import-position
from clients import basic, client
from engine import Engine
from harness import TestCase, overview, query, request, wait_until
from page_browser import PageBrowser

PICTURES = TOP / "deploy" / "doc"
SECONDS = 150
CLIENTS = {"power-bi": 6, "nightly-etl": 3, "finance": 1}
INSTANCES = {"reports-1": 6, "reports-2": 2, "reports-3": 1}
WARMED = ("/metadata/accounts/12/campaigns/3", f"/reporting/accounts/12/summary?{query(dateStart='{yesterday}', dateEnd='{yesterday}')}")
SLOW = {"path_prefix": "/reporting", "kind": "latency", "latency_ms": 80}
SECRET = "a-secret-of-a-client-for-pictures"


def targets():
    for account in (12, 40, 77):
        yield f"/reporting/accounts/{account}/summary?{query()}"
        for campaign in range(1, 9):
            yield overview(campaign, account)
            yield f"/reporting/accounts/{account}/campaigns/{campaign}/breakdown?{query(groupby='country')}"
            yield f"/reporting/accounts/{account}/campaigns/{campaign}/overview?{query(dateStart='2026-01-10', dateEnd='2026-12-31')}"


def warmings():
    """Due since a minute ago."""
    at = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)).strftime("%H:%M")
    return "".join(f'[[warm]]\npath = "{path}"\nat = "{at}"\ntime_zone = "UTC"\n' for path in WARMED)


def work(simulator, daemons, ended):
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
        daemon = chance.choices(daemons, INSTANCES.values())[0]
        request(daemon.port, target, fields={"Authorization": basic(name, SECRET)})
        ended.wait(chance.expovariate(14 + 8 * (1 + passed % 40 / 40)))


def main(whole=None):
    case = TestCase()
    browser = PageBrowser()
    ended = threading.Event()
    try:
        simulator = case.simulator()
        simulator.faults(SLOW)
        engine = Engine(maxmemory="64mb", maxmemory_policy="volatile-lru")
        case.addCleanup(engine.stop)
        tables = "".join(client(name, SECRET) for name in CLIENTS) + warmings()
        daemons = [case.daemon(simulator, tables=tables, freshness_open="20s", upstream_budget_requests_per_second="4", upstream_max_retries="1",
                               fleet_url=engine.url, fleet_instance=name, fleet_expected_instances=str(len(INSTANCES))) for name in INSTANCES]
        shown = daemons[0]
        wait_until(lambda: shown.status()["warming"]["warmed"] == len(WARMED), "it has warmed")
        request(shown.port, WARMED[0], fields={"Authorization": basic("nightly-etl", SECRET)})
        at_work = threading.Thread(target=work, args=(simulator, daemons, ended))
        at_work.start()
        time.sleep(SECONDS)
        for view in ("light", "dark", "phone"):
            browser.open(url=f"http://127.0.0.1:{shown.admin_port}/", view=view)
            wait_until(lambda: browser.evaluate("document.querySelector('#traffic-chart canvas') !== null"), "a chart is drawn")
            browser.picture(file=str(PICTURES / f"dashboard-{view}.png"))
            if whole:
                browser.picture(file=str(pathlib.Path(whole, f"whole-{view}.png")), whole=True)
            if view == "light":
                browser.picture(file=str(PICTURES / "dashboard-tables.png"), selector="#tables")
        ended.set()
        at_work.join()
    finally:
        ended.set()
        browser.close()
        case.doCleanups()


if __name__ == "__main__":
    main(*sys.argv[1:])
