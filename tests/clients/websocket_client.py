#!/usr/bin/python3
"""Opens a web socket to the example `tungstenite` and prints its greeting: who is there, and through whom.

    websocket_client.py ADDR

Then it says something, and wants it back.
"""

import asyncio
import sys

import websockets

PATIENCE = 20  # seconds for any one step


async def main(address):
    async with websockets.connect(f"ws://{address}/", open_timeout=PATIENCE) as socket:
        greeting = await asyncio.wait_for(socket.recv(), PATIENCE)
        await socket.send("hello")
        echo = await asyncio.wait_for(socket.recv(), PATIENCE)
        assert echo == "hello", echo
    print(greeting)


asyncio.run(main(sys.argv[1]))
