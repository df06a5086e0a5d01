"""Asks with requests-oauthlib: gets a token from BASE/auth/oauth2/token, then the reports.

CLIENT_ID and CLIENT_SECRET are its credentials, CLIENT_AUTHENTICATION says how it shows them: basic or form.
"""
import os

from oauthlib.oauth2 import BackendApplicationClient
from python_asks import BASE, FIELDS, asks, show
from requests_oauthlib import OAuth2Session

client_id = os.environ["CLIENT_ID"]
with OAuth2Session(client=BackendApplicationClient(client_id)) as session:
    session.fetch_token(f"{BASE}/auth/oauth2/token", client_id=client_id, client_secret=os.environ["CLIENT_SECRET"],
                        include_client_id=os.environ["CLIENT_AUTHENTICATION"] == "form" or None)
    for url, parameters in asks():
        answer = session.get(url, params=parameters, headers=FIELDS, timeout=30)
        show(answer.status_code, answer.content, answer.headers.get("Cache-Status", ""))
