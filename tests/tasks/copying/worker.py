"""A process that copies, to be killed, robbed of its rights, or crippled.

Call: `worker MODE SOURCE DESTINATION MANIFEST [ARGUMENT]`. It prints `ready`, then one line
of JSON.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from policies.errors import BeamkeeperError
from policies.manifest import ManifestEntry
from tasks.copying import CopyOptions, FileDigest, ReadBack, blocks, copy_run, folders, libc, stage
from tests.tasks.copying.trees import flip, rot_behind


def real(_):
    """The engine as it is."""


def no_reread(_):
    """An engine that believes what it wrote."""

    def prove(self, entry, part, _arena):
        if self._after_write is not None:
            self._after_write(entry.relative_path, self._destination.path / part)
        return stage.Staged(entry, ReadBack.DIRECT, part)

    stage.Stage._prove = prove


def no_comparison(_):
    """An engine that re-reads and does not look."""
    stage.difference = lambda *_: None


def lazy_digest(_):
    """An engine that takes the source's digest for the copy's."""

    def read(self, folder, path, _arena, *, sync):
        with folder.opened(path) as file:
            del sync
            size = os.fstat(file.fd).st_size
            return FileDigest(size, *self.sums[path], 0), file.read_back

    def prove(self, entry, part, arena):
        self.sums = {part: (entry.xxh3_128, entry.adler32)}
        return whole(self, entry, part, arena)

    whole = stage.Stage._prove
    stage.Stage._prove = prove
    real_read = stage.Stage._read
    stage.Stage._read = lambda self, folder, path, arena, *, sync: (real_read if sync else read)(
        self, folder, path, arena, sync=sync
    )


def cached_reread(_):
    """An engine that re-reads memory instead of the medium."""

    def buffered(name, flags, parent, mode=0):
        return blocks.Opened(os.open(name, flags, mode, dir_fd=parent), direct=False)

    folders._direct = buffered
    blocks.Opened.forget = lambda self: None


def nobody(_):
    """The engine in the hands of a user without rights."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


CALLS = ("mkdir", "open", "preadv", "pwritev", "utime", "fsync", "rename_new", "syncfs", "unlink")
count = {"calls": 0}


def dies(argument):
    """Killed before the n-th call of one of the steps that change a copy, or of any."""
    names, number = argument.split(":")
    guard = threading.Lock()

    def dying(call):
        def step(*args, **kwargs):
            with guard:
                count["calls"] += 1
                if count["calls"] == int(number):
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return step

    for name in CALLS if names == "any" else [names]:
        where = libc if hasattr(libc, name) else os
        setattr(where, name, dying(getattr(where, name)))


MODES = {
    f.__name__: f
    for f in (real, no_reread, no_comparison, lazy_digest, cached_reread, nobody, dies)
}


def main():
    mode, source, destination, manifest, *rest = sys.argv[1:]
    entries = [ManifestEntry(*row) for row in json.loads(Path(manifest).read_text())]
    argument = rest[0] if rest else ""
    MODES[mode](argument)

    def damage(_, part):
        if argument == "flip":
            flip(part, 70_000)
        if argument.startswith("rot:"):
            rot_behind(Path(argument[4:]), part, 70_000)

    print("ready", flush=True)
    try:
        proof = copy_run(
            Path(source),
            Path(destination),
            entries,
            CopyOptions(folder_mode=0o755, file_mode=0o644),
            after_write=damage,
        )
    except BeamkeeperError as error:
        print(json.dumps({"error": error.code, "message": error.message, **error.context}))
    else:
        print(json.dumps(proof.as_record() | count))


if __name__ == "__main__":
    main()
