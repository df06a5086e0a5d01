"""Containers by podman, with images and containers of the tests' own below build/tools."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = TOP / "build" / "tools"
DEBIAN = "localhost/debian"  # the Debian of run.sh in the place of the registry's image
IMAGE = "localhost/roktcached"
CONTAINERFILE = TOP / "deploy" / "container" / "Containerfile"

# runc, since crun cannot do with cgroups of both versions at once.
PODMAN = ("podman", "--root", str(TOOLS / "containers"), "--runroot", "/run/roktcached-test-containers", "--runtime", "runc", "--cgroup-manager", "cgroupfs")

# podman would raise the limits of a container's files and processes, which not every root may.
LIMITS = ("--ulimit", "nofile=16384:16384", "--ulimit", "nproc=1024:1024")


def podman(*arguments, check=True, given="", seconds=300):
    done = subprocess.run([*PODMAN, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=seconds, check=False)
    if check:
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def run(*arguments, **options):
    return podman("run", *LIMITS, *arguments, **options)


def shell_functions():
    """For a page's commands: docker is podman, and sudo nothing, since the tests run as root."""
    words = lambda *given: " ".join(f"'{word}'" for word in given)
    return (f"docker() {{ local verb=$1; shift; local limits=(); [ \"$verb\" != run ] || limits=({words(*LIMITS)}); "
            f"{words(*PODMAN)} \"$verb\" \"${{limits[@]}}\" \"$@\"; }}\nsudo() {{ \"$@\"; }}\n")


@functools.cache
def why_not():
    """Why no container can be run here; empty: it can, and IMAGE is there.

    The image is made of the package that run.sh has made. CONTAINER_FROM_SOURCES=1: the Containerfile compiles a clone of the last commit.
    """
    if not os.environ.get("DEBIAN_ROOT"):
        return "needs root that may mount"
    if podman("image", "exists", DEBIAN, check=False).returncode != 0:
        with subprocess.Popen(["tar", "-C", os.environ["DEBIAN_ROOT"], "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run([*PODMAN, "import", "--quiet", "-", DEBIAN], stdin=packed.stdout, capture_output=True, check=True)
    done = run("--rm", DEBIAN, "true", check=False)
    if done.returncode != 0:
        return "no container can be run here: " + done.stderr.strip()
    with tempfile.TemporaryDirectory() as context:
        if os.environ.get("CONTAINER_FROM_SOURCES"):
            subprocess.run(["git", "clone", "--quiet", f"file://{TOP}", context], check=True)
            build(context)
            return ""
        folder = pathlib.Path(context, "build", "package")
        shutil.copytree(os.environ["PACKAGE_FOLDER"], folder, ignore=shutil.ignore_patterns("_CPack_Packages"))
        build(context, "--build-arg", "PACKAGE=given")
    return ""


def build(context, *arguments):
    begun = time.monotonic()
    podman("build", "--isolation", "chroot", "--network", "host", "--pull=never", "--format", "docker", "--build-arg", f"DEBIAN={DEBIAN}",
           "--file", CONTAINERFILE, "--tag", IMAGE, *arguments, context, seconds=3600)  # it may compile all of it
    podman("image", "prune", "--external", "--force")  # the one that was there before; and what a build has left that was stopped
    size = int(podman("image", "inspect", "--format", "{{.Size}}", IMAGE).stdout)
    print(f"The image was made in {time.monotonic() - begun:.0f} s; it has {size / 2**20:.0f} MiB.", file=sys.stderr)


class Running:
    """A container by its name, while it runs."""

    def __init__(self, name):
        self.name = name

    def inspected(self, what):
        return podman("inspect", "--format", "{{" + what + "}}", self.name).stdout.strip()

    def address(self):
        return self.inspected(".NetworkSettings.IPAddress")

    def execute(self, *command, **options):
        return podman("exec", self.name, *command, **options)

    def start_simulator(self):
        """Inside, whose loopback is its own: no container of a test reaches Rokt."""
        podman("exec", "--detach", self.name, "roktcached", "simulate", "--now", "2026-01-31T12:30:00Z")

    def ask_loopback(self, target, *options):
        """Head and body of what a server on the container's loopback answers, asked by this machine's curl."""
        done = subprocess.run(["nsenter", "--target", self.inspected(".State.Pid"), "--net", "curl", "-si", *options, target], capture_output=True, text=True,
                              timeout=60, check=False)
        return done.stdout

    def is_healthy(self):
        return podman("healthcheck", "run", self.name, check=False).returncode == 0

    def wait_until(self, condition, what):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, what + "\n" + podman("logs", self.name, check=False).stderr
            time.sleep(0.1)
