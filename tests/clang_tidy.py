#!/usr/bin/env python3
"""Runs clang-tidy, by the checks of .clang-tidy, on the lines that have changed: since the last commit where something is not
committed, else since the branch left the one that it follows, else in the last commit. Compiles nothing.

Usage: tests/clang_tidy.py [COMMIT]    since COMMIT instead
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
SOURCES_MAX = 6  # each takes some ten seconds; those with the most lines go first
SECONDS_MAX = 240
ROOMS = ("core/", "storage/", "config/", "server/", "tests/")
# As CMake has them, but for GCC's own and precompiled headers, which clang cannot read.
FLAGS = ["-std=c++20", "-w", "-I.", "-Ibuild/release/generated", "-Itests/unit/server", "-Itests/fuzz", "-Itests/bench",
         "-DBOOST_ASIO_NO_DEPRECATED", "-DBOOST_ASIO_SEPARATE_COMPILATION", "-DBOOST_BEAST_SEPARATE_COMPILATION", "-DSPDLOG_COMPILED_LIB",
         "-DSPDLOG_FMT_EXTERNAL", "-DTOML_HEADER_ONLY=0", '-DROKTCACHED_DEFAULT_FILE=""', '-DROKTCACHED_SPELLINGS=""']
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def git(*arguments):
    """What it prints; empty where it fails."""
    return subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, text=True, check=False).stdout.strip()


def base():
    """(commit, how to call it); (None, why) where there is none."""
    if len(sys.argv) > 1:
        return sys.argv[1], sys.argv[1]
    if git("status", "--porcelain", "--", "*.h", "*.cpp"):
        return "HEAD", "the last commit"
    head, left = git("rev-parse", "HEAD"), git("merge-base", "HEAD", "@{upstream}")
    if left and left != head:
        return left, "this branch began"
    if before := git("rev-parse", "--verify", "--quiet", "HEAD~1"):
        return before, "the commit before the last"
    return None, "this clone has one commit only, and nothing to compare it with"


def changed_lines(commit):
    """The lines of each file that has changed, as [first, last] pairs."""
    lines = collections.defaultdict(list)
    for part in git("diff", "--unified=0", "--no-color", "--diff-filter=d", commit, "--", "*.h", "*.cpp").split("diff --git ")[1:]:
        name = re.search(r"^\+\+\+ b/(.*)$", part, re.MULTILINE)
        if name and name[1].startswith(ROOMS):
            lines[name[1]] += [[int(first), int(first) + int(count or 1) - 1] for first, count in HUNK.findall(part) if count != "0"]
    for name in git("ls-files", "--others", "--exclude-standard", "--", "*.h", "*.cpp").splitlines():
        if name.startswith(ROOMS):
            lines[name] = [[1, 100_000]]
    return {name: ranges for name, ranges in lines.items() if ranges}


def source_of(name):
    """The source by which a header is read; itself for a source. None where no source has it."""
    if name.endswith(".cpp"):
        return name
    own = name.removesuffix(".h") + ".cpp"
    users = git("grep", "--untracked", "-l", "--fixed-strings", f'"{name}"', "--", "*.cpp").splitlines()
    return own if (TOP / own).exists() else next(iter(users), None)


def check(source, lines, deadline):
    """(whether clang-tidy has nothing against it, what it says); (None, why) where there was no time for it."""
    wanted = json.dumps([{"name": name, "lines": ranges} for name, ranges in lines.items()])
    command = ["clang-tidy", "--quiet", "--warnings-as-errors=*", f"--line-filter={wanted}", source, "--", *FLAGS]
    try:
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=max(1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None, f"{source}: not within {SECONDS_MAX} s, and so not checked"
    return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def main():
    os.environ["LC_ALL"] = "C"
    commit, known_as = base()
    if commit is None:
        print(f"clang-tidy: {known_as}; nothing is checked")
        return 0
    lines = changed_lines(commit)
    count = collections.Counter()
    for name, ranges in lines.items():
        if source := source_of(name):
            count[source] += sum(last - first + 1 for first, last in ranges)
    sources = [source for source, _ in count.most_common(SOURCES_MAX)]
    deadline = time.monotonic() + SECONDS_MAX
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda source: check(source, lines, deadline), sources))
    for _, said in results:
        if said.strip():
            print(said)
    verdicts = [well for well, _ in results]
    good = False not in verdicts
    checked = len(verdicts) - verdicts.count(None)
    print(f"clang-tidy: {len(lines)} files have changed since {known_as}; {checked} of {len(count)} sources checked: {'ok' if good else 'see above'}")
    return 0 if good else 1


sys.exit(main())
