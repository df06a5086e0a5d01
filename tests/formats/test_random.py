"""100,000 random answers become CSV and NDJSON; Python's own parsers read them back and must find every value as the JSON has it.

Usage: test_random.py CONVERT [COUNT [SEED]]    CONVERT: the program made of convert.cpp
"""
import csv
import io
import json
import random
import subprocess
import sys
import threading

NAMES = ["id", "name", "cost", "a b", "a,b", "quo\"te", "line\nbreak", "größe", "=x", "", " edge ", "items", "data", "😀"]
TEXTS = ["", "x", "Smith, Jones & Co", "say \"hi\"", "two\nlines", "cr\rlf\r\n", " edge", "edge ", "12345678901234567", "007", "-1.5e3", "null", "true", "=1+1",
         "größe", "日本語", "😀", "tab\t", "\\", "/", "\u0001", "[1]", "{}", "'", ","]
NUMBERS = ["0", "-0", "1", "12345678901234567", "-7", "10.10", "0.1000", "1e-7", "1E+400", "-2.5e10", "44638.223000", "9" * 40]


class Number(str):
    """A number's text: it never becomes a float."""


def value(dice, depth=0):
    kind = dice.random()
    if kind < 0.35:
        return "".join(dice.choice(TEXTS) for _ in range(dice.choice((1, 1, 2))))
    if kind < 0.7:
        return Number(dice.choice(NUMBERS))
    if kind < 0.8:
        return dice.choice((None, True, False))
    if depth == 2:
        return None
    if kind < 0.9:
        return [value(dice, depth + 1) for _ in range(dice.randrange(3))]
    return {dice.choice(NAMES): value(dice, depth + 1) for _ in range(dice.randrange(3))}


def written(dice, what):
    """JSON text, spelled at random."""
    space = dice.choice(("", "", " ", "\t"))
    if isinstance(what, Number):
        return str(what)
    if isinstance(what, str):
        return text_written(dice, what)
    if isinstance(what, list):
        return "[" + space + ("," + space).join(written(dice, one) for one in what) + space + "]"
    if isinstance(what, dict):
        members = (text_written(dice, name) + space + ":" + space + written(dice, one) for name, one in what.items())
        return "{" + space + ("," + space).join(members) + "}"
    return json.dumps(what)


def text_written(dice, text):
    return json.dumps(text, ensure_ascii=dice.random() < 0.5)


def answer(dice):
    """An answer, and its rows."""
    names = dice.sample(NAMES, dice.randint(1, 6))
    rows = []
    for _ in range(dice.choice((0, 1, 2, 5))):
        row = {name: value(dice) for name in names if dice.random() < 0.9}
        rows.append(dict(dice.sample(list(row.items()), len(row))) if dice.random() < 0.2 else row)
    shape = dice.random()
    if shape < 0.3:
        return written(dice, rows), rows
    if shape < 0.8:
        around = {"accountId": "7", dice.choice(("items", "data")): rows, "queryTimeMs": Number(dice.randrange(999))}
        return written(dice, around), rows
    one = {name: value(dice) for name in names if name not in ("items", "data")}
    return written(dice, one), [one]


def as_read(text):
    """With each number as its text."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def in_cell(cell, what):
    if what is None:
        return cell == ""
    if isinstance(what, bool):
        return cell == json.dumps(what)
    if isinstance(what, str):  # a number, too: its text
        return cell == what
    return as_read(cell) == what


def check_csv(text, rows):
    read = list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        return read == []
    if read[0] != columns or len(read) != len(rows) + 1:
        return False
    for cells, row in zip(read[1:], rows):
        cells = cells or [""]  # a line without a character is one cell
        if len(cells) != len(columns) or not all(in_cell(cell, row.get(name)) for name, cell in zip(columns, cells)):
            return False
    return True


def check_ndjson(text, rows):
    lines = text.decode().split("\n")
    return lines.pop() == "" and [as_read(line) for line in lines] == rows


def main():
    convert, count, seed = sys.argv[1], int((sys.argv[2:] + ["100000"])[0]), int((sys.argv[3:] + ["1"])[0])
    dice = random.Random(seed)
    cases = []
    for number in range(count):
        text, rows = answer(dice)
        cases.append((("csv", "ndjson")[number % 4 == 0], text, rows))
    with subprocess.Popen([convert], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        def feed():
            for form, text, _ in cases:
                program.stdin.write(f"{form}\t{text}\n".encode())
            program.stdin.close()
        threading.Thread(target=feed, daemon=True).start()
        rows_read = 0
        for number, (form, text, rows) in enumerate(cases):
            length = program.stdout.readline().strip()
            got = program.stdout.read(int(length)) if length != b"refused" else None
            if got is None or not (check_csv if form == "csv" else check_ndjson)(got, rows):
                print(f"answer {number} of seed {seed}, as {form}: {text}\nbecame: {got!r}")
                return 1
            rows_read += len(rows)
    print(f"{count} random answers with {rows_read} rows: each value came back as it was (seed {seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
