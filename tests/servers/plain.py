"""Tells each client its address: plain.py http|asyncio|threads HOST PORT."""

import asyncio
import http.server
import socket
import sys
import threading


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def line(address):
    return f"{address[0]}:{address[1]}\n".encode()


def by_http(host, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(line(self.client_address))

    class Server(http.server.ThreadingHTTPServer):
        address_family = family(host)

    Server((host, port), Handler).serve_forever()


def by_asyncio(host, port):
    async def serve():
        async def answer(_, writer):
            writer.write(line(writer.get_extra_info("peername")))
            writer.close()

        server = await asyncio.start_server(answer, host, port)
        await server.serve_forever()

    asyncio.run(serve())


def by_threads(host, port):
    """Four threads wait in accept of one blocking listener."""
    listener = socket.create_server((host, port), family=family(host))

    def accept():
        while True:
            client, address = listener.accept()
            with client:
                client.sendall(line(address))

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


how = {"http": by_http, "asyncio": by_asyncio, "threads": by_threads}
how[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
