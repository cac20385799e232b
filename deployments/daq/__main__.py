"""`python -m deployments.daq`: send a message from a shell, or keep sending what waits.

The key's secret comes from the environment variable BEAMKEEPER_DAQ_SECRET, never from the
command line, where everybody on the machine could read it.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from deployments.daq.client import DaqClient
from policies.errors import BeamkeeperError
from policies.messages import MessageKind
from policies.signing import SigningKey

_SECRET = "BEAMKEEPER_DAQ_SECRET"  # noqa: S105 - the variable's name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.daq", description=__doc__)
    parser.add_argument("--url", required=True, help="address of the gateway")
    parser.add_argument("--sender", required=True, help="our name at the gateway")
    parser.add_argument("--key", required=True, help="id of the signing key")
    parser.add_argument("--spool", required=True, type=Path, help="folder for what waits")
    verbs = parser.add_subparsers(dest="verb", required=True)
    send = verbs.add_parser("send", help="send a message; the body is JSON from standard input")
    send.add_argument("kind", choices=[str(kind) for kind in MessageKind])
    send.add_argument("--event-id", help="name of the message; a repetition keeps it")
    flush = verbs.add_parser("flush", help="send what waits")
    flush.add_argument("--every", type=float, metavar="SECONDS", help="again and again")
    return parser.parse_args()


def _act(options: argparse.Namespace, client: DaqClient) -> int:
    if options.verb == "send":
        receipt = client.send(MessageKind(options.kind), json.load(sys.stdin), options.event_id)
        sys.stdout.write(json.dumps({"delivered": receipt.delivered, **receipt.answer}) + "\n")
        return 0 if receipt.accepted else 1
    if options.every:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        client.keep_flushing(stop, options.every)
    else:
        client.flush()
    return 1 if client.waiting() else 0


def main() -> int:
    """Run; 0 when the gateway has everything, 1 when something waits or was refused."""
    options = _arguments()
    key = SigningKey(options.key, os.environ.get(_SECRET, "").encode())
    try:
        client = DaqClient(options.url, options.sender, key, options.spool)
        try:
            return _act(options, client)
        finally:
            client.close()
    except BeamkeeperError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
