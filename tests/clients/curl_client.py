#!/usr/bin/env python3
"""Asks for URL with pycurl's libcurl, newer than Debian's curl, and puts a header before it.

    curl_client.py URL [ADDRESS]

With ADDRESS the header names it as source and as destination.
"""

import sys

import pycurl


def main():
    url, *address = sys.argv[1:]
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.HAPROXYPROTOCOL, True)
    if address:
        curl.setopt(pycurl.HAPROXY_CLIENT_IP, address[0])
    curl.perform()


if __name__ == "__main__":
    main()
