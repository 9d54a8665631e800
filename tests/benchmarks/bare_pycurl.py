"""The most that could be had: the same POSTs from a bare pycurl multi loop, 32 at a time, with nothing around it."""

import json
import sys
import time

import pycurl

from tests.benchmarks.calling_peers import PAYLOAD


def main(url: str, count: int) -> None:
    """Print how many requests a second it was."""
    body = json.dumps(PAYLOAD).encode()
    multi = pycurl.CurlMulti()
    began = time.monotonic()
    for _ in range(32):
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        multi.add_handle(curl)
    begun, ended = 32, 0
    while ended < count:
        while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        left = 1
        while left:
            left, succeeded, failed = multi.info_read()
            assert not failed, failed
            for curl in succeeded:
                ended += 1
                multi.remove_handle(curl)
                if begun < count:
                    begun += 1
                    multi.add_handle(curl)
        multi.select(0.1)
    sys.stdout.write(f"{count / (time.monotonic() - began):.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
