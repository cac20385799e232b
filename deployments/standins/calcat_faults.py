"""How the calibration catalogue stand-in misbehaves."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send


@dataclass
class Fault:
    """How the next answers go wrong.

    Attributes:
        how: `status` (nothing is done); `lost` (done, but the connection ends before the answer
            does); `noop` (answered as if done, nothing is kept); `slow` (done, answered late);
            `redirect` (302, nothing is done); `circle` (every page of a list is the first);
            `garbage` (done, answered with something that is no JSON).
        method: Only requests with this method; empty: any.
        path: Only requests whose path contains this.
        status: Status to answer with `status`.
        info: What stands in its body, None for a body that is no JSON.
        headers: Further headers, for example `Retry-After`.
        skip: Matching requests that are answered well before it begins.
        times: Requests that it spoils.
        delay_s: Seconds before a `slow` answer.
    """

    how: str = "status"
    method: str = ""
    path: str = ""
    status: int = 500
    info: object = "Internal server error"
    headers: Mapping[str, str] | None = None
    skip: int = 0
    times: int = 1
    delay_s: float = 1.0

    @property
    def before(self) -> bool:
        """Whether it answers before anything is done."""
        return self.how in {"status", "redirect"}

    def meets(self, method: str, path: str) -> bool:
        """Whether it spoils this request; counts the ones that it lets pass."""
        if self.method not in {"", method} or self.path not in path:
            return False
        self.skip -= 1
        return self.skip < 0

    def used_up(self) -> bool:
        """Count one spoilt request; whether it was the last."""
        self.times -= 1
        return self.times <= 0


class _Lost(Response):
    """Promises more bytes than it sends; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id'})


async def spoil(fault: Fault, answer: Response | None) -> Response:
    """The answer as the fault makes it; None: nothing was done."""
    headers = dict(fault.headers or {})
    if answer is None:
        if fault.how == "redirect":
            return Response(status_code=302, headers=headers)
        if fault.info is None:
            return Response("<html>Bad gateway</html>", fault.status, headers, "text/html")
        return JSONResponse({"info": fault.info}, fault.status, headers)
    if fault.how == "lost":
        return _Lost()
    if fault.how == "garbage":
        return Response("<html>it works</html>", media_type="text/html")
    if fault.how == "slow":
        await asyncio.sleep(fault.delay_s)
    return answer
