"""Plausible mistakes on the command line and in the configuration: each message names the place, what came, and what is accepted."""
import os
import pathlib
import re

from harness import CREDENTIAL, TestCase, overview, run_command

FAILED, USAGE, UNAVAILABLE, CONFIGURATION = 1, 2, 69, 78

# On the command line: the words, the exit code, and all that the message must say.
COMMAND_LINE = [
    ([], USAGE, ["roktcached: no command", "accepted: serve, check, routes, explain, status"]),
    (["explan", "/x"], USAGE, ['no command "explan"; did you mean explain?', "accepted: serve, check"]),
    (["Serve"], USAGE, ['no command "Serve"; did you mean serve?', "accepted: serve"]),
    (["stats"], USAGE, ['no command "stats"; did you mean status?']),
    (["restatement"], USAGE, ['no command "restatement"; did you mean restatements?']),
    (["start"], USAGE, ['no command "start"', "accepted: serve, check"]),
    (["--verbose"], USAGE, ['roktcached: no option "--verbose"', "accepted: --help, --version"]),
    (["--config", "x.toml", "serve"], USAGE, ['roktcached: no option "--config"', "accepted: --help, --version"]),
    (["serve", "--confg", "x.toml"], USAGE, ['roktcached serve: no option "--confg"; did you mean --config?', "accepted: --help, --config, --demo"]),
    (["serve", "--config"], USAGE, ["roktcached serve: --config", "TEXT"]),
    (["serve", "now"], USAGE, ['roktcached serve: "now" is one argument too many', "accepted: options alone"]),
    (["check", "--no-secret"], USAGE, ['no option "--no-secret"; did you mean --no-secrets?']),
    (["check", "roktcached.toml"], USAGE, ['roktcached check: "roktcached.toml" is one argument too many', "accepted: options alone"]),
    (["check", "--config", "/no/such.toml"], CONFIGURATION, ["/no/such.toml"]),
    (["explain"], USAGE, ["roktcached explain: target is required"]),
    (["explain", overview(), overview()], USAGE, ["roktcached explain: ", "is one argument too many; accepted: target"]),
    (["explain", "reporting/accounts/12"], FAILED, ['target = "reporting/accounts/12": accepted: a path that begins with \'/\', or an http or https URL']),
    (["explain", overview(currency="EURO")], FAILED, ["currency", "EURO", "accepted"]),
    (["explain", overview(dateEnd="2025-02-30")], FAILED, ["dateEnd", "2025-02-30", "accepted"]),
    (["explain", overview(groupby="country").replace("overview", "breakdown").replace("country", "planet")], FAILED, ["groupby", "planet", "accepted", "country"]),
    (["explain", "/reporting/account/12/summary"], FAILED, ['target = "/reporting/account/12/summary": no route has this path; accepted: those that `roktcached routes` prints']),
    (["status", "--interval", "often"], USAGE, ["roktcached status: --interval: ", '"often": accepted: a number of 0.1 or more']),
    (["status", "--interval", "0"], USAGE, ["--interval", '"0": accepted: a number of 0.1 or more']),
    (["entries", "--limit", "0"], USAGE, ["roktcached entries: --limit: ", '"0": accepted: a whole number, 1 to 1000']),
    (["entries", "--limit", "ten"], USAGE, ["--limit", '"ten": accepted: a whole number, 1 to 1000']),
    (["entries", "--campaign", "3"], USAGE, ["roktcached entries: --campaign requires --account"]),
    (["entries", "--account", "1", "--route", "x"], USAGE, ["roktcached entries: ", "at most 1", "--account,--route,--target,--key"]),
    (["warm"], USAGE, ["roktcached warm: file is required"]),
    (["warm", "/no/such/file"], FAILED, ["/no/such/file: No such file or directory", "accepted: a file with a target on each line"]),
    (["warm", "/"], FAILED, ["/: ", "accepted: a file with a target on each line"]),
    (["verify", "/no/such/cache.db"], UNAVAILABLE, ["/no/such/cache.db: there is no such file"]),
    (["purge"], USAGE, ["roktcached purge: ", "--all,--account,--route,--target,--key"]),
    (["purge", "--al"], USAGE, ['roktcached purge: no option "--al"; did you mean --all?', "accepted: --help, --all, --account"]),
    (["purge", "--account", "12", "--all"], USAGE, ["roktcached purge: ", "--all,--account,--route,--target,--key"]),
    (["explain", overview(), "--body", os.devnull], FAILED, ["--body /dev/null: cannot be read, is empty or is longer", "accepted: a file of JSON"]),
    (["explain", overview(), "--body", "question.json"], FAILED, ["content: is for a question to the Query API, and campaign-overview is none", "accepted: no content"]),
    (["explain", "/v1/query/accounts/12/campaigns"], FAILED, ["content: is missing", "accepted: the question", "--body FILE"]),
    (["explain", overview(), "--rokt-version", "v1;x"], FAILED, ['rokt-version: "v1;x"; accepted: a token']),
    (["explain", f"{overview()}&roktcached-format=xml"], FAILED, ['roktcached-format: "xml"; accepted: json, csv, csv;excel or ndjson']),
    (["explain", f"{overview()}&roktcached-frmt=csv"], FAILED, ['"roktcached-frmt"; accepted: roktcached-format, roktcached-columns and roktcached-dates']),
    (["explain", f"{overview()}&roktcached-dates=last_7d"], FAILED, ['roktcached-dates: "last_7d" besides dateStart; accepted: one of them']),
    (["explain", f"{overview()}&roktcached-columns=fetched"], FAILED, ['roktcached-columns: "fetched"; accepted: fetched_at, report_state']),
    (["entries", "--route", "account-sumary"], FAILED, ['--route "account-sumary": no such route; did you mean account-summary?', "accepted: those that `roktcached routes` prints"]),
    (["restatements", "--route", "x"], FAILED, ['--route "x": no such route', "accepted: those that `roktcached routes` prints"]),
    (["purge", "--route", "sumary"], FAILED, ['--route "sumary": no such route', "accepted: those that `roktcached routes` prints"]),
    (["log-level", "verbose"], USAGE, ['level: "verbose": accepted: trace, debug, info, warn, error']),
    (["log-level", "DEBUG"], USAGE, ['level: "DEBUG": accepted: trace, debug, info, warn, error']),
    (["simulate", "--end-date", "both"], USAGE, ['--end-date: "both": accepted: exclusive, inclusive']),
    (["simulate", "--listen", "0.0.0.0:9090"], USAGE, ['--listen: "0.0.0.0:9090": accepted: an address on loopback']),
    (["purge", "12"], USAGE, ['roktcached purge: "12" is one argument too many', "accepted: options alone"]),
    (["simulate", "--listen", "9090"], USAGE, ['--listen: "9090": accepted: ADDRESS:PORT']),
    (["simulate", "--listen", "127.0.0.1:port"], USAGE, ['--listen: "127.0.0.1:port": accepted: ADDRESS:PORT']),
    (["simulate", "--now", "yesterday"], USAGE, ['--now: "yesterday": accepted: a time in UTC']),
    (["simulate", "--rate", "-1"], USAGE, ["--rate", '"-1": accepted: a number of 0 or more']),
    (["simulate", "--token-lifetime", "1h"], USAGE, ["--token-lifetime", '"1h": accepted: a whole number, 1 or more']),
    (["simulate", "--seed", "x"], USAGE, ["--seed", '"x": accepted: a whole number, 0 or more']),
]

# In the configuration file: its text, and all that the message must say. The first is the place: FILE:LINE and the key. What it
# must not say follows, where it would lead astray.
FILE = [
    ("[listen]\nthreds = 2\n", [":2: listen.threds: no such key", "did you mean threads?"]),
    ("[listn]\nthreads = 2\n", [":1: listn: no such section", "did you mean listen?"]),
    ("listen = 8080\n", [":1: listen", "accepted: a section, [listen]"]),
    ('[listen]\naddresses = "127.0.0.1:8080"\n', [":2: listen.addresses", "127.0.0.1:8080", "accepted"]),
    ('[listen]\naddresses = ["127.0.0.1"]\n', [":2: listen.addresses", "127.0.0.1", "accepted"]),
    ('[listen]\nthreads = "two"\n', [":2: listen.threads", "two", "accepted: a whole number"]),
    ("[listen]\nhead_timeout = 10\n", [":2: listen.head_timeout = 10", "accepted"]),
    ('[listen]\nhead_timeout = "10 minutes"\n', [":2: listen.head_timeout", "10 minutes", "accepted"]),
    ('[listen]\nunix_mode = "rw"\n', [":2: listen.unix_mode", "rw", "accepted"]),
    ('[cache]\nmax_memory = "256 megabytes"\n', [":2: cache.max_memory", "256 megabytes", "accepted"]),
    ('[cache]\nmax_memory = "-1MiB"\n', [":2: cache.max_memory", "-1MiB", "accepted"]),
    ('[cache]\nmax_disk = "1KiB"\n', [":2: cache.max_disk", "1KiB", "accepted"]),
    ('[upstream]\nurl = "api.rokt.com"\n', [":2: upstream.url", "api.rokt.com", "accepted"]),
    ('[upstream]\nurl = "ftp://api.rokt.com"\n', [":2: upstream.url", "ftp://api.rokt.com", "accepted"]),
    ("[upstream.budget]\nrequests_per_second = -1\n", [":2: upstream.budget.requests_per_second", "-1", "accepted"]),
    ("[upstream.budget]\nmax_concurrent = 0\n", [":2: upstream.budget.max_concurrent = 0", "accepted"]),
    ('[freshness]\nopen = "soon"\n', [":2: freshness.open", "soon", "accepted"]),
    ('[parameters]\nvalidation = "loose"\n', [":2: parameters.validation", "loose", "accepted", "strict", "lenient"]),
    ('[log]\nlevel = "verbose"\n', [":2: log.level", "verbose", "accepted", "debug"]),
    ('[log]\nformat = "xml"\n', [":2: log.format", "xml", "accepted", "text", "json"]),
    ('[admin]\naddress = "8081"\n', [":2: admin.address", "8081", "accepted"]),
    ('[[client]]\nnam = "bi"\n', [":2: client.nam", "did you mean name?"]),
    ('[[client]]\nname = "bi"\nsecret = "s3cret-that-is-plain"\n', [":3: client.secret: ", "accepted: secret_hash"]),
    ('[[client]]\nname = "bi"\nsecret_hash = "s3cret-that-is-plain"\n', [":3: client.secret_hash", "accepted"]),
    ('[[route]]\nname = "x"\npath = "no-slash"\nmethods = ["GET"]\ncache = "http"\n', ["route", "no-slash", "accepted"]),
    ('[[route]]\nname = "x"\npath = "/x"\nmethods = ["GET"]\ncache = "sometimes"\n', ["route.cache", "sometimes", "accepted", "report"]),
    ('[[warm]]\npath = "/reporting/accounts/1/summary?dateStart={tomorrow}"\nat = "06:30"\n', [":2: warm.path", "{tomorrow}", "accepted: {today}, {yesterday}"]),
    ('[[warm]]\npath = "/metadata/accounts/1/campaigns/2"\nat = "6:30"\ntime_zone = "UTC"\n', [":3: warm.at", "6:30", "accepted"]),
    ('[[warm]]\npath = "/metadata/accounts/1/campaigns/2"\nat = "06:30"\ntime_zone = "Mars"\n', [":4: warm.time_zone", "Mars", "accepted: an IANA time zone"]),
    ('[[warm]]\npath = "/reporting/accounts/1/sumary?timeZoneVariation=UTC"\nat = "06:30"\n', [":2: warm.path = ", "sumary", "accepted: what a GET of a report"], ["warm.time_zone"]),
    ('[[warm]]\npath = "/metadata/accounts/1/campaigns/2"\nat = 06:30:00\ntime_zone = "UTC"\n', [":3: warm.at = 06:30:00: accepted: a text in quotes"], ['warm.at = ""']),
    ('[[warm]]\npath = "/metadata/accounts/1/campaigns/2"\nat = "06:30"\ntime_zone = "UTC"\ndays = ["mon"]\n', [":5: warm.days: no such key; accepted: path, at, time_zone, rokt_version"]),
    ('[warm]\npath = "/metadata/accounts/1/campaigns/2"\nat = "06:30"\n', [":1: warm: accepted: [[warm]]"]),
    ('[query]\nend_date = "inclusive"\n', [":1: query: no such section; accepted: ", "listen", "parameters", "fleet"]),
    ('[formats]\ncsv = true\n', [":1: formats: no such section; accepted: ", "listen"]),
    ('[parameters]\nopen_end_step = "2d"\n', [":2: parameters.open_end_step", '"2d"', "accepted: a duration", "to 1d"]),
    ('[parameters]\nopen_end_step = "15"\n', [":2: parameters.open_end_step", '"15"', "accepted: a duration"]),
    ('[[route]]\nname = "x"\npath = "/x"\nmethods = "GET"\ncache = "http"\n', [':4: route.methods = "GET": accepted: a list of texts'], ["at least one"]),
    ('[fleet]\nurl = "redis://redis.internal"\n', [":2: fleet.url", "redis://redis.internal is beyond loopback without TLS", "accepted: rediss://redis.internal"]),
    ('[fleet]\nurl = "rediss://user:s3cret-that-is-plain@redis.internal"\n', [":2: fleet.url", "accepted", "fleet.username and fleet.password_file"]),
    ('[fleet]\nurl = "redis://127.0.0.1/2"\n', [":2: fleet.url", "redis://127.0.0.1/2", "database 0 only"]),
    ('[fleet]\nurl = "redis://127.0.0.1"\npassword = "s3cret-that-is-plain"\n', [":3: fleet.password: no such key; did you mean password_file?"]),
    ('[fleet]\nmembers = 3\n', [":2: fleet.members: no such key; accepted: url, username, password_file", "expected_instances"]),
    ('[fleet]\nexpected_instances = "three"\n', [":2: fleet.expected_instances", "three", "accepted: a whole number from 0"]),
    ('[fleet]\ncontrol_timeout = "1ms"\n', [":2: fleet.control_timeout", "1ms", "accepted", "from 10ms to 10s"]),
    ('[fleet]\ninstance = "pod 1"\n', [":2: fleet.instance", "pod 1", "accepted: 1 to 64 of A-Za-z0-9._-"]),
    ('[fleet]\nurl = "redis://127.0.0.1"\nca_file = "ca.crt"\n', [":3: fleet.ca_file: is for TLS, and fleet.url is redis://127.0.0.1; accepted: with rediss://"]),
    ('[fleet]\nurl = "redis://127.0.0.1"\nentry_key_file = "short"\n', [":3: fleet.entry_key_file: short: ", "shorter than 32 characters; accepted: one or two, one a line"]),
    ('[[credential]]\napp_id = "s3cret-that-is-plain"\n', [":2: credential.app_id: no such key; did you mean app_id_file?"]),
    ('[warming]\nlearn = "sometimes"\n', [":2: warming.learn", "sometimes", "accepted"]),
    ('[warming]\nsettling_time = "13h"\n', [":2: warming.settling_time", "accepted: at most", "12h"]),
    ('[listen]\nthreads = 2\nthreads = 3\n', [":3", "threads"]),
    ("[listen\n", [":1"]),
    ("threads = \n", [":1"]),
]

# In the environment: the variable, its value, and all that the message must say.
ENVIRONMENT = [
    ("ROKTCACHED_LISTEN_THREADS", "many", ["$ROKTCACHED_LISTEN_THREADS", "many", "accepted: a whole number"]),
    ("ROKTCACHED_LISTEN_THREAD", "1", ["$ROKTCACHED_LISTEN_THREAD", "did you mean ROKTCACHED_LISTEN_THREADS?"]),
    ("ROKTCACHED_CACHE_MAX_MEMORY", "1GB", ["$ROKTCACHED_CACHE_MAX_MEMORY", "1GB", "accepted"]),
    ("ROKTCACHED_LOG_ACCESS", "yes", ["$ROKTCACHED_LOG_ACCESS", "yes", "accepted"]),
    ("ROKTCACHED_CONFIG", "/no/such.toml", ["/no/such.toml"]),
    ("ROKT_APP_ID", "", ["$ROKT_APP_ID", "empty"]),
]


class Mistakes(TestCase):
    def assert_said(self, done, code, parts):
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Aroktcached( [a-z-]+)?: ")
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertNotIn("s3cret-that-is-plain", done.stderr)
        self.assertLessEqual(len(done.stderr.splitlines()), 4, done.stderr)

    def test_there_are_more_than_fifty(self):
        self.assertGreaterEqual(len(COMMAND_LINE) + len(FILE) + len(ENVIRONMENT), 50)

    def test_on_the_command_line(self):
        folder = self.folder()
        pathlib.Path(folder, "question.json").write_text('{"startDate":"2026-01-01","endDate":"2026-01-31","metrics":["impressions"]}')
        for words, code, parts in COMMAND_LINE:
            with self.subTest(" ".join(words)):
                self.assert_said(run_command(*words, folder=folder, **CREDENTIAL, ROKTCACHED_ADMIN_ADDRESS="off", XDG_CACHE_HOME=folder), code, parts)

    def test_in_the_configuration_file(self):
        for text, parts, *misleading in FILE:
            with self.subTest(text):
                folder = self.folder()
                pathlib.Path(folder, "roktcached.toml").write_text(text)
                private = pathlib.Path(folder, "short")
                private.touch(0o600)
                private.write_text("a-short-key\n")
                done = run_command("check", folder=folder, **CREDENTIAL)
                self.assert_said(done, CONFIGURATION, parts)
                for part in sum(misleading, []):
                    self.assertNotIn(part, done.stderr)
                self.assertRegex(done.stderr, r"roktcached\.toml:\d+")

    def test_what_may_be_meant_is_warned_of(self):
        for text, warning in (('[fleet]\nusername = "roktcached"\n', "fleet.username: there is no fleet without fleet.url"),
                              ('[upstream]\nurl = "https://api.rokt.com/reporting"\n', "upstream.url: its path /reporting stands before that of each request, "
                               "which begins with /reporting itself; usually it has no path")):
            folder = self.folder()
            pathlib.Path(folder, "roktcached.toml").write_text(text)
            done = run_command("check", folder=folder, **CREDENTIAL)
            self.assertEqual((done.returncode, done.stderr), (0, f"roktcached: warning: {warning}\n"))

    def test_in_the_environment(self):
        for name, value, parts in ENVIRONMENT:
            with self.subTest(name):
                environment = {**CREDENTIAL, name: value}
                self.assert_said(run_command("check", folder=self.folder(), **environment), CONFIGURATION, parts)


class Help(TestCase):
    def verbs(self):
        return re.findall(r"(?m)^  ([a-z-]+) ", run_command("--help").stdout.split("Subcommands:")[1])

    def test_every_help_has_examples_exit_codes_and_the_environment(self):
        self.assertGreaterEqual(len(self.verbs()), 14)
        for verb in [None, *self.verbs()]:
            with self.subTest(verb):
                done = run_command(*([verb] if verb else []), "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                examples = re.search(r"(?m)^Examples:\n((?:    .*\n)+)", done.stdout)[1]
                for example in examples.splitlines():
                    self.assertRegex(example, rf"^    roktcached {verb or '[a-zA-Z-]+'}\b")
                codes = re.search(r"(?m)^Exit codes:\n((?:    \d+ +\S.*\n)+)", done.stdout)[1]
                self.assertEqual([int(line.split()[0]) for line in codes.splitlines()], sorted({int(line.split()[0]) for line in codes.splitlines()}))
                self.assertTrue({0, 2} <= {int(line.split()[0]) for line in codes.splitlines()})
                self.assertEqual("ROKTCACHED_CONFIG" in done.stdout.split("Exit codes:")[1], verb is None or "--config" in done.stdout)

    def test_the_options_of_every_example_are_accepted(self):
        for verb in self.verbs():
            text = run_command(verb, "--help").stdout
            options, _, footer = text.partition("Examples:")
            for option in re.findall(rf"    roktcached {verb}[^|\n]*?(--[a-z-]+)", footer):
                with self.subTest(verb, option=option):
                    self.assertIn(option, options)

    def test_the_version_is_said_in_both_ways(self):
        self.assertRegex(run_command("version").stdout, r"^roktcached \d+\.\d+\.\d+\n$")
        self.assertEqual(run_command("--version").stdout, run_command("version").stdout)
