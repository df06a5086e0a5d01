"""The log: the same typed fields in text and JSON, a format for each place, decisions with their reasons at debug, and another level at run time."""
import json
import pathlib
import re
import signal
import time

from harness import TestCase, overview, request, run_command, wait_until
from test_upstream_wire import Upstream, answer

NUMBERS = ("status", "bytes", "took_us")


def fields_of(line):
    """Of an access line as text."""
    return dict(re.findall(r"(\w+)=(\S+)", line))


class Logs(TestCase):
    def start(self, **settings):
        """With a log as text on standard error, and one as JSON in a file."""
        folder = self.folder()
        self.path = pathlib.Path(folder, "daemon.log")
        self.upstream, proxy = self.pair(log_file=str(self.path), log_file_format="json", log_stderr="always", **{"log_level": "info", **settings})
        return proxy

    def events(self):
        return [json.loads(line) for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, what, **fields):
        def found():
            return [event for event in self.events() if event.items() >= fields.items()]
        wait_until(found, f"the log says {what}: {fields}")
        return found()[-1]

    def access_lines(self, proxy, mark):
        """The line of the request with this X-Request-Id: as fields of the text, and as JSON."""
        as_json = self.wait_for("a request", event="request", request_id=mark)
        wait_until(lambda: f"request_id={mark}" in proxy.output, "standard error has it, too")
        [text] = [line for line in proxy.output.splitlines() if f"request_id={mark}" in line]
        return fields_of(text), as_json

    def test_both_places_have_the_same_fields_and_numbers_are_numbers(self):
        proxy = self.start()
        for mark, target, outcome, reason in (("one", overview(), "miss", "miss"), ("two", overview(), "hit", None), ("three", "/nothing", "refused", "unknown-route")):
            self.assertIn(proxy.get(target, X_Request_Id=mark).status, (200, 404))
            text, as_json = self.access_lines(proxy, mark)
            for name, value in text.items():
                self.assertEqual("-" if as_json[name] is None else str(as_json[name]), value, name)
            self.assertEqual({*as_json} - {*text}, {"time_unix_ms", "level", "event"})
            for name in NUMBERS:
                self.assertIsInstance(as_json[name], int, name)
            self.assertEqual((as_json["outcome"], as_json["reason"]), (outcome, reason))
        self.assertIsInstance(self.wait_for("a miss", request_id="one")["upstream_ms"], int)
        self.assertIsNone(self.wait_for("a hit", request_id="two")["upstream_ms"])

    def test_events_have_names_and_fields(self):
        proxy = self.start()
        self.wait_for("its start", event="start", level="info")
        self.assertEqual(self.wait_for("an address", event="listening")["address"], f"127.0.0.1:{proxy.port}")
        self.assertIsInstance(self.wait_for("a token", event="token-minted", credential="default")["lifetime_s"], int)
        pathlib.Path(proxy.folder, "roktcached.toml").write_text("[listen]\nadresses = []\n")
        proxy.signal(signal.SIGHUP)
        self.assertIn("adresses", self.wait_for("a failed reload", event="reload-failed", level="error")["error"])
        self.assertIn("reload: ", proxy.output)
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        self.assertIsInstance(self.wait_for("its end", event="draining")["connections"], int)
        self.assertEqual(self.events()[-1]["event"], "stopped")

    def test_a_refusal_on_a_known_route_names_it(self):
        # But one that is refused as it is read, as a foreign Host, before anybody looks at its target.
        proxy = self.start()
        for mark, method, target, host, route in (("date", "GET", overview(dateStart="2025-02-30"), None, "campaign-overview"), ("host", "GET", overview(), "evil.example", None),
                                                  ("method", "DELETE", overview(), None, "campaign-overview"), ("unknown", "GET", "/nothing", None, None)):
            fields = {"X-Request-Id": mark, **({"Host": host} if host else {})}
            self.assertGreaterEqual(request(proxy.port, target, method, fields).status, 400)
            line = self.wait_for("a refusal", event="request", request_id=mark)
            self.assertEqual((line["outcome"], line["route"]), ("refused", route), mark)

    def test_debug_says_each_decision_with_its_reason(self):
        proxy = self.start(log_level="debug")
        proxy.get(overview(), X_Request_Id="first")
        decision = self.wait_for("a decision", event="decision", request_id="first")
        self.assertEqual((decision["route"], decision["action"], decision["reason"]), ("campaign-overview", "fetch", "miss"))
        self.assertIn("nothing usable is stored", decision["message"])
        self.assertEqual(self.wait_for("that it is stored", event="storing")["storing"], "stored")
        proxy.get(overview(), X_Request_Id="second")
        decision = self.wait_for("a decision", event="decision", request_id="second")
        self.assertEqual((decision["action"], decision["reason"]), ("use", None))
        self.assertIn("fresh for ", decision["message"])
        self.assertGreater(decision["ttl_s"], 0)
        self.assertIn(f"{decision['route']} {decision['key']}: use; fresh for ", proxy.log())

    def test_the_level_changes_at_run_time_until_the_settings_are_read_again(self):
        # Over a Unix socket, where no token is needed.
        socket = f"unix:{self.folder()}/admin.sock"
        proxy = self.start(admin_address=socket)

        def command(*arguments):
            return run_command("log-level", *arguments, folder=proxy.folder, ROKTCACHED_ADMIN_ADDRESS=socket)

        def decisions(mark):
            proxy.get(overview(), X_Request_Id=mark)
            self.wait_for("the request", event="request", request_id=mark)
            return sum(event["event"] == "decision" and event["request_id"] == mark for event in self.events())
        self.assertEqual(decisions("before"), 0)
        done = command("debug")
        self.assertEqual((done.returncode, done.stdout), (0, 'log level: debug, until the settings are read again (log.level = "info")\n'), done.stderr)
        self.assertEqual(proxy.status()["log"]["level"], "debug")
        self.wait_for("the change", event="log-level-changed", to="debug")
        self.assertEqual(decisions("during"), 1)
        proxy.signal(signal.SIGHUP)
        self.wait_for("the reload", event="reloaded")
        self.assertEqual(proxy.status()["log"]["level"], "info")
        self.assertEqual(decisions("after"), 0)
        self.assertEqual(command("error").returncode, 0)
        wrong = command("loud")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("loud", wrong.stderr + wrong.stdout)
        answer = request(proxy.admin_at, "/log-level", "POST", {"Content-Type": "application/json"}, '{"level": "loud"}')
        self.assertEqual(answer.status, 400)
        self.assertIn('content: {"level": "loud"}; accepted: {"level": "debug"}', answer.problem()["detail"])
        self.assertEqual(request(proxy.admin_at, "/log-level").status, 405)

    def test_lines_that_come_again_and_again_are_held_back_and_counted(self):
        upstream = Upstream()
        upstream.report = answer(b"no report")
        self.serve(upstream)
        proxy = self.daemon(upstream.port, log_level="info")
        for number in range(60):
            self.assertEqual(proxy.get(overview(n=number)).status, 200)
        wait_until(lambda: proxy.log().count("outcome=not_json") == 60, "access lines are never held back")
        held_back = proxy.status()["log"]["held_back"]
        said = proxy.output.count("not JSON: ")
        self.assertGreater(held_back, 0)
        self.assertEqual(said + held_back, 60, "each is in the log or counted")
        metrics = request(proxy.admin_at, "/metrics").body.decode()
        self.assertIn(f'roktcached_log_lines_dropped_total{{reason="held_back"}} {held_back}\n', metrics)
        time.sleep(10)  # the window
        proxy.log()
        self.assertRegex(proxy.output, r"warning? +\d+ lines like this one were left out in 10 s: not JSON: ")

    def test_nothing_is_logged_nowhere(self):
        self.refusal('log.stderr: "never", and there is no log.file: nothing would be logged', log_stderr="never")

    def test_a_file_alone_leaves_standard_error_silent(self):
        path = pathlib.Path(self.folder(), "daemon.log")
        _, proxy = self.pair(log_file=str(path))
        self.assertEqual(proxy.get(overview()).status, 200)
        wait_until(lambda: "route=campaign-overview" in path.read_text(), "the file has it, as text")
        self.assertEqual(proxy.output, "")
