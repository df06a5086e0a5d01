"""Asks with aiohttp."""
import asyncio

import aiohttp
from python_asks import FIELDS, asks, show


async def main():
    async with aiohttp.ClientSession(headers=FIELDS) as session:
        for url, parameters in asks():
            async with session.get(url, params=parameters) as answer:
                show(answer.status, await answer.read(), answer.headers.get("Cache-Status", ""))


asyncio.run(main())
