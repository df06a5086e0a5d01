"""What the rows of one run share: how long it measures, its folders, its servers, its full cache files."""
import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

from contestants import SIZES, BareLoop, Nginx, Origin, Roktcached, Setup
from load import Keys, fetch_each
from processes import LOAD_CORES, Wrong


@dataclasses.dataclass
class Run:
    """What all rows share."""
    rounds: int
    seconds: int           # of one contestant in one round
    entries: int           # on disk, for g and k
    cached: int            # in memory, for j
    connections: int       # idle, for i
    folder: pathlib.Path

    def __post_init__(self):
        self.closing = contextlib.ExitStack()

    @functools.cached_property
    def filled(self):
        """Folders whose cache files hold `entries` reports, made once: nginx's by fetching them, which it alone can do."""
        keys = Keys(self.entries, SIZES["1 KB"])
        # Not where miss.sh puts its files: this is about the disk.
        cache = pathlib.Path(self.closing.enter_context(tempfile.TemporaryDirectory(
            prefix="roktcached-bench-", dir=os.environ.get("BENCH_DISK", "/var/tmp"))))
        origin = self.origin()
        with self.started([Nginx], origin, cache=cache) as (nginx,):
            fetch_each(nginx, origin, keys)
        files = sum(len(files) for _, _, files in os.walk(cache / "nginx"))
        if files != keys.count:
            raise Wrong(f"nginx keeps {files} files of {keys.count} keys")
        (cache / "roktcached").mkdir(mode=0o700)
        targets = "".join(keys.target(number) + "\n" for number in range(keys.count))
        subprocess.run([os.environ["FILL_CACHE_BINARY"], cache / "roktcached/cache.db", Roktcached.app_id, origin.url,
                        origin.folder / f"body-{keys.size}"], input=targets, text=True, check=True, stdout=subprocess.DEVNULL)
        return keys, cache, origin

    def origin(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="origin-", dir=self.folder))
        origin = Origin(folder, LOAD_CORES)
        self.closing.callback(origin.stop)
        origin.wait_until_ready()
        return origin

    @contextlib.contextmanager
    def started(self, classes, origin, *, on_disk=True, cache=None, bare=None, **settings):
        """Each of the classes, listening; stopped at the end."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="servers-", dir=self.folder))
        with contextlib.ExitStack() as stopping:
            stopping.callback(shutil.rmtree, folder, ignore_errors=True)
            cache = cache or (folder if on_disk else None)
            setup = Setup(origin=origin, folder=folder, cache=cache, **settings)
            servers = []
            for kind in classes:
                servers.append(kind(setup, **(bare or {})) if kind is BareLoop else kind(setup))
                stopping.callback(servers[-1].stop)
            for server in servers:
                server.wait_until_ready()
            yield servers
