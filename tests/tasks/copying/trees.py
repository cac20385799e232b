"""Folders of real files, their manifests by other means than the engine's, and what is left."""

import array
import fcntl
import json
import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

import xxhash

from policies.manifest import ManifestEntry

MIB = 1 << 20
ROOT = Path(__file__).resolve().parents[3]


def entry_of(path, content):
    """The manifest's line of a content; sums by the plain libraries."""
    adler = f"{zlib.adler32(content):08x}"
    return ManifestEntry(path, len(content), xxhash.xxh3_128_hexdigest(content), adler)


def write_tree(folder, sizes, seed=1):
    """Write files of random bytes, dated a day back; give their manifest."""
    source = random.Random(seed)
    entries = []
    for path, size in sizes.items():
        content = source.randbytes(size)
        put(folder / path, content)
        entries.append(entry_of(path, content))
    return tuple(entries)


def put(path, content):
    """Write a file that was last modified long before the test began."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(10**18 + 1, 10**18 + 7))


def flip(path, offset=-1):
    """Invert one bit of a file, on the medium as well; its times stay."""
    at = path.stat()
    with path.open("r+b", buffering=0) as file:
        where = offset if offset >= 0 else at.st_size + offset
        file.seek(where)
        byte = file.read(1)
        file.seek(where)
        file.write(bytes([byte[0] ^ 0x10]))
        os.fsync(file.fileno())
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def place_of(path):
    """Where a file's first byte is on its medium, in bytes."""
    number = array.array("i", [0])
    with path.open("rb") as file:
        fcntl.ioctl(file.fileno(), 1, number)  # FIBMAP
        return number[0] * os.fstatvfs(file.fileno()).f_bsize


def rot_behind(image, part, offset):
    """Flip a bit of the medium behind the kernel's back; memory still has the good bytes."""
    good = part.read_bytes()
    at = place_of(part)
    os.sync()
    with image.open("r+b", buffering=0) as medium:
        medium.seek(at + offset)
        byte = medium.read(1)
        medium.seek(at + offset)
        medium.write(bytes([byte[0] ^ 1]))
    assert byte[0] == good[offset], "the extent is where the kernel said"
    assert part.read_bytes() == good, "memory still says all is well"


def state_of(folder):
    """Everything below a folder that a write would change, content included."""
    seen = {}
    for top, _, files in os.walk(folder):
        for name in files:
            path = Path(top, name)
            at = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else path.read_bytes()
            key = str(path.relative_to(folder))
            seen[key] = (content, at.st_mode, at.st_ino, at.st_mtime_ns, at.st_ctime_ns)
    return seen


def visible(folder):
    """Files that somebody who looks for data would take for data."""
    return {p for p in everything(folder) if not p.rpartition("/")[2].startswith(".")}


def hidden(folder):
    """Files with hidden names."""
    return everything(folder) - visible(folder)


def everything(folder):
    """Relative paths of all that is no folder."""
    return {
        str(Path(top, name).relative_to(folder))
        for top, _, files in os.walk(folder)
        for name in files
    }


def assert_whole(destination, entries, paths=None):
    """Each of these files has exactly the registered bytes."""
    lines = {e.relative_path: e for e in entries}
    for path in sorted(lines if paths is None else paths):
        assert entry_of(path, (destination / path).read_bytes()) == lines[path]


def save_manifest(path, entries):
    """Write a manifest for a child process."""
    rows = [[e.relative_path, e.size_bytes, e.xxh3_128, e.adler32] for e in entries]
    path.write_text(json.dumps(rows))


def child(*args, **kwargs):
    """Start `worker.py` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tasks.copying.worker", *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def said_by(process):
    """Last line that a child printed, as JSON."""
    out, err = process.communicate(timeout=60)
    lines = out.splitlines()
    assert lines, err
    return json.loads(lines[-1])
