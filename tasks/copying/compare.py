"""A file against its line of the manifest."""

from policies.manifest import ManifestEntry
from tasks.copying.model import Discrepancy, DiscrepancyKind, FileDigest


def difference(entry: ManifestEntry, found: FileDigest, where: str) -> Discrepancy | None:
    """Compare what was read with what was registered.

    Args:
        entry: The manifest's line.
        found: What was read.
        where: `source`, `destination` or `copy`.

    Returns:
        None when size and both digests are equal.
    """
    if found.size_bytes != entry.size_bytes:
        return wrong_size(entry, found.size_bytes, where)
    if (found.xxh3_128, found.adler32) != (entry.xxh3_128, entry.adler32):
        return Discrepancy(
            entry.relative_path,
            DiscrepancyKind.DIGEST,
            where,
            f"xxh3_128 {entry.xxh3_128} adler32 {entry.adler32}",
            f"xxh3_128 {found.xxh3_128} adler32 {found.adler32}",
        )
    return None


def wrong_size(entry: ManifestEntry, size_bytes: int, where: str) -> Discrepancy:
    """Say that a file has another length."""
    return Discrepancy(
        entry.relative_path,
        DiscrepancyKind.SIZE,
        where,
        f"{entry.size_bytes} bytes",
        f"{size_bytes} bytes",
    )
