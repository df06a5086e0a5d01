#!/usr/bin/env python3
"""Makes the manual pages roktcached(1), from the program's own --help texts, and roktcached.toml(5), from the commented default file.

Usage: make_manual.py PROGRAM CONFIGURATION FOLDER    writes FOLDER/man1/roktcached.1.gz and FOLDER/man5/roktcached.toml.5.gz
"""
import gzip
import pathlib
import re
import subprocess
import sys

COLUMN = 28  # where the description of an option begins, counted from its name
SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti"}

END = r"""
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Failed.
.TP
.B 2
The command line is wrong.
.TP
.B 69
Something outside is not available: an address, or a running daemon.
.TP
.B 78
The configuration is wrong. The message names file, line and key.
.SH SIGNALS
.TP
.BR TERM ", " INT ", " QUIT
The daemon drains: it answers what is under way, for eight seconds at the most. A second one ends the waiting.
.TP
.B HUP
It reads settings, secrets and certificates again, all or nothing.
.TP
.B USR1
It opens
.B log.file
again.
.SH ENVIRONMENT
.TP
.BR ROKT_APP_ID ", " ROKT_APP_SECRET
The first credential.
.TP
.B ROKTCACHED_CONFIG
The configuration file, if there is no
.BR \-\-config .
.TP
.BI ROKTCACHED_ SECTION _ KEY
Overrides a setting; see
.BR roktcached.toml (5).
.TP
.BR CACHE_DIRECTORY ", " CREDENTIALS_DIRECTORY
Set by systemd: the folder of the cache file, and that of the credentials.
.SH FILES
.TP
.I /etc/roktcached/roktcached.toml
The configuration file of the service.
.TP
.I /etc/roktcached/credentials
Its app id and secret: the files
.BR app_id " and " app_secret .
.TP
.I /var/cache/roktcached/roktcached.db
Its cache file.
.SH SEE ALSO
.BR roktcached.toml (5),
.BR systemctl (1)
"""


def text_of(line):
    """A line of text as roff takes it: nothing in it is a request, `code` is bold."""
    escaped = "".join(SPECIAL.get(character, character) for character in line)
    escaped = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", escaped)
    return "\\&" + escaped if escaped.startswith((".", "\\(aq")) else escaped


def verbatim(lines):
    return [".IP", ".nf", *(text_of(line) for line in lines), ".fi"]


def heading(macro, name):
    return f'{macro} "{text_of(name)}"'


def entry(name, text):
    return [".TP", f"\\fB{text_of(name)}\\fR", *(text_of(line) for line in text)]


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], capture_output=True, text=True, check=True).stdout.splitlines()


def commands_of(lines):
    return [line.split()[0] for line in lines[lines.index("Subcommands:") + 1:] if re.match(r"  [a-z]", line)]


def option_of(line):
    """The name and the description of an option, which may be empty: a long name has its description in the next line."""
    indented = len(line) - len(line.lstrip())
    name, _, description = line.strip().partition("  ")
    if indented > 4 or not re.match(r"-|[a-z_]+ [A-Z]", name):
        return None
    if not description and line[indented + COLUMN - 1:indented + COLUMN] == " " and re.fullmatch(r"\S+ [A-Z]\S+", line[:indented + COLUMN].strip()):
        name, description = line[:indented + COLUMN], line[indented + COLUMN:]
    return re.sub(r",(?=-)", ", ", name.strip()), description.strip()


def footer_of(lines):
    """The end of a help text: examples, exit codes and environment variables, each under its name."""
    for line in lines:
        if re.fullmatch(r"[A-Z][a-z ]+:", line):
            yield from (".PP", text_of(line))
            name = line
        elif not line.strip():
            continue
        elif name == "Examples:":
            yield from verbatim([line.strip()])
        else:
            # The columns are of a terminal's width; here each has its own.
            yield from entry(*(part if at == 0 else [part] for at, part in enumerate(re.split(r"  +", line.strip(), maxsplit=1))))


def split_at_footer(lines):
    at = lines.index("Examples:")
    return lines[:at], lines[at:]


def options_of(lines):
    """The part of a help text between its usage and its end, as entries; lines that name nothing continue the entry before them."""
    entries = []
    for line in lines:
        if not line.strip() or re.fullmatch(r" *(Options|Positionals):", line):
            continue
        if re.fullmatch(r"\[Option Group: .*\]", line.strip()):
            entries.append([None, []])
        elif found := option_of(line):
            entries.append([found[0], [found[1]] if found[1] else []])
        elif entries:
            entries[-1][1].append(line.strip())
        else:
            entries.append([None, [line.strip()]])
    for name, text in entries:
        if name:
            yield from entry(name, text)
        else:
            # Of a group: its own words, before what CLI11 says of it in brackets.
            yield from [".PP", *(text_of(line) + ":" for line in text if not line.startswith("["))]


def manual_of_program(program):
    top = help_of(program)
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    yield f'.TH ROKTCACHED 1 "" "roktcached {version}" "User Commands"'
    yield from (".SH NAME", "roktcached \\- " + text_of(top[0][0].lower() + top[0][1:].rstrip(".")))
    yield from (".SH SYNOPSIS", ".B roktcached", "\\fICOMMAND\\fR [\\fIOPTIONS\\fR]")
    yield from (".SH DESCRIPTION", text_of(top[0]))
    yield from ("Services and BI tools ask it with the paths of the API. It holds the credential, answers from its cache, and shares the", "upstream\\(aqs rate limit.")
    yield ".SH COMMANDS"
    for verb in commands_of(top):
        (summary, usage, *rest), footer = split_at_footer(help_of(program, verb))
        assert usage.startswith("Usage: roktcached "), usage
        yield from (heading(".SS", usage.removeprefix("Usage: ")), text_of(summary) + ".")
        yield from options_of(rest)
        yield from footer_of(footer)
    yield from END.strip().splitlines()


def paragraphs_of(lines):
    """Text and indented examples of a comment."""
    text = []
    example = []
    for line in [*lines, ""]:
        if line.startswith("  "):
            example.append(line[2:])
            continue
        if example:
            yield from [*(text_of(each) for each in text), *verbatim(example)]
            text, example = [], []
        if line:
            text.append(line)
        elif text:
            yield from [*(text_of(each) for each in text), ".PP"]
            text = []


def manual_of_configuration(text, version):
    """Comments stand before what they are about: a setting with its default, or a table."""
    introduction, *blocks = re.split(r"\n(?=\n)", text)
    yield f'.TH ROKTCACHED.TOML 5 "" "roktcached {version}" "File Formats"'
    yield from (".SH NAME", "roktcached.toml \\- configuration of roktcached", ".SH DESCRIPTION")
    yield from paragraphs_of(line.lstrip("#").removeprefix(" ") for line in introduction.splitlines())
    yield ".SH SETTINGS"
    for block in blocks:
        comment = []
        for line in block.strip().splitlines():
            bare = re.sub(r"^# ?", "", line)
            if section := re.fullmatch(r"\[+[a-z.]+\]+", bare):
                yield from (heading(".SS", section[0]), *paragraphs_of(comment))
                comment = []
            elif re.fullmatch(r"[a-z_]+ = .*", bare) and line.startswith("# "):
                yield from entry(bare, comment)
                comment = []
            else:
                comment.append(bare)
        if comment:
            # A table that has no default is there as an example.
            if table := next((line.strip() for line in comment if re.fullmatch(r" +\[\[[a-z.]+\]\]", line)), None):
                yield heading(".SS", table)
            yield from [".PP", *paragraphs_of(comment)]
    yield from (".SH SEE ALSO", ".BR roktcached (1)")


def main():
    program, configuration, folder = sys.argv[1:]
    pages = {"man1/roktcached.1.gz": list(manual_of_program(program))}
    version = pages["man1/roktcached.1.gz"][0].split('"')[3].split()[-1]
    pages["man5/roktcached.toml.5.gz"] = manual_of_configuration(pathlib.Path(configuration).read_text(), version)
    for name, lines in pages.items():
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))  # the same each time


if __name__ == "__main__":
    main()
