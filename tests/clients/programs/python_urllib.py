"""Asks with the standard library's urllib."""
import urllib.error
import urllib.parse
import urllib.request

from python_asks import FIELDS, asks, show

for url, parameters in asks():
    request = urllib.request.Request(f"{url}?{urllib.parse.urlencode(parameters)}", headers=FIELDS)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        show(answer.status, answer.read(), answer.headers.get("Cache-Status", ""))
