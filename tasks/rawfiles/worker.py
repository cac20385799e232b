"""The process that opens files: reads paths on stdin, writes facts on stdout.

HDF5's library can crash or hang on a damaged file; then this process dies, not a flow.
"""

import os
import pickle
import struct
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

from policies.audit_facts import FileFacts
from tasks.rawfiles.content import read_content
from tasks.rawfiles.entries import fill

HEAD = struct.Struct("<Q")
"""Length of the pickled facts that follow."""


def serve(paths: BufferedReader, out: BinaryIO) -> None:
    """Answer each path (terminated by NUL) with facts, until the input ends."""
    pending = b""
    while chunk := paths.read1(65536):
        *whole, pending = (pending + chunk).split(b"\0")
        for path in whole:
            asked = Path(os.fsdecode(path))
            _answer(out, fill(asked.parent, asked.name, read_content))


def _answer(out: BinaryIO, facts: FileFacts) -> None:
    body = pickle.dumps(facts)
    out.write(HEAD.pack(len(body)) + body)
    out.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    serve(BufferedReader(FileIO(0, closefd=False)), answers)
