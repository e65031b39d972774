#!/usr/bin/env python3
"""Sends a header that the package proxy-protocol writes, and waits to be ended.

    proxyprotocol_client.py HOST PORT KIND

KIND is `v1 TCP4`, `v2 UDP6`, `v2 LOCAL` and so on. Version 2 has TLVs, unless it is LOCAL.
"""

import signal
import socket
import sys
from ipaddress import ip_address

from proxyprotocol.result import (
    ProxyResultIPv4,
    ProxyResultIPv6,
    ProxyResultLocal,
    ProxyResultUnknown,
)
from proxyprotocol.tlv import ProxyProtocolSSLTLV, ProxyProtocolTLV
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

SOURCES = {
    "4": (("192.0.2.10", 51000), ("198.51.100.20", 443)),
    "6": (("2001:db8::10", 51000), ("2001:db8:2::20", 443)),
}


def result(version, kind):
    if kind == "UNKNOWN":
        return ProxyResultUnknown()
    if kind == "LOCAL":
        return ProxyResultLocal()
    source, destination = [(ip_address(ip), port) for ip, port in SOURCES[kind[3]]]
    tlvs = ProxyProtocolTLV(
        alpn=b"h2",
        authority="mail.example.org",
        unique_id=b"realpeer-7",
        ssl=ProxyProtocolSSLTLV(has_ssl=True, version="TLSv1.3"),
        netns="blue",
    )
    return (ProxyResultIPv4 if kind[3] == "4" else ProxyResultIPv6)(
        source,
        destination,
        protocol=socket.SOCK_DGRAM if kind.startswith("UDP") else socket.SOCK_STREAM,
        tlv=tlvs if version == "v2" else None,
    )


def main():
    host, port, kind = sys.argv[1:]
    version, kind = kind.split(" ")
    pack = ProxyProtocolV1().pack if version == "v1" else ProxyProtocolV2().pack
    header = pack(result(version, kind))
    transport = socket.SOCK_DGRAM if kind.startswith("UDP") else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, transport) as peer:
        peer.connect((host, int(port)))
        peer.sendall(header + b"who")
        signal.pause()


if __name__ == "__main__":
    main()
