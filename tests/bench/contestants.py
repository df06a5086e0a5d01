"""Who is compared, each configured as its own documentation advises for speed: as many threads as it may use cores, no access
log, connections that are kept for as long as the client likes, cached in memory or on disk as it does by itself."""
import dataclasses
import os
import pathlib
import re
import resource
import subprocess
import time

from processes import SERVER_CORES, Process, free_port

HOUR = 3600
SIZES = {"208 B": 208, "1 KB": 1024, "50 KB": 51200, "64 KB": 65536, "1.3 MB": 1_331_200}
CACHEABLE_FOR = 7 * 24 * HOUR
OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
AS_USER = "user root;" if os.geteuid() == 0 else ""


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a row asks of a contestant."""
    origin: "Origin"
    folder: pathlib.Path            # for configuration and output
    cache: pathlib.Path             # for what is cached on disk; None: what can be in memory alone, is
    threads: int = 1
    connections: int = 1024
    memory_mib: int = 1024
    size: int = SIZES["1 KB"]       # of what will be asked for
    unchanged: bool = False         # 304 is what will be asked for
    compressed: bool = False        # gzip is
    tls: bool = False
    disk: str = "64g"               # for what is cached there, in nginx's spelling
    cores: list = dataclasses.field(default_factory=lambda: SERVER_CORES)


def identity(folder):
    """A certificate and its key, in one file, as nginx, HAProxy and roktcached all read it."""
    file = folder / "identity.pem"
    if not file.exists():
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                               "/CN=localhost", "-days", "2", "-keyout", "-", "-out", "-"], capture_output=True, check=True)
        file.touch(0o600)
        file.write_bytes(made.stdout)
    return file


def nginx_conf(folder, name, threads, connections, http, large=False):
    # It ends idle connections while less than a sixteenth of these is free.
    connections += connections // 8 + 512
    return f"""
{AS_USER}
daemon off;
worker_processes {threads};
worker_rlimit_nofile {OPEN_FILES};
pid {folder}/{name}.pid;
error_log {folder}/{name}.log notice;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  {"sendfile on; tcp_nopush on;" if large else "sendfile off;"}
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
  default_type application/json;
{http}
}}
"""


class Nginx(Process):
    """proxy_cache; its cache is on disk by nature, and in the kernel's memory by use. What is small costs it less when it is read and
    written with its head than when it is sent by sendfile."""
    title = "nginx"
    package = "nginx"

    def __init__(self, setup):
        port = free_port()
        tls = f"ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {identity(setup.folder)}; ssl_certificate_key {identity(setup.folder)};" if setup.tls else ""
        gzip = "gzip on; gzip_proxied any; gzip_types application/json;" if setup.compressed else ""
        cache = (setup.cache or setup.folder) / "nginx"
        conf = setup.folder / "nginx.conf"
        # The loader's defaults read a million entries in ten minutes.
        conf.write_text(nginx_conf(setup.folder, "nginx", setup.threads, setup.connections, f"""
  proxy_cache_path {cache} levels=1:2 keys_zone=reports:512m max_size={setup.disk} inactive=30d use_temp_path=off
                   loader_files=1000 loader_threshold=200ms loader_sleep=50ms;
  open_file_cache max={max(1000, min(12_000, OPEN_FILES - 2 * setup.connections - 512))} inactive=1h;
  open_file_cache_valid 1h;
  upstream origin {{
    server 127.0.0.1:{setup.origin.port};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096 deferred{" reuseport" if setup.threads > 1 else ""}{" ssl" if setup.tls else ""};
    {tls} {gzip}
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache reports;
    }}
  }}""", large=setup.size > 16 * 1024))
        super().__init__("nginx", ["nginx", "-p", setup.folder, "-e", setup.folder / "nginx.log", "-c", conf],
                         setup.folder, port, setup.cores, setup.tls)


class HAProxy(Process):
    """Its cache is in shared memory, made for small objects: an object's largest size is set so that 1.3 MB fit."""
    title = "HAProxy"
    package = "haproxy"

    def __init__(self, setup):
        port = free_port()
        conf = setup.folder / "haproxy.cfg"
        # wrk waits for the content whose length a 304 names.
        tls = f"ssl crt {identity(setup.folder)}" if setup.tls else ""
        gzip = "compression algo gzip\n  compression type application/json" if setup.compressed else ""
        for_wrk = "http-after-response del-header Content-Length if { status 304 }" if setup.unchanged else ""
        conf.write_text(f"""
global
  nbthread {setup.threads}
  maxconn {setup.connections + 256}
  no strict-limits  # it wants a second file for each, to the origin
cache reports
  total-max-size {setup.memory_mib}
  max-object-size 2000000
  max-age {CACHEABLE_FOR}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-request 1h
  timeout http-keep-alive 1h
frontend clients
  bind 127.0.0.1:{port} backlog 4096 defer-accept {tls}
  {gzip}
  http-request cache-use reports
  http-response cache-store reports
  {for_wrk}
  default_backend origin
backend origin
  http-reuse always
  server origin 127.0.0.1:{setup.origin.port}
""")
        super().__init__("haproxy", ["haproxy", "-db", "-f", conf], setup.folder, port, setup.cores, setup.tls)


class Varnish(Process):
    """Its log is a ring in memory that is always written; here nothing of a hit goes into it."""
    title = "Varnish"
    package = "varnish"
    logged_of_a_hit = ["Begin", "End", "Link", "Timestamp", "SessOpen", "SessClose", "ReqStart", "ReqMethod", "ReqURL",
                       "ReqProtocol", "ReqHeader", "ReqUnset", "ReqAcct", "RespProtocol", "RespStatus", "RespReason",
                       "RespHeader", "RespUnset", "VCL_call", "VCL_return", "VCL_use", "Hit", "Filters"]

    def __init__(self, setup):
        port = free_port()
        vcl = setup.folder / "varnish.vcl"
        vcl.write_text(f"""
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{setup.origin.port}"; }}
{"sub vcl_backend_response { set beresp.do_gzip = true; }" if setup.compressed else ""}
""")
        parameters = {"thread_pools": setup.threads, "timeout_idle": HOUR, "listen_depth": 4096,
                      "vsl_mask": ",".join(f"-{tag}" for tag in self.logged_of_a_hit)}
        super().__init__("varnish",
                         ["varnishd", "-F", "-j", "none", "-n", setup.folder / "varnish", "-a", f"127.0.0.1:{port}",
                          "-f", vcl, "-s", f"malloc,{setup.memory_mib}M",
                          *(word for name, value in parameters.items() for word in ("-p", f"{name}={value}"))],
                         setup.folder, port, setup.cores)


class Roktcached(Process):
    """Everything that it does by itself stays on, but for the access log, which the others do without, too."""
    title = "roktcached"
    binary = os.environ.get("ROKTCACHED_BINARY", "")
    app_id = "bench"
    api_key = ""  # that clients must show
    suffix = ""   # of its files

    def __init__(self, setup):
        port = free_port()
        conf = setup.folder / f"roktcached{self.suffix}.toml"
        self.admin = setup.folder / f"admin{self.suffix}.sock"
        for name in ("id", "secret"):
            (setup.folder / name).write_text(self.app_id)
            (setup.folder / name).chmod(0o600)
        cache_file = f"{setup.cache}/roktcached{self.suffix}/cache.db" if setup.cache else ""
        tls = (f'[listen.tls]\naddresses = ["127.0.0.1:{port}"]\ncertificate_file = "{identity(setup.folder)}"\n'
               f'key_file = "{identity(setup.folder)}"') if setup.tls else ""
        conf.write_text(f"""
[listen]
addresses = [{"" if setup.tls else f'"127.0.0.1:{port}"'}]
threads = {setup.threads}
max_connections = {setup.connections}
idle_timeout = "1h"
{tls}
[admin]
address = "unix:{self.admin}"
[upstream]
url = "{setup.origin.url}"
max_connections = 64
[upstream.budget]
requests_per_second = 0
max_concurrent = 64
[cache]
file = "{cache_file}"
max_disk = "{setup.disk.upper()}iB"
max_memory = "{setup.memory_mib}MiB"
[log]
level = "error"
access = false
[[credential]]
app_id_file = "{setup.folder}/id"
app_secret_file = "{setup.folder}/secret"
{self.clients()}
""")
        super().__init__("roktcached", self.command(conf), setup.folder, port, setup.cores, setup.tls)

    def clients(self):
        if not self.api_key:
            return ""
        made = subprocess.run([self.binary, "hash-secret"], input=self.api_key, capture_output=True, text=True, check=True).stdout
        return f'[[client]]\nname = "bench"\nsecret_hash = "{made.strip()}"'

    def command(self, conf):
        return [self.binary, "serve", "--config", conf]


class RoktcachedWithClients(Roktcached):
    """Knows its clients by their keys, and has nothing for others."""
    title = "with a key"
    api_key = "rk-5f0c9d2e7a41b86350"
    suffix = "-with-clients"


class BareLoop(Process):
    """No contestant but the limit: a fixed answer to whatever comes."""
    title = "bare loop"
    binary = os.environ.get("BARE_LOOP_BINARY", "")

    def __init__(self, setup, size=208, status=200):
        port = free_port()
        super().__init__("bare_loop", [self.binary, port, status, size, setup.threads], setup.folder, port, setup.cores)


class Origin(Process):
    """Gives a body of as many bytes as `size` says in the query, and a token; counts what it is asked. It is nginx, and shares
    the load's cores: while hits are measured it has nothing to do."""

    def __init__(self, folder, cores):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.asked = folder / "asked"
        for size in SIZES.values():
            (folder / f"body-{size}").write_text(report_of(size))
        conf = folder / "origin.conf"
        conf.write_text(nginx_conf(folder, "origin", 1, 1024, f"""
  open_file_cache max=100 inactive=1d;
  log_format one .;
  server {{
    listen 127.0.0.1:{port};
    root {folder};
    location /reporting/ {{
      access_log {self.asked} one;
      add_header Cache-Control "max-age={CACHEABLE_FOR}";
      try_files /body-$arg_size =404;
    }}
    location = /auth/oauth2/token {{ return 200 '{{"access_token":"bench","token_type":"Bearer","expires_in":86400}}'; }}
  }}"""))
        self.folder = folder
        super().__init__("origin", ["nginx", "-p", folder, "-e", folder / "origin.log", "-c", conf], folder, port, cores)

    def count(self):
        """The reports that it has been asked for so far."""
        time.sleep(0.02)  # it writes after it has answered
        return self.asked.stat().st_size // len(".\n")


def report_of(size):
    """A report of so many bytes, as a breakdown has them: names that repeat and numbers that do not. Whole JSON, else it is not kept."""
    report, i = '{"currency":"USD","rows":[', 0
    while True:
        i += 1
        row = (f'{{"country":"{"AU DE FR GB JP NZ US".split()[i % 7]}","impressions":{i * 7919 % 900001},'
               f'"referrals":{i * 104729 % 90001},"grossCost":{i * 15485863 % 9000011 / 1000:.3f}}}')
        longer = report + ("," if i > 1 else "") + row
        if len(longer) > size - len("]}"):
            return report.ljust(size - len("]}")) + "]}"
        report = longer


PEERS = [Nginx, HAProxy, Varnish]


def versions():
    lines = []
    for contestant in PEERS:
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", contestant.package], capture_output=True, text=True)
        lines.append(f"{contestant.title} {asked.stdout}" if asked.returncode == 0 else contestant.title)
    daemon = subprocess.run([Roktcached.binary, "version"], capture_output=True, text=True, check=True).stdout
    return [re.sub(r"\s+", " ", daemon.strip().splitlines()[0]), *lines]
