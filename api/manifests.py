"""Manifests of open data: checksums of every file, and a BagIt bag that fetches them.

They are read page by page, and before each page it is asked again whether the data are still
open: a transfer of what was closed meanwhile breaks off.

Source: BagIt, RFC 8493 (`fetch.txt`, percent-encoding in paths).
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.citation import citation, doi_url
from api.door import PublicSite
from api.formats.form import Shown, one_line
from api.landing import Landing, doi_asked, well_formed
from catalog.queries.public import public_record
from catalog.queries.public_files import FIRST, SHOWING, open_files
from policies.errors import Unavailable
from policies.public_record import PublicFile, PublicRecord

PAGE = 2000
"""Files read at once."""
CHUNK = 1 << 18
_BAGS = BoundedSemaphore(2)
"""Bags written at a time: each takes a temporary file."""

Pages = Iterator[tuple[PublicRecord, list[PublicFile]]]
Line = Callable[[Shown, PublicFile], str]


class Closed(Exception):
    """The data are not open, or not any more."""


def pages(site: PublicSite, doi: str) -> Pages:
    """The files page by page, with the record as it is then.

    Raises:
        Closed: The data are not open, or there is no file.
    """
    after = FIRST
    while True:
        now = site.clock()
        with site.database.read() as session:
            record = public_record(session, doi, site.publisher, site.zone, now)
            if record is None or record.page not in SHOWING:
                raise Closed
            found = open_files(session, record, now, after=after, limit=PAGE)
        if after == FIRST and not found:
            raise Closed
        yield record, [file for _, file in found]
        if len(found) < PAGE:
            return
        after = found[-1][0]


def encoded(path: str) -> str:
    """A path in a bag: line breaks and percent signs must not stand in it."""
    return "data/" + path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def sha256_line(_shown: Shown, file: PublicFile) -> str:
    """A line of `manifest-sha256.txt`; empty: the sum is not known."""
    return f"{file.sha256}  {encoded(file.path)}\n" if file.sha256 else ""


def adler32_line(_shown: Shown, file: PublicFile) -> str:
    """The same with adler32, which dCache and Globus compare."""
    return f"{file.adler32}  {encoded(file.path)}\n"


def fetch_line(shown: Shown, file: PublicFile) -> str:
    """A line of `fetch.txt`; only for what the manifest names."""
    return f"{shown.file(file)} {file.size_bytes} {encoded(file.path)}\n" if file.sha256 else ""


@dataclass(frozen=True)
class Manifests:
    """Answers for the manifests of a DOI.

    Attributes:
        landing: Answers for the page itself.
    """

    landing: Landing

    async def sums(self, request: Request, line: Line) -> Response:
        """A manifest as text, written while it is read."""
        site = self.landing.site
        doi = doi_asked(request)
        if not well_formed(doi):
            return self.landing.pages.missing(request)
        source = pages(site, doi)
        try:
            first = await run_in_threadpool(next, source)
        except Closed:
            return self.landing.pages.missing(request)
        media = "text/plain; charset=utf-8"
        if request.method == "HEAD":
            return Response(media_type=media)
        return StreamingResponse(_lines(site, first, source, line), media_type=media)

    async def bag(self, request: Request) -> Response:
        """The bag: everything but the files, and where to fetch these."""
        doi = doi_asked(request)
        if self.landing.site.locate is None or not well_formed(doi):
            return self.landing.pages.missing(request)
        name = doi.rpartition("/")[2].lower()
        headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
        try:
            if request.method == "HEAD":
                await run_in_threadpool(next, pages(self.landing.site, doi))
                return Response(media_type="application/zip", headers=headers)
            file = await run_in_threadpool(write_bag, self.landing.site, doi, name)
        except Closed:
            return self.landing.pages.missing(request)
        return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _lines(
    site: PublicSite, first: tuple[PublicRecord, list[PublicFile]], rest: Pages, line: Line
) -> Iterator[str]:
    record, files = first
    while True:
        shown = Shown(record, served=site.locate is not None)
        yield "".join(line(shown, file) for file in files)
        try:
            record, files = next(rest)
        except StopIteration:
            return


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(CHUNK):
            yield part


def write_bag(site: PublicSite, doi: str, name: str) -> IO[bytes]:
    """Write the bag into a temporary file.

    Args:
        site: What the door needs.
        doi: Which data.
        name: Name of the bag's folder.

    Raises:
        Closed: The data are not open, or not any more.
        Unavailable: Too many bags are being written.
    """
    if not _BAGS.acquire(timeout=20):
        raise Unavailable("too many bags are being written")
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
        try:
            _write_bag(site, doi, name, file)
        except BaseException:
            file.close()
            raise
    finally:
        _BAGS.release()
    file.seek(0)
    return file


def _write_bag(site: PublicSite, doi: str, name: str, file: IO[bytes]) -> None:
    sums: dict[str, str] = {}
    count = size = 0
    record: PublicRecord | None = None
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bag,
        tempfile.TemporaryFile() as fetch,
    ):
        manifest, digest = bag.open(f"{name}/manifest-sha256.txt", "w"), hashlib.sha256()
        with manifest:
            for record, files in pages(site, doi):
                shown = Shown(record, served=True)
                known = [one for one in files if one.sha256]
                count, size = count + len(known), size + sum(one.size_bytes for one in known)
                text = "".join(sha256_line(shown, one) for one in known).encode()
                manifest.write(text)
                digest.update(text)
                fetch.write("".join(fetch_line(shown, one) for one in known).encode())
        sums["manifest-sha256.txt"] = digest.hexdigest()
        _put(bag, name, "fetch.txt", fetch, sums)
        if record is None:
            raise Closed
        texts = {
            "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": _info(record, count, size),
        }
        for tag, words in texts.items():
            bag.writestr(f"{name}/{tag}", words)
            sums[tag] = hashlib.sha256(words.encode()).hexdigest()
        listed = "".join(f"{value}  {tag}\n" for tag, value in sums.items())
        bag.writestr(f"{name}/tagmanifest-sha256.txt", listed)
        bag.writestr(f"{name}/data/", "")


def _put(
    bag: zipfile.ZipFile, name: str, tag: str, source: IO[bytes], sums: dict[str, str]
) -> None:
    source.seek(0)
    digest = hashlib.sha256()
    with bag.open(f"{name}/{tag}", "w") as target:
        while part := source.read(CHUNK):
            target.write(part)
            digest.update(part)
    sums[tag] = digest.hexdigest()


def _info(record: PublicRecord, count: int, size: int) -> str:
    said = {
        "Source-Organization": record.publisher.organisation.name,
        "Contact-Email": record.publisher.contact_email,
        "External-Identifier": doi_url(record.doi),
        "External-Description": one_line(citation(record)),
        "Payload-Oxum": f"{size}.{count}",
    }
    return "".join(f"{label}: {value}\n" for label, value in said.items())
