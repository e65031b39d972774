#!/usr/bin/python3
"""Makes one gRPC call to the example `tonic` and prints the answer: who called, and through whom.

    grpc_client.py ADDR

There are no generated messages: the request is an Empty, the answer a StringValue of one short field.
"""

import sys

import grpc

PATIENCE = 20  # seconds


def string_value(message):
    tag, length = message[0], message[1]
    assert tag == 0x0A and length == len(message) - 2, message
    return message[2:].decode()


with grpc.insecure_channel(sys.argv[1], options=[("grpc.enable_http_proxy", 0)]) as channel:
    ask = channel.unary_unary(
        "/realpeer.WhoAmI/Ask",
        request_serializer=lambda _: b"",
        response_deserializer=string_value,
    )
    print(ask(None, timeout=PATIENCE))
