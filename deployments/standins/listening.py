"""What every stand-in server shares: listening on loopback, beginning and ending."""

import threading
from types import TracebackType
from typing import Any, Self

import uvicorn


class Listening:
    """A web server in a thread; use as a context manager or with `start` and `stop`.

    It may be started again after its end, on the same port.

    Args:
        app: What answers.
        port: Port, 0 for a free one.
        what: Its name, for the error when it cannot listen.
    """

    def __init__(self, app: Any, port: int = 0, what: str = "stand-in") -> None:  # noqa: ANN401
        self.app = app
        self._port = port
        self._what = what
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before its first start when a free one was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """Its root address, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to listen; returns when it does.

        Raises:
            OSError: It could not listen.
        """
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=self._port, log_level="critical", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise OSError(f"the {self._what} could not listen")
            self._thread.join(0.02)
        self._port = int(self._server.servers[0].sockets[0].getsockname()[1])

    def stop(self) -> None:
        """End; open connections are cut, later ones are refused."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
