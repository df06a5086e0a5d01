"""The table of tests/data/spellings.json: requests, what each asks, and which are refused."""
import json

from harness import TOP, request

TABLE = json.loads((TOP / "tests" / "data" / "spellings.json").read_text())
ERRORS = TABLE["errors"]


def questions(validation="strict"):
    return [row for row in TABLE["questions"] if row.get("validation", "strict") == validation]


def target_of(row):
    """`row` is a target, or has target and fields."""
    return row if isinstance(row, str) else row["target"]


def send(port, row):
    return request(port, target_of(row), fields={} if isinstance(row, str) else row.get("fields"))
