"""The secret of an installation's links."""

import hashlib
import hmac

from settings.model import Settings


def link_secret(settings: Settings) -> bytes:
    """Follows from the flow engine's password.

    Who may look at the engine's pages gets the links there, so one password guards both, and a
    new password makes all former links void.
    """
    password = settings.engine.auth_string().get_secret_value().encode()
    return hmac.new(password, b"beamkeeper links", hashlib.sha256).digest()
