"""What stands outside the pods of a fleet: their engine with an address of its own, and one upstream for all of them."""
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import re
import socket
import socketserver
import subprocess
import threading

import podman
from podman import TOP

PAGE = (TOP / "deploy" / "doc" / "fleet.md").read_text()
NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET


def in_network_of(container, call):
    """What `call` returns in the network of a container. Only the thread of it is there, which ends; its sockets stay."""
    def enter():
        with open(f"/proc/{container.inspected('.State.Pid')}/ns/net", "rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), NETWORK_NAMESPACE) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return call()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(enter).result()


class Relay(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A port on the loopback of a container that leads to one on this machine's loopback."""
    daemon_threads = True

    def __init__(self, container, port, to):
        super().__init__(("127.0.0.1", port), Passing, bind_and_activate=False)
        self.socket.close()
        self.socket = in_network_of(container, lambda: socket.create_server(("127.0.0.1", port)))
        self.to = to
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Passing(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.to)) as there:
            back = threading.Thread(target=pass_on, args=(there, self.request))
            back.start()
            pass_on(self.request, there)
            back.join()


def pass_on(source, sink):
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            sink.sendall(octets)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Simulator:
    """The upstream, on this machine's loopback."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        program = TOP / "build" / "release" / "roktcached"
        self.child = subprocess.Popen([program, "simulate", "--listen", f"127.0.0.1:{self.port}", "--now", "2026-01-31T12:30:00Z"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.child.terminate()
        self.child.wait(10)


class Engine:
    """Redis with the users and the settings of the page, in the network of a container that does nothing. It takes TLS alone."""
    NAME = "roktcached-engine"

    def __init__(self, folder, password, certificate):
        self.files(pathlib.Path(folder), password, certificate)
        podman.run("--detach", "--name", self.NAME, podman.DEBIAN, "sleep", "infinity")
        self.container = podman.Running(self.NAME)
        with open(folder / "log", "wb") as log:
            self.child = subprocess.Popen(["nsenter", "--target", self.container.inspected(".State.Pid"), "--net", "redis-server", folder / "redis.conf"],
                                          cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def files(self, folder, password, certificate):
        """Those of /etc/redis, as the commands of the page write them."""
        written = re.findall(r"tee (?:-a )?(/etc/redis/\S+) <<'END'\n(.*?)^END$", PAGE, re.DOTALL | re.MULTILINE)
        for name, text in written:
            with open(folder / os.path.basename(name), "a", encoding="utf-8") as file:
                file.write(text.replace("/etc/redis/tls/chain.pem", str(certificate[0])).replace("/etc/redis/tls/key.pem", str(certificate[1]))
                           .replace("/etc/redis", str(folder)).replace("#HASH", "#" + self.hash_of(password)))

    def hash_of(self, password):
        """By the page's command, of a file that ends with a line feed."""
        command = re.search(r"^sudo (sed .*) /etc/\S+ \| sha256sum$", PAGE, re.MULTILINE)[1]
        return subprocess.run(["bash", "-euc", command + " | sha256sum"], input=password + "\n", capture_output=True, text=True, check=True).stdout.split()[0]

    def address(self):
        return self.container.address()

    def stop(self):
        self.child.terminate()
        self.child.wait(10)
        podman.podman("rm", "--force", "--time", "0", self.NAME, check=False)
