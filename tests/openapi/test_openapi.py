"""GET /openapi.json of both listeners: public validators take it, it has every path that there is, and clients made from it work.

Run by tests/openapi/run.sh, which fetches the tools.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

# pylint: disable=wrong-import-position
from canary import canary
from clients import basic, client
from harness import TestCase, environment_with, request, run_command

TOOLS = pathlib.Path(os.environ["OPENAPI_TOOLS"])
ROUTES = """
[[route]]
name = "files"
path = "/files/{rest...}"
cache = "http"
methods = ["GET", "PUT", "PROPFIND"]
inject_token = false

[[route]]
name = "shapes"
path = "/shapes/{first}/x"
cache = "off"
inject_token = false

[[route]]
name = "other-shapes"
path = "/shapes/{second}/x"
methods = ["POST"]
cache = "off"
inject_token = false
"""


def run_tool(*command):
    """Below TOOLS, where Node.js finds the packages."""
    for source in HERE.glob("*.[mt]*s"):
        shutil.copy(source, TOOLS)
    return subprocess.run(command, cwd=TOOLS, env=environment_with(), capture_output=True, text=True, timeout=300, check=False)


class Document(TestCase):
    def documents(self, **settings):
        _, proxy = self.pair(**settings)
        self.proxy = proxy
        return {name: self.document(at) for name, at in (("proxy", proxy.port), ("admin", proxy.admin_port))}

    def document(self, at):
        reply = request(at, "/openapi.json")
        self.assertEqual((reply.status, reply.fields["content-type"]), (200, "application/json"))
        return reply.json()

    def test_validators_have_nothing_against_it(self):
        files = []
        for what, settings in {"plain": {}, "routes": {"tables": ROUTES}}.items():
            for name, document in self.documents(**settings).items():
                files.append(f"{what}-{name}.json")
                (TOOLS / files[-1]).write_text(json.dumps(document))
        done = run_tool("node", "validate.mjs", *files)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stdout + done.stderr)

    def test_and_would_have_against_a_bad_one(self):
        document = self.documents()["proxy"]
        document["paths"]["/reporting/accounts/{accountId}/summary"]["get"]["parameters"].pop(0)  # accountId, which the path has
        (TOOLS / "bad.json").write_text(json.dumps(document))
        done = run_tool("node", "validate.mjs", "bad.json")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("accountId", done.stdout)

    def test_has_every_route_of_roktcached_routes(self):
        documents = self.documents()
        listed = re.findall(r"(GET|POST)\s+(/\S+)", run_command("routes").stdout)
        self.assertGreaterEqual(len(listed), 13)
        for document in documents.values():
            for method, path in listed:
                self.assertIn(method.lower(), document["paths"][path.rstrip("/")])

    def test_has_every_endpoint_of_the_admin_listener_and_no_other(self):
        document = self.documents()["admin"]
        has = set(re.findall(r"/[\w.-]*", request(self.proxy.admin_port, "/no-such-path").problem()["detail"]))
        described = {path for path, item in document["paths"].items() for operation in item.values() if "admin" in operation["tags"]}
        self.assertEqual(described, has)
        for path in described:
            for method in document["paths"][path]:
                self.assertNotEqual(request(self.proxy.admin_port, path, method.upper()).status, 405, (method, path))

    def test_follows_a_route_of_the_operator(self):
        document = self.documents(tables=ROUTES)["proxy"]
        self.assertEqual(document["paths"]["/files/{rest}"].keys(), {"get", "put"})
        self.assertEqual(document["paths"]["/shapes/{first}/x"].keys(), {"get", "post"})


class Clients(TestCase):
    def setUp(self):
        self.token = canary("admin-token")
        self.secret = canary("typed-client")
        file = pathlib.Path(self.folder(), "token")
        file.write_text(self.token)
        file.chmod(0o600)
        self.upstream, self.proxy = self.pair(tables=client("typed", self.secret), admin_token_file=str(file))
        self.proxy.wait_for_token()
        self.key = f"typed:{self.secret}"

    def result(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_swagger_client_reaches_both_listeners_by_one_document(self):
        result = self.result(run_tool("node", "swagger_client.mjs", f"http://127.0.0.1:{self.proxy.admin_port}/openapi.json", self.key, self.token))
        self.assertTrue(result["report"]["url"].startswith(f"http://127.0.0.1:{self.proxy.port}/reporting/accounts/12/"), result)
        again = request(self.proxy.port, result["report"]["url"].split(str(self.proxy.port), 1)[1], fields={"Authorization": basic("typed", self.secret)})
        self.assertEqual((result["report"]["status"], result["report"]["body"]), (200, again.json()))
        self.assertEqual(result["metadata"], 200)
        self.assertEqual(result["ready"]["status"], "ready")
        self.assertEqual([part["part"] for part in result["ready"]["parts"]], ["token", "budget", "circuit", "cache", "cache"])
        self.assertEqual(result["entries"], ["campaign-breakdown", "campaign-metadata"])
        self.assertEqual(result["purged"], {"purged": 2})
        self.assertEqual(result["refused"], {"status": 400, "type": "urn:roktcached:invalid-request"})

    def test_openapi_typescript_makes_types_that_openapi_fetch_asks_by(self):
        (TOOLS / "document.json").write_text(request(self.proxy.admin_port, "/openapi.json").body.decode())
        made = run_tool("node", "node_modules/openapi-typescript/bin/cli.js", "document.json", "-o", "document.d.ts")
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        options = ["--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext", "--lib", "es2022,dom", "--skipLibCheck"]
        compiled = run_tool("node", "node_modules/typescript/bin/tsc", *options, "typed_client.ts")
        self.assertEqual(compiled.returncode, 0, compiled.stdout + compiled.stderr)
        result = self.result(run_tool("node", "typed_client.js", f"http://127.0.0.1:{self.proxy.port}", f"http://127.0.0.1:{self.proxy.admin_port}", self.key))
        self.assertEqual(result["summary"]["status"], 200)
        self.assertTrue(result["summary"]["cacheStatus"].startswith("roktcached; fwd=miss"), result)
        self.assertTrue(result["summary"]["body"])
        self.assertEqual((result["breakdown"], result["state"], set(result["ids"])), (200, "ready", {"12"}))
        self.assertTrue(result["name"].startswith("roktcached: "))
        self.assertEqual(self.upstream.ledger()["total"], 2)

        wrong = (HERE / "typed_client.ts").read_text().replace("groupby: 'age'", "groupby: 'shoe-size'")
        (TOOLS / "wrong_client.ts").write_text(wrong)
        refused = run_tool("node", "node_modules/typescript/bin/tsc", *options, "--noEmit", "wrong_client.ts")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("shoe-size", refused.stdout, "the document's own values are all that is typed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
