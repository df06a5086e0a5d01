"""Containers by podman, with images and containers of the tests' own below build/tools."""
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = TOP / "build" / "tools"
DEBIAN = "localhost/debian"  # the Debian of run.sh in the place of the registry's image
IMAGE = "localhost/roktcached"
CONTAINERFILE = TOP / "deploy" / "container" / "Containerfile"

# runc, since crun cannot do with cgroups of both versions at once.
PODMAN = ("podman", "--root", str(TOOLS / "containers"), "--runroot", "/run/roktcached-test-containers", "--runtime", "runc", "--cgroup-manager", "cgroupfs")


# podman would raise the limits of a container's files and processes, which not every root may.
LIMITS = ("--ulimit", "nofile=16384:16384", "--ulimit", "nproc=1024:1024")


def podman(*arguments, check=True, given=""):
    done = subprocess.run([*PODMAN, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=300, check=False)
    if check:
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def run(*arguments, **options):
    return podman("run", *LIMITS, *arguments, **options)


def why_not():
    """Why no container can be run here; empty: it can."""
    if not os.environ.get("DEBIAN_ROOT"):
        return "needs root that may mount"
    if podman("image", "exists", DEBIAN, check=False).returncode != 0:
        with subprocess.Popen(["tar", "-C", os.environ["DEBIAN_ROOT"], "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run([*PODMAN, "import", "--quiet", "-", DEBIAN], stdin=packed.stdout, capture_output=True, check=True)
    done = run("--rm", DEBIAN, "true", check=False)
    return "" if done.returncode == 0 else "no container can be run here: " + done.stderr.strip()


def build(context, *arguments):
    """An image by the Containerfile; of the package in `context`/build/package unless the arguments say otherwise."""
    return podman("build", "--isolation", "chroot", "--network", "host", "--pull=never", "--format", "docker", "--build-arg", f"DEBIAN={DEBIAN}",
                  "--file", CONTAINERFILE, "--tag", IMAGE, *arguments, context).stdout


def shell_functions():
    """For a page's commands: docker is podman, and sudo nothing, since the tests run as root."""
    words = lambda *given: " ".join(f"'{word}'" for word in given)
    return (f"docker() {{ local verb=$1; shift; local limits=(); [ \"$verb\" != run ] || limits=({words(*LIMITS)}); "
            f"{words(*PODMAN)} \"$verb\" \"${{limits[@]}}\" \"$@\"; }}\nsudo() {{ \"$@\"; }}\n")
