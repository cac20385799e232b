"""How a program on a node ends badly: an exit code that the batch system keeps, and a sentence."""

import contextlib
import errno
from collections.abc import Iterator


class Fault(Exception):
    """A program cannot go on.

    Args:
        code: Exit code; see `policies.batch.EXITS`.
        message: One sentence for people.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        # Libraries break their messages into lines; a sentence is one.
        self.code, self.message = code, " ".join(message.split())


_NO_ROOM = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EFBIG,
    errno.ENOENT,
}


@contextlib.contextmanager
def writing(what: str) -> Iterator[None]:
    """A result that cannot be written is told apart from one that cannot be read.

    Raises:
        Fault: No right, or the disk is full; exit 5.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Fault(5, f"{what} could not be written: {error.strerror}") from error
        raise
