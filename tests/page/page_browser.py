"""Drives browser.mjs: Chromium with the dashboard in it."""
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class PageBrowser:
    """`browser.open(url=...)`, `browser.text("#health")`: the commands of browser.mjs."""

    def __init__(self):
        self.child = subprocess.Popen(["node", HERE / "browser.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, name):
        def call(argument=None, **arguments):
            print(json.dumps({"name": name, "argument": arguments or argument}), file=self.child.stdin, flush=True)
            answer = json.loads(self.child.stdout.readline())
            if "error" in answer:
                raise AssertionError(answer["error"])
            return answer["result"]
        return call

    def close(self):
        self.child.stdin.close()
        self.child.wait(30)
        self.child.stdout.close()
