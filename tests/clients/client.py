#!/usr/bin/env python3
"""Sends a line, reads the echo, and prints its own address and what came back.

    client.py ADDR LINE [--ca FILE [--name NAME] [--cert FILE] [--alpn PROTOCOL]]

ADDR is 127.0.0.1:8080, [::1]:8080 or unix:/path. With --ca it speaks TLS and asks for NAME;
--cert is a PEM file of the client's own certificate and key. It prints one line each:

    address 127.0.0.1:54321
    tls TLSv1.3 TLS_AES_256_GCM_SHA384      (only with --ca)
    echo the line that came back
"""

import argparse
import socket
import ssl

PATIENCE = 20  # seconds for any one step


def connect(address):
    if address.startswith("unix:"):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(PATIENCE)
        plain.connect(address.removeprefix("unix:"))
        return plain
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)


def own_address(stream):
    if stream.family == socket.AF_UNIX:
        return "unix:" + stream.getsockname()
    host, port = stream.getsockname()[:2]
    return f"[{host}]:{port}" if stream.family == socket.AF_INET6 else f"{host}:{port}"


def main():
    arguments = argparse.ArgumentParser(description="echo client")
    arguments.add_argument("address")
    arguments.add_argument("line")
    arguments.add_argument("--ca", help="speak TLS, and trust this certificate")
    arguments.add_argument("--name", default="localhost", help="the server's name")
    arguments.add_argument("--cert", help="the client's own certificate and key")
    arguments.add_argument("--alpn", help="the protocol to agree on")
    args = arguments.parse_args()

    with connect(args.address) as stream:
        print("address", own_address(stream))
        if args.ca:
            tls = ssl.create_default_context(cafile=args.ca)
            if args.cert:
                tls.load_cert_chain(args.cert)
            if args.alpn:
                tls.set_alpn_protocols([args.alpn])
            stream = tls.wrap_socket(stream, server_hostname=args.name)
            print("tls", stream.version(), stream.cipher()[0])
        stream.sendall(args.line.encode() + b"\n")
        with stream, stream.makefile("rb") as received:
            echo = received.readline()
        if not echo.endswith(b"\n"):
            raise SystemExit(f"the echo ended early, after {echo!r}")
        print("echo", echo.decode().removesuffix("\n"))


if __name__ == "__main__":
    main()
