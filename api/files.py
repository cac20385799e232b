"""Files of open data: a paged list, and the files themselves where this machine has them.

What is closed answers like what does not exist, whichever file is asked for.
"""

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from api.formats.form import Shown
from api.landing import Landing, doi_asked, well_formed
from api.pages import VARY, conditional
from catalog.queries.public import public_record
from catalog.queries.public_files import FIRST, SHOWING, Key, open_file, open_files, open_totals
from policies.public_record import PublicFile, PublicRecord

PAGE = 200
"""Files of one page of the list."""
_KEY = re.compile(r"(\d{1,15}):(.{1,1000})")


@dataclass(frozen=True)
class Files:
    """Answers for the files of a DOI.

    Attributes:
        landing: Answers for the page itself.
    """

    landing: Landing

    async def listing(self, request: Request) -> Response:
        """A page of the list of files."""
        doi, said = doi_asked(request), request.query_params.get("after", "")
        after = _key(said)
        if not well_formed(doi) or after is None:
            return self.landing.pages.missing(request)
        body = await run_in_threadpool(self._listing, doi, after)
        if body is None:
            return self.landing.pages.missing(request)
        return conditional(request, body, "text/html; charset=utf-8", 200, VARY)

    def _listing(self, doi: str, after: Key) -> bytes | None:
        site, now = self.landing.site, self.landing.site.clock()
        with site.database.read() as session:
            record = public_record(session, doi, site.publisher, site.zone, now)
            if record is None or record.page not in SHOWING:
                return None
            found = open_files(session, record, now, after=after, limit=PAGE + 1)
            count, size = open_totals(session, record, now)
        if not count:
            return None
        page, more = found[:PAGE], len(found) > PAGE
        group, path = page[-1][0] if page else FIRST
        shown = Shown(record, tuple(file for _, file in page), more, site.locate is not None)
        return self.landing.pages.html(
            "files.html",
            title=f"Files of {record.doi}",
            record=record,
            shown=shown,
            count=count,
            size=size,
            first=after == FIRST,
            following=f"{group}:{path}" if more else "",
        )

    async def download(self, request: Request, path: str) -> Response:
        """A file; parts of it where the request names a range."""
        doi = doi_asked(request)
        if self.landing.site.locate is None or not well_formed(doi):
            return self.landing.pages.missing(request)
        found = await run_in_threadpool(self._find, doi, path)
        if found is None:
            return self.landing.pages.missing(request)
        record, file, place = found
        if place is None:
            return self.landing.pages.failed(request, 503, {"Retry-After": "3600"})
        headers = _headers(record, file)
        if headers.get("ETag") and headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return FileResponse(
            place,
            headers=headers,
            media_type=file.media_type,
            filename=file.path.rpartition("/")[2],
        )

    def _find(self, doi: str, path: str) -> tuple[PublicRecord, PublicFile, Path | None] | None:
        site, now = self.landing.site, self.landing.site.clock()
        with site.database.read() as session:
            record = public_record(session, doi, site.publisher, site.zone, now)
            file = open_file(session, record, path, now) if record else None
        if record is None or file is None or site.locate is None:
            return None
        place = site.locate(file)
        # A file that differs from its record is not what was promised under this DOI.
        whole = place is not None and place.stat().st_size == file.size_bytes
        return record, file, place if whole else None


def _key(said: str) -> Key | None:
    """Where a list goes on; None: it cannot be read."""
    if not said:
        return FIRST
    found = _KEY.fullmatch(said)
    return (int(found[1]), found[2]) if found and said.isprintable() else None


def _headers(record: PublicRecord, file: PublicFile) -> dict[str, str]:
    headers = {"Link": f'<{record.landing_url}>; rel="collection"; type="text/html"'}
    if file.sha256:
        digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
        headers |= {"ETag": f'"{file.sha256}"', "Repr-Digest": f"sha-256=:{digest}:"}
    return headers
