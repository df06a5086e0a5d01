"""The manual and the completion know what the program knows, and say it without complaints."""
import gzip
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = str(TOP / "build" / "release" / "roktcached")
CONFIGURATION = TOP / "config" / "roktcached.toml"
PAGES = {"roktcached": "man1/roktcached.1.gz", "roktcached.toml": "man5/roktcached.toml.5.gz"}


def help_of(*verb):
    return subprocess.run([BINARY, *verb, "--help"], capture_output=True, text=True, check=True, cwd="/").stdout


def verbs():
    return re.findall(r"^  ([a-z-]+) ", help_of().split("Subcommands:")[1], re.MULTILINE)


def options_of(verb):
    return set(re.findall(r"^ {2,4}(?:-\w,)?(--[a-z-]+)", help_of(verb), re.MULTILINE))


def words(text):
    return " ".join(text.split())


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        subprocess.run([TOP / "deploy" / "man" / "make_manual.py", BINARY, CONFIGURATION, folder.name], check=True)

    def shown(self, name):
        """As `man` shows it, without hyphenation."""
        environment = {**os.environ, "MANWIDTH": "500", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
        done = subprocess.run(["man", "--no-hyphenation", "--no-justification", "--local-file", self.folder / PAGES[name]], capture_output=True, text=True,
                              env=environment, check=True)
        return done.stdout

    def test_man_and_groff_have_no_complaints(self):
        for name, path in PAGES.items():
            for command in (["man", "--warnings", "--local-file", self.folder / path], ["groff", "-ww", "-man", "-Tutf8", "-"]):
                with self.subTest(name, command=command[0]):
                    done = subprocess.run(command, input=gzip.decompress((self.folder / path).read_bytes()), capture_output=True,
                                          env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
                    self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))

    def test_has_every_verb_and_option_with_its_description(self):
        text = self.shown("roktcached")
        self.assertGreater(len(verbs()), 5)
        for verb in verbs():
            section = words(re.search(rf"(?ms)^   roktcached {verb}\b.*?(?=^   roktcached|^EXIT)", text)[0])
            self.assertIn(help_of(verb).splitlines()[0], section)
            self.assertGreater(len(options_of(verb)), 0)
            for option in options_of(verb):
                with self.subTest(verb, option=option):
                    self.assertIn(option, section)
            for described in re.findall(r"  ([A-Z][a-z].*[^:\n])$", help_of(verb), re.MULTILINE):
                with self.subTest(verb, described=described):
                    self.assertIn(words(described).replace("`", ""), section)

    def test_has_every_setting_with_its_default_and_all_that_is_said(self):
        text = self.shown("roktcached.toml")
        shown = words(text)
        for line in CONFIGURATION.read_text().splitlines():
            bare = re.sub(r"^# ?", "", line).replace("`", "")
            with self.subTest(line):
                self.assertIn(words(bare), shown)
        for section in re.findall(r"(?m)^\[([a-z.]+)\]$", CONFIGURATION.read_text()):
            self.assertRegex(text, rf"(?m)^   \[{re.escape(section)}\]$")

    def test_is_the_same_each_time(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([TOP / "deploy" / "man" / "make_manual.py", BINARY, CONFIGURATION, folder], check=True)
            for path in PAGES.values():
                self.assertEqual(pathlib.Path(folder, path).read_bytes(), (self.folder / path).read_bytes())


    def test_has_the_examples_exit_codes_and_variables_of_every_help(self):
        text = self.shown("roktcached")
        for verb in verbs():
            section = words(re.search(rf"(?ms)^   roktcached {verb}\b.*?(?=^   roktcached|^EXIT)", text)[0])
            footer = help_of(verb).split("Examples:\n")[1]
            self.assertIn("Exit codes:", footer)
            for line in footer.splitlines():
                with self.subTest(verb, line=line):
                    self.assertIn(words(line), section)


class Completion(unittest.TestCase):
    def completed(self, *typed):
        """What bash offers for the last of these words."""
        script = ('PATH=$1:$PATH; . "$2"; shift 2; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _roktcached; printf "%s\\n" "${COMPREPLY[@]}"')
        with tempfile.TemporaryDirectory() as folder:
            for name in ("mine.toml", "mine.txt"):
                pathlib.Path(folder, name).touch()
            done = subprocess.run(["bash", "-euc", script, "bash", os.path.dirname(BINARY), TOP / "deploy" / "completion" / "roktcached.bash", "roktcached", *typed],
                                  capture_output=True, text=True, cwd=folder, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_offers_every_verb_and_option(self):
        self.assertEqual(self.completed(""), {*verbs(), "--help", "--version"})
        for verb in verbs():
            with self.subTest(verb):
                self.assertEqual(self.completed(verb, "--"), options_of(verb))

    def test_narrows_to_what_is_typed(self):
        self.assertEqual(self.completed("che"), {"check"})
        self.assertEqual(self.completed("purge", "--so"), {"--soft"})
        self.assertEqual(self.completed("nonsense", "--"), set())

    def test_offers_files_and_routes_where_they_belong(self):
        self.assertEqual(self.completed("check", "--config", "mi"), {"mine.toml"})
        self.assertIn("campaign-overview", self.completed("purge", "--route", "campaign-"))
        self.assertEqual(self.completed("check", "--no-secrets", "x"), set())

    def test_bash_loads_it(self):
        done = subprocess.run(["bash", "--norc", "-euc", f'. "{TOP}/deploy/completion/roktcached.bash"; complete -p roktcached'], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "complete -o default -F _roktcached roktcached\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
