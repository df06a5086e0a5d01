"""Asks with HTTPX."""
import httpx
from python_asks import FIELDS, asks, show

with httpx.Client(headers=FIELDS, timeout=30) as client:
    for url, parameters in asks():
        answer = client.get(url, params=parameters)
        show(answer.status_code, answer.content, answer.headers.get("Cache-Status", ""))
