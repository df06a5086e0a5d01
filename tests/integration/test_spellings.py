"""One report is one upstream call, whatever the spelling: the rows of tests/data/spellings.json, run through the daemon."""
import collections

from harness import TestCase, run_command
from spellings import ERRORS, questions, send, target_of


class Spellings(TestCase):
    def calls(self, simulator):
        """Upstream calls by target, of reports and metadata."""
        by_target = simulator.ledger()["by_target"]
        return {name.removeprefix("GET "): count for name, count in by_target.items() if name.startswith(("GET /reporting", "GET /metadata"))}

    def ask_all(self, validation, statuses):
        simulator, proxy = self.pair(parameters_validation=validation)
        expected = collections.Counter()
        for question in questions(validation):
            replies = [send(proxy.port, row) for row in question["spelled"]]
            answers = {(reply.status, reply.body) for reply in replies}
            self.assertEqual(len(answers), 1, question["asks"])
            self.assertIn(replies[0].status, statuses, question["asks"])
            self.assertEqual([reply.is_hit for reply in replies], [False] + [True] * (len(replies) - 1), question["asks"])
            expected[question["asks"]] += 1
        self.assertEqual(self.calls(simulator), dict(expected))

    def test_every_spelling_of_a_question_costs_one_call_in_one_spelling(self):
        self.ask_all("strict", (200,))

    def test_so_it_is_where_validation_is_lenient(self):
        self.ask_all("lenient", (200, 400))  # what only a lenient proxy lets pass the simulator may refuse

    def test_what_is_nearly_right_is_refused_in_words_that_help_and_costs_nothing(self):
        simulator, proxy = self.pair()
        for row in ERRORS:
            reply = send(proxy.port, row)
            self.assertEqual(reply.status, row["status"], target_of(row))
            self.assertIn(row["says"], reply.problem()["detail"], target_of(row))
        self.assertEqual(self.calls(simulator), {})

    def test_explain_shows_one_key_for_all_of_them(self):
        question = questions()[0]
        explained = [run_command("explain", target_of(row)) for row in question["spelled"]]
        self.assertEqual({command.returncode for command in explained}, {0}, explained)
        keys = {command.stdout for command in explained}
        self.assertEqual(len(keys), 1, keys)
        self.assertIn(f"default {question['asks']} LATEST", keys.pop())
