"""Reads each report with pandas, as a notebook does, and prints its rows as JSON: pandas shows neither status nor bytes."""
import json
import urllib.parse

import pandas
from python_asks import FIELDS, asks

for url, parameters in asks():
    frame = pandas.read_json(f"{url}?{urllib.parse.urlencode(parameters)}", storage_options=FIELDS)
    print(json.dumps(frame["items"].tolist()))
