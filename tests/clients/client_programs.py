"""The programs in programs/, each of which asks with a client library of its own as that library's users would.

    PROGRAM... BASE LANGUAGE    BASE is scheme, host and port; LANGUAGE an Accept-Language, or empty for the library's own.

A program reads what it is to ask from its standard input, a report a line: PATH, then NAME=VALUE for each parameter, with
tabs between. It gives the parameters to its library as they are: to encode them is the library's part. For each report it
prints the status, the SHA-256 of the content and the Cache-Status, with tabs between.
"""
import dataclasses
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
BUILT = pathlib.Path(os.environ.get("CLIENT_LIBRARIES", HERE.parent.parent / "build" / "client-libraries"))  # by run.sh
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that has Debian's packages, whichever comes first on the path


@dataclasses.dataclass
class Answer:
    status: int
    sha256: str
    cache_status: str

    @property
    def is_hit(self):
        return self.cache_status.startswith("roktcached; hit")


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    command: tuple
    language: str = ""
    connections: int = 0  # at most, however much it asks; 0: one for each

    def run(self, base, asks, **environment):
        """Lets the program ask; returns the finished process. Each of `asks` is (path, parameters)."""
        lines = "".join("\t".join([path, *(f"{name}={value}" for name, value in parameters.items())]) + "\n" for path, parameters in asks)
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        inherited.update(CLIENT_MODULES=str(BUILT), PYTHONDONTWRITEBYTECODE="1", **environment)
        return subprocess.run([*map(str, self.command), base, self.language], input=lines, env=inherited, capture_output=True, text=True,
                              timeout=120, check=False)

    def ask(self, base, asks, **environment):
        """An Answer for each of `asks`."""
        done = self.run(base, asks, **environment)
        answers = [line.split("\t") for line in done.stdout.splitlines()]
        assert done.returncode == 0 and len(answers) == len(asks), f"{self.name}: {done}"
        return [Answer(int(status), sha256, cache_status) for status, sha256, cache_status in answers]


def shell(name, *arguments):
    return ("bash", PROGRAMS / name, *arguments)


def python(name):
    return (DEBIAN_PYTHON, PROGRAMS / name)


def node(name):
    return ("node", "--no-warnings", PROGRAMS / name)


# undici, which is fetch as well, opens a second connection where it is asked again in the moment in which an answer ends.
CLIENTS = [
    Client("curl, literal", shell("curl.sh", "literal")),
    Client("curl, --data-urlencode", shell("curl.sh", "encoded"), "de-DE,de;q=0.9"),
    Client("curl, joined", shell("curl.sh", "joined"), "fr"),
    Client("wget, joined", shell("wget.sh"), "ja"),
    Client("HTTPie", shell("httpie.sh"), "en-AU"),
    Client("Requests", python("python_requests.py"), "en-US,en;q=0.5", connections=1),
    Client("HTTPX", python("python_httpx.py"), "pt-BR", connections=1),
    Client("aiohttp", python("python_aiohttp.py"), connections=1),
    Client("urllib", python("python_urllib.py"), "es"),
    Client("Node.js fetch", node("node_fetch.mjs"), connections=2),
    Client("axios", node("node_axios.mjs"), "sv-SE", connections=1),
    Client("got", node("node_got.mjs"), connections=1),
    Client("undici", node("node_undici.mjs"), "nl", connections=2),
    Client("Java HttpClient", ("java", "-cp", BUILT, "JavaHttpClient"), "it-IT", connections=1),
    Client("Go net/http", (BUILT / "go_http",), "en-GB", connections=1),
    Client("Perl LWP", ("perl", PROGRAMS / "perl_lwp.pl"), "pl", connections=1),
    Client("PHP curl", ("php", PROGRAMS / "php_curl.php"), "fi", connections=1),
    Client("PHP streams", ("php", PROGRAMS / "php_streams.php")),
    Client("Ruby Net::HTTP", ("ruby", PROGRAMS / "ruby_net_http.rb"), "cs", connections=1),
    Client("R httr", ("Rscript", PROGRAMS / "r_httr.R"), "da", connections=1),
]
PANDAS = Client("pandas", python("python_pandas.py"), "ko")
REQUESTS_OAUTHLIB = Client("requests-oauthlib", python("python_oauthlib.py"), "hu")
OPENID_CLIENT = Client("openid-client", node("node_openid_client.mjs"))


def named(name):
    return next(client for client in CLIENTS if client.name == name)
