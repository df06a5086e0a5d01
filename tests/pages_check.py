#!/usr/bin/env python3
"""Holds the pages to what they say: README.md, CONTRIBUTING.md, deploy/doc and the README.md of each room.

- `sh` blocks are run, and must end well. So are the commands of `console` blocks, whose output must be as it stands there;
  numbers, dates and hashes may differ, and "..." stands for anything. A block that starts `serve` is the page's daemon from
  there on; else it is one before the simulator.
- `toml` blocks must pass `roktcached check --no-secrets`. After <!-- served --> the page's daemon has these settings.
- `python` and `js` blocks call what the programs of tests/clients call.
- After <!-- run by tests/clients: KIND --> a block is left to tests/clients/test_pages.py.
- After <!-- not run: REASON --> nothing of a block is run. Its programs, verbs, options and presets must exist.
- Relative links and their anchors, the paths, verbs and settings that stand in the text, the metrics of monitoring.md and the
  errors of errors.md must exist; and there must be no other metrics and errors.
- The files in the table of a room's README.md are the room's, all of them.

Usage: tests/pages_check.py [PAGE...]; ROKTCACHED_BINARY=FILE: another build than build/release.
"""
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "integration"))
from harness import BINARY, Process, Simulator, environment_with, free_port, request, wait_until  # noqa: E402

OPERATORS_PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "deploy").rglob("*.md"))]
ROOMS = ("core", "storage", "config", "server")
PAGES = OPERATORS_PAGES + sorted(path for folder in (*ROOMS, "tests") for path in (TOP / folder).rglob("README.md"))
SECONDS = 180  # for one block


@dataclasses.dataclass
class Block:
    language: str
    text: str
    line: int
    served: bool
    not_run: str  # why; empty: it is run
    run_by_clients: bool = False


def blocks_of(text):
    marker = ""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.startswith("```"):
            inside = itertools.takewhile(lambda numbered: numbered[1] != "```", lines)
            reason = re.fullmatch(r"<!-- not run: (.+) -->", marker)
            yield Block(line[3:], "\n".join(line for _, line in inside), number, marker == "<!-- served -->", reason[1] if reason else "",
                        marker.startswith("<!-- run by tests/clients: "))
            marker = ""
        elif line.strip():
            marker = line.strip()


def text_outside_blocks(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def anchors_of(page):
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text_outside_blocks(page.read_text()), re.MULTILINE)}


def run_program(*arguments, **options):
    """Without any configuration of this machine's."""
    return subprocess.run([BINARY, *arguments], env=environment_with(), capture_output=True, text=True, timeout=60, check=False, **options)


def verbs():
    """Each verb with the text of its help."""
    names = re.findall(r"^  ([a-z-]+)  ", run_program("--help").stdout.split("Subcommands:")[1], re.MULTILINE)
    return {name: run_program(name, "--help").stdout for name in names}


def known_settings():
    section = ""
    for line in (TOP / "config" / "roktcached.toml").read_text().splitlines():
        if header := re.fullmatch(r"(?:# )?\[+([a-z.]+)\]+", line):
            section = header[1]
        elif key := re.match(r"# ([a-z_]+) = ", line):
            yield f"{section}.{key[1]}"


def same_shape(expected, actual):
    """Whether a line is as it stands in a page, but for numbers, dates and hashes; "..." stands for anything."""
    def shape(text):
        text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]{8} GMT", "DATE", text)
        text = re.sub(r"\b[0-9a-f]{32,}\b", "HASH", text)
        return re.sub(r"\d+", "N", text)
    pattern = ".*".join(re.escape(shape(part)) for part in expected.split("..."))
    return re.fullmatch(pattern, shape(actual)) is not None


class Ground:
    """Where the commands of one page are run: a folder that looks like the project's, and a daemon on free ports."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="roktcached-pages-"))
        self.ports = {port: free_port() for port in ("8080", "8081", "8443")}
        self.daemon = None
        self.hash = run_program("hash-secret", input="a-secret-of-a-client\n").stdout.strip()
        for entry in TOP.iterdir():
            if not entry.name.startswith("."):
                (self.folder / entry.name).symlink_to(entry)
        for name in ("bin", "etc", "run", "cache"):
            (self.folder / name).mkdir(mode=0o700)
        (self.folder / "bin" / "roktcached").symlink_to(BINARY)
        for name in ("app_id", "app_secret", "emea_id", "emea_secret"):
            (self.folder / "etc" / name).touch(mode=0o600)
        self.make_certificate()

    def make_certificate(self):
        pair = ["-keyout", self.folder / "etc" / "key.pem", "-out", self.folder / "etc" / "chain.pem"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *pair], check=True, capture_output=True)

    @property
    def environment(self):
        return environment_with(
            PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}", HOME=str(self.folder),
            ROKTCACHED_LISTEN_ADDRESSES=f"127.0.0.1:{self.ports['8080']}", ROKTCACHED_ADMIN_ADDRESS=f"127.0.0.1:{self.ports['8081']}",
            ROKTCACHED_UPSTREAM_URL=f"http://127.0.0.1:{self.simulator.port}", ROKTCACHED_CACHE_FILE=str(self.folder / "cache" / "cache.db"))

    def here(self, text):
        """A page's text with its ports and folders replaced by those of this place."""
        text = re.sub(r"(127\.0\.0\.1|localhost):(8080|8081|8443)\b", lambda found: f"{found[1]}:{self.ports[found[2]]}", text)
        for folder, instead in (("/etc/roktcached/", "etc"), ("/run/roktcached/", "run"), ("/var/cache/roktcached/", "cache")):
            text = text.replace(folder, f"{self.folder / instead}/")
        return text.replace("$scrypt$ln=14,r=8,p=1$...", self.hash)

    def run(self, script):
        environment = self.environment
        if "tests/integration/" in script:  # which start daemons of their own
            environment |= {"ROKTCACHED_BINARY": BINARY, "ROKTCACHED_TEST_PORTS": str(free_port() + 1)}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", self.here(script)], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        if hashed := re.search(r"\$scrypt\$\S+", done.stdout):
            self.hash = hashed[0].strip('"')
        return done

    def check(self, toml):
        file = self.folder / "checked.toml"
        file.write_text(self.here(toml))
        return subprocess.run([BINARY, "check", "--no-secrets", "--config", str(file)], cwd=self.folder, env=environment_with(), capture_output=True,
                              text=True, timeout=60, check=False)

    def serve(self, command="ROKT_APP_ID=demo-app ROKT_APP_SECRET=demo-secret roktcached serve", toml=None):
        self.stop()
        if toml is not None:
            (self.folder / "roktcached.toml").write_text(self.here(toml))
        words = shlex.split(command, comments=True)
        given = list(itertools.takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
        environment = self.environment | dict(word.split("=", 1) for word in given)
        settings = {name: value for name, value in environment.items() if name.startswith("ROKT") or name == "HOME"}
        self.daemon = Process(words[len(given) + 1:], settings, self.folder)
        wait_until(self.ready, f"the daemon of the page is ready:\n{self.daemon.output}")

    def ready(self):
        assert self.daemon.alive(), self.daemon.output
        try:
            answer = request(self.ports["8081"], "/readyz")
        except OSError:
            return False
        amiss = [part for part in answer.json()["degraded"] if part["part"] != "fleet"]  # its engine is nowhere
        return answer.status == 200 and not amiss and request(self.ports["8080"], "/nothing").status in (401, 404)

    def stop(self):
        if self.daemon:
            self.daemon.stop()
            self.daemon = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_serving(text):
    return re.search(r"\broktcached serve\b", text) is not None


def mistakes_of_console(ground, block):
    for command, output in re.findall(r"^\$ (.*)\n?((?:(?!\$ ).*\n?)*)", block.text, re.MULTILINE):
        done = ground.run(command)
        if done.returncode != 0:
            yield f"`{command}` ends with {done.returncode}: {done.stderr or done.stdout}"
        actual = iter(done.stdout.splitlines())
        for line in output.rstrip().splitlines():
            if not any(same_shape(line, other) for other in actual):
                yield f"`{command}` does not print \"{line}\" there, but:\n{done.stdout}"
                break


def mistakes_of_words(block, helps, presets, targets):
    """What stands in a block that cannot be run and is not there."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
        if not words:
            continue
        for before, word in zip(["", *words], words):
            folder, *rest = word.split("/")
            if before == "--preset" and word not in presets:
                yield f"there is no preset {word}"
            if folder == "build" and len(rest) == 2 and (rest[0] in presets) and rest[1] not in targets:
                yield f"nothing builds {word}"
            if rest and folder not in ("", ".", "build") and (TOP / folder).is_dir() and not (TOP / word).exists():
                yield f"there is no {word}"
        if words[0].split("/")[-1] == "roktcached" and words[1] not in helps:
            yield f"there is no verb {words[1]}"
        if (TOP / words[0]).is_file() and not words[0].startswith("build/"):
            # An option of a script is its own, or that of the program that it starts.
            known = "".join(path.read_text() for path in (TOP / words[0]).parent.iterdir() if path.suffix in (".sh", ".py"))
            yield from (f"{words[0]} does not know {word}" for word in words[1:] if word.startswith("--") and word not in known)


def mistakes_of_text(page, text, helps, settings):
    for target in re.findall(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists():
            yield f"there is no {target}"
        elif anchor and anchor not in anchors_of(linked):
            yield f"there is no heading for {target}"
    sections = {name.rsplit(".", 1)[0] for name in settings}
    for code in re.findall(r"`([^`\n]+)`", text):
        if verb := re.match(r"roktcached ([a-z-]+)", code):
            if verb[1] not in helps:
                yield f"there is no verb {verb[1]}"
            else:
                yield from (f"`{code}`: {verb[1]} has no {option}" for option in re.findall(r"--[a-z-]+", code) if option not in helps[verb[1]])
        section, _, key = code.partition(" ")[0].rpartition(".")
        is_key = re.fullmatch(r"[a-z_]+", key) and key not in ("cpp", "h", "md", "py")
        if section in sections and is_key and code.split(" ")[0] not in settings:
            yield f"there is no setting {code}"
        if is_path(code, page) and not exists(code, page):
            yield f"there is no {code}"


def folders_of(page):
    """Where paths in a page begin."""
    return TOP, page.parent, TOP / "tests", TOP / "tests" / "integration"


def is_path(code, page):
    """Of something in the project. A word in capitals stands for any name."""
    if re.fullmatch(r"test_\w+", code):
        return True
    parts = code.split("/")
    known = any((folder / parts[0]).is_dir() for folder in folders_of(page))
    any_name = re.search(r"[A-Z]{3}", re.sub("README|SECURITY", "", code))
    return len(parts) > 1 and re.fullmatch(r"[a-z][\w./*-]+", code) and known and parts[0] != "build" and not any_name


def exists(code, page):
    """A file, a folder, or the sources of one name: `server/net/listener` is listener.h and listener.cpp."""
    name = code.rstrip("/")
    return any(any(folder.glob(name)) or any(folder.glob(name + ".*")) for folder in folders_of(page))


def mistakes_of_room(page, text):
    """The table of files: each is there, and there are no others."""
    table = re.findall(r"^\| file \| idea \|\n\|[- |]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    told = {name for rows in table for cell in re.findall(r"^\|([^|]*)\|", rows, re.MULTILINE) for name in re.findall(r"`([^`]+)`", cell)}
    rooms = {other.parent for other in PAGES if other != page and page.parent in other.parents}
    files = [path for path in page.parent.rglob("*") if path.is_file() and not any(room in path.parents for room in rooms)]
    names = {path.name for path in files} | {path.stem for path in files}
    sources = {path.stem for path in files if path.suffix in (".h", ".cpp")}
    yield from (f"there is no file {name}" for name in sorted(told - names))
    yield from (f"file {name} is not told" for name in sorted(sources - told))


def mistakes_of_monitoring(text):
    """Against a daemon's own list; each family is there from the start, and those of a fleet without its engine."""
    simulator = Simulator()
    ground = Ground(simulator)
    try:
        ground.serve(f"ROKT_APP_ID=demo-app ROKT_APP_SECRET=demo-secret ROKTCACHED_FLEET_URL=redis://127.0.0.1:{free_port()} roktcached serve")
        shown = set(re.findall(r"^# TYPE (\S+)", request(ground.ports["8081"], "/metrics").body.decode(), re.MULTILINE))
    finally:
        ground.close()
        simulator.stop()
    told = set(re.findall(r"`((?:roktcached|process)_\w+)`", text))
    yield from (f"there is no metric {name}" for name in sorted(told - shown))
    yield from (f"metric {name} is not told" for name in sorted(shown - told))


def mistakes_of_errors(text):
    [source] = (TOP / "server").rglob("problem.cpp")
    made = set(re.findall(r'\{\w+, (\d+), "([a-z-]+)"', source.read_text())) - {("499", "client-gone")}  # which nobody is there to see
    told = set(re.findall(r"^\| (\d+) \| ([a-z-]+) \|", text, re.MULTILINE))
    yield from (f"there is no error {name}" for name in sorted(told - made))
    yield from (f"error {name} is not told" for name in sorted(made - told))


def mistakes_of_library_calls(text):
    """A client library's calls are those of the programs that tests/clients runs."""
    programs = "".join(path.read_text() for path in (TOP / "tests" / "clients" / "programs").iterdir())
    for call in re.findall(r"\b(?:client|session)\.\w+\(|\b[A-Z]\w+\(", text):
        if call not in programs:
            yield f"no program of tests/clients calls {call})"


def mistakes_of_block(block, ground, helps, presets, targets):
    if block.run_by_clients:
        return
    if block.not_run:
        yield from mistakes_of_words(block, helps, presets, targets)
    elif block.language == "toml":
        done = ground.check(block.text)
        if done.returncode != 0:
            yield done.stderr
        elif block.served:
            ground.serve(toml=block.text)
    elif block.language in ("python", "js"):
        yield from mistakes_of_library_calls(block.text)
    elif block.language in ("sh", "console"):
        if is_serving(block.text):
            ground.serve(block.text)
            return
        if ground.daemon is None:
            ground.serve()
        if block.language == "console":
            yield from mistakes_of_console(ground, block)
        elif (done := ground.run(block.text)).returncode != 0 or "Running 0 tests" in done.stdout:
            yield f"ends with {done.returncode}: {done.stderr or done.stdout}"
    else:
        yield f"nobody checks a block of \"{block.language}\""


def mistakes_of_blocks(text, simulator, *names):
    ground = Ground(simulator)
    try:
        for block in blocks_of(text):
            try:
                found = list(mistakes_of_block(block, ground, *names))
            except (AssertionError, subprocess.TimeoutExpired) as failure:
                found = [str(failure)]
            yield from (f"line {block.line}: {mistake}" for mistake in found)
    finally:
        ground.close()


def main():
    wanted = [pathlib.Path(name).resolve() for name in sys.argv[1:]] or PAGES
    helps = verbs()
    settings = set(known_settings())
    presets = {preset["name"] for preset in json.loads((TOP / "CMakePresets.json").read_text())["configurePresets"]}
    lists = "".join(path.read_text() for path in TOP.rglob("CMakeLists.txt") if "build" not in path.relative_to(TOP).parts)
    targets = set(re.findall(r"add_(?:executable|library)\((\w+)", lists))
    simulator = Simulator()
    count = blocks = 0
    try:
        for page in wanted:
            text = page.read_text()
            found = list(mistakes_of_text(page, text_outside_blocks(text), helps, settings))
            found += mistakes_of_blocks(text, simulator, helps, presets, targets)
            if page.relative_to(TOP).parts[0] in ROOMS:
                found += mistakes_of_room(page, text)
            if page.name == "monitoring.md":
                found += mistakes_of_monitoring(text)
            if page.name == "errors.md":
                found += mistakes_of_errors(text)
            for mistake in found:
                print(f"{page.relative_to(TOP)}: {mistake}")
            count += len(found)
            blocks += sum(1 for block in blocks_of(text) if block.language)
    finally:
        simulator.stop()
    print(f"pages: {len(wanted)} pages, {blocks} blocks, " + ("ok" if count == 0 else f"{count} mistakes"))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
