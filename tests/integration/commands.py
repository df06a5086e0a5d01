"""The program's commands beside a running daemon."""
import os
import pathlib
import pty
import subprocess

from harness import BINARY, environment_with, run_command

ADMIN_TOKEN = "an-admin-token-of-the-tests-0123456789"


def token_file(folder):
    """The setting of a daemon whose commands may change something."""
    path = pathlib.Path(folder, "admin-token")
    path.write_text(ADMIN_TOKEN + "\n")
    path.chmod(0o600)
    return str(path)


def settings_of(daemon):
    """The environment by which a command finds this daemon."""
    found = {"ROKTCACHED_ADMIN_ADDRESS": f"127.0.0.1:{daemon.admin_port}", "ROKTCACHED_CACHE_FILE": os.path.join(daemon.folder, "cache.db")}
    token = pathlib.Path(daemon.folder, "admin-token")
    if token.exists():
        found["ROKTCACHED_ADMIN_TOKEN_FILE"] = str(token)
    return found


def ask(daemon, *arguments, **options):
    """Runs a command against this daemon."""
    return run_command(*arguments, **options, **settings_of(daemon))


def on_terminal(daemon, *arguments):
    """Runs a command whose output and errors are a terminal of their own.

    @return its exit code, and all that it has written there
    """
    ours, theirs = pty.openpty()
    command = subprocess.Popen([BINARY, *arguments], env=environment_with(**settings_of(daemon)), cwd="/", stdin=subprocess.DEVNULL, stdout=theirs,
                               stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:
        pass  # the other side is closed
    os.close(ours)
    return command.wait(60), written.decode()
