"""Drives the real Chromium by ChromeDriver's WebDriver protocol."""
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


class Chromium:
    """A browser with a new profile; `hosts` are names that lead to 127.0.0.1."""

    def __init__(self, port, hosts):
        self.profile = tempfile.mkdtemp(prefix="roktcached-chromium-")
        self.at = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        try:
            self.begin(hosts)
        except BaseException:
            self.close()
            raise

    def begin(self, hosts):
        deadline = time.monotonic() + 20
        while True:
            try:
                self.call("GET", "/status")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        rules = ", ".join(f"MAP {host} 127.0.0.1" for host in hosts)
        options = {"args": [*FLAGS, f"--user-data-dir={self.profile}", f"--host-resolver-rules={rules}"]}
        capabilities = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options,
                                                         "timeouts": {"script": 20_000, "pageLoad": 20_000}}}}
        self.session = self.call("POST", "/session", capabilities)["sessionId"]

    def call(self, method, path, content=None):
        sent = urllib.request.Request(self.at + path, method=method, data=None if content is None else json.dumps(content).encode(),
                                      headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode(errors='replace')[:1000]}") from None

    def open(self, url):
        self.call("POST", f"/session/{self.session}/url", {"url": url})

    def click(self, selector):
        """As a person does; where that leads elsewhere, it is loaded when this returns."""
        found = self.call("POST", f"/session/{self.session}/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/session/{self.session}/element/{next(iter(found.values()))}/click", {})

    def run(self, function, *arguments):
        """What a JavaScript function, `async` or not, returns."""
        script = f"const done = arguments[arguments.length - 1]; ({function})(...[...arguments].slice(0, -1)).then(done)"
        return self.call("POST", f"/session/{self.session}/execute/async", {"script": script, "args": list(arguments)})

    def frame_text(self):
        """What is written in the first frame of the page, whoever's it is."""
        self.call("POST", f"/session/{self.session}/frame", {"id": 0})
        try:
            return self.run("async () => document.body.innerText")
        finally:
            self.call("POST", f"/session/{self.session}/frame", {"id": None})

    def close(self):
        if self.session:
            self.call("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        self.driver.wait(20)
        shutil.rmtree(self.profile, ignore_errors=True)
