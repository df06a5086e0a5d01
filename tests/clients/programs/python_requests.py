"""Asks with Requests."""
import requests
from python_asks import FIELDS, asks, show

with requests.Session() as session:
    session.headers.update(FIELDS)
    for url, parameters in asks():
        answer = session.get(url, params=parameters, timeout=30)
        show(answer.status_code, answer.content, answer.headers.get("Cache-Status", ""))
