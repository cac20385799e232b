"""Copies of files on mounted file systems, proved by what the medium gives back.

The outside systems are two mounted trees: the online storage and GPFS, or GPFS and dCache
over NFS. When one of them is down nothing is lost: unfinished files have hidden names, the
source is never written to, and a copy asked for again keeps what was proved and goes on.

Every source byte is read once and digested on the way (xxh3_128 and Adler-32) and compared
with the manifest taken at registration. The destination is then re-read from the medium,
past the page cache, compared with the same manifest, and only then gets its name.

Nothing here knows Prefect: `copy_run`, `verify_run` and `digest_files` work in a plain
process.
"""

from tasks.copying.audit import verify_run
from tasks.copying.digests import digest_file, digest_files
from tasks.copying.engine import copy_run
from tasks.copying.model import (
    CopyOptions,
    CopyProof,
    Discrepancy,
    DiscrepancyKind,
    FileDigest,
    FileProof,
    Outcome,
    ReadBack,
)
from tasks.copying.public_sums import PublicSum, public_sums

__all__ = [
    "CopyOptions",
    "CopyProof",
    "Discrepancy",
    "DiscrepancyKind",
    "FileDigest",
    "FileProof",
    "Outcome",
    "PublicSum",
    "ReadBack",
    "copy_run",
    "digest_file",
    "digest_files",
    "public_sums",
    "verify_run",
]
