"""A new app secret goes through a fleet, one instance after the other, while the upstream takes the old one too: nobody's request fails,
no answer is wrong, and purges reach all of them the whole time."""
import base64
import pathlib
import signal
import unittest

from asking import Load
from daemons import Answering, FleetCase, Upstream, overview, wait_until
from engine import Engine

OLD, NEW = "the-old-app-secret-of-all", "the-new-app-secret-of-all"
CREDENTIAL = """
[[credential]]
app_id_file = "{folder}/id"
app_secret_file = "{folder}/secret"
"""


class AnsweringWhoIsKnown(Answering):
    def do_GET(self):
        kind, _, shown = self.headers.get("Authorization", "").partition(" ")
        server = self.server
        if kind == "Basic":
            server.minted_with.append(base64.b64decode(shown).decode().partition(":")[2])
            known = server.minted_with[-1] in server.secrets
        else:
            server.used.append(server.secret_of(shown))
            known = server.used[-1] in server.secrets
        if known:
            return super().do_GET()
        server.refused += 1
        return self.send_error(401)

    do_POST = do_GET


class RotatingUpstream(Upstream):
    """A token is good while the secret is that it was fetched with."""

    def __init__(self):
        super().__init__()
        self.secrets = {OLD}
        self.minted_with, self.used = [], []
        self.refused = 0
        self.RequestHandlerClass = AnsweringWhoIsKnown

    def secret_of(self, token):
        return self.minted_with[int(token.rpartition("-")[2]) - 1]


class NewSecret(FleetCase):
    def setUp(self):
        self.engine = Engine()
        self.addCleanup(self.engine.stop)
        self.origin = RotatingUpstream()
        self.addCleanup(self.origin.stop)
        self.campaigns = iter(range(1, 1000))
        self.folders = [self.folder() for _ in range(3)]
        for folder in self.folders:
            self.write(folder, "id", "demo-app")
            self.write(folder, "secret", OLD)
        self.members = [self.begin(number) for number in range(3)]
        self.wait_together(self.members)
        self.load = Load(self, self.members, lambda _, count: overview(campaign=1000 + count // 3))
        self.addCleanup(self.load.end)

    @staticmethod
    def write(folder, name, text):
        path = pathlib.Path(folder, name)
        path.touch(0o600)
        path.write_text(text + "\n")

    def begin(self, number):
        folder = self.folders[number]
        return self.member(self.origin, self.engine.url, f"m{number}", folder, tables=CREDENTIAL.format(folder=folder))

    def expect_purges_to_reach(self, numbers):
        for by in numbers:
            target = overview(campaign=next(self.campaigns))
            before = max(self.members[number].get(target).json()["version"] for number in numbers)
            self.assertEqual(self.purge_everywhere(self.members[by], len(numbers), target=target), len(numbers))
            for number in numbers:
                reply = self.members[number].get(target)
                self.expect_own(self.origin, target, reply)
                self.assertGreater(reply.json()["version"], before, (by, number))

    def restart(self, number):
        with self.load.without(number):
            self.members[number].stop()
            others = [other for other in range(3) if other != number]
            self.expect_purges_to_reach(others)
            self.members[number] = self.begin(number)
        self.wait_together(self.members)

    def reload(self, number):
        self.members[number].signal(signal.SIGHUP)
        wait_until(lambda: "has a new app secret" in self.members[number].log(), "it has the new secret")

    def change_one_after_the_other(self, change):
        self.expect_purges_to_reach(range(3))
        self.origin.secrets = {OLD, NEW}
        for number, folder in enumerate(self.folders):
            self.write(folder, "secret", NEW)
            change(number)
            self.load.go_on()
            self.expect_purges_to_reach(range(3))
            self.assertIn(NEW, self.origin.minted_with)
        wait_until(lambda: self.all_use(NEW), "all have a token of the new secret")
        self.origin.secrets = {NEW}
        self.load.go_on()
        self.expect_purges_to_reach(range(3))
        self.load.end()
        self.assertEqual(self.load.wrong, [])
        self.assertEqual(self.origin.refused, 0, "nobody has shown what is good no more")

    def all_use(self, secret):
        seen = len(self.origin.used)
        self.load.go_on(5)
        for member in self.members:
            self.expect_own(self.origin, target := overview(campaign=next(self.campaigns)), member.get(target))
        return set(self.origin.used[seen:]) == {secret}

    def test_with_a_restart(self):
        self.change_one_after_the_other(self.restart)

    def test_without_one(self):
        self.change_one_after_the_other(self.reload)


if __name__ == "__main__":
    unittest.main()
