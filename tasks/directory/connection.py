"""One bound connection to the LDAP server, and its library's exceptions in our words."""

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any

from ldap3 import NONE, Connection, Server, Tls
from ldap3.core import exceptions as ldap

from policies.errors import BeamkeeperError, Denied, Invalid, Misconfigured, Unavailable
from settings.directory import DirectorySettings, TlsMode

PERMISSIVE = ("1.2.840.113556.1.4.1413", False, None)
"""Control under which adding a present value succeeds. Not critical: a server that does not know
it answers 20 or 16, which the caller's read-back settles as well."""

_DENIED = (
    ldap.LDAPBindError,
    ldap.LDAPInvalidCredentialsResult,
    ldap.LDAPInappropriateAuthenticationResult,
    ldap.LDAPInsufficientAccessRightsResult,
    ldap.LDAPStrongerAuthRequiredResult,
    ldap.LDAPConfidentialityRequiredResult,
    ldap.LDAPUnwillingToPerformResult,
    ldap.LDAPSizeLimitExceededResult,
    ldap.LDAPAdminLimitExceededResult,
    ldap.LDAPReferralResult,
)
_INVALID = (
    ldap.LDAPObjectClassViolationResult,
    ldap.LDAPInvalidAttributeSyntaxResult,
    ldap.LDAPUndefinedAttributeTypeResult,
    ldap.LDAPConstraintViolationResult,
    ldap.LDAPInvalidDNSyntaxResult,
    ldap.LDAPNamingViolationResult,
    ldap.LDAPInvalidValueError,
    ldap.LDAPInvalidDnError,
    ldap.LDAPInvalidFilterError,
)
_MISCONFIGURED = (
    ldap.LDAPNoSuchObjectResult,
    ldap.LDAPCertificateError,
    ldap.LDAPInvalidServerError,
    ldap.LDAPInvalidPortError,
)


@contextlib.contextmanager
def connected(settings: DirectorySettings) -> Iterator[Any]:
    """An `ldap3.Connection`, bound, for one thread and one unit of work.

    Args:
        settings: Where and as whom.

    Raises:
        Unavailable: Down, silent, busy; the state over there is unknown.
        Denied: Wrong password, missing rights, a limit of the server.
        Invalid: A value that the schema does not take.
        Misconfigured: A base that does not exist, a certificate that is not trusted.
    """
    with translated(settings.url):
        connection = _bound(settings)
        try:
            yield connection
        finally:
            # The answer counts, not the good-bye.
            with contextlib.suppress(ldap.LDAPException, OSError):
                connection.unbind()


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise our errors instead of the library's; ours pass unchanged."""
    try:
        yield
    except BeamkeeperError:
        raise
    except (ldap.LDAPException, OSError) as error:
        raise _ours(error, url) from error


def _ours(error: Exception, url: str) -> BeamkeeperError:
    # Results name the entry and the server's reason; neither contains a password.
    reason = getattr(error, "description", None) or type(error).__name__
    detail = str(getattr(error, "message", None) or error)
    context = {"url": url, "reason": str(reason)}
    if isinstance(error, _DENIED):
        return Denied(f"The directory {url} refuses: {reason} {detail}".strip(), **context)
    if isinstance(error, _INVALID):
        return Invalid(f"The directory {url} cannot hold it: {reason} {detail}", **context)
    if isinstance(error, _MISCONFIGURED) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Misconfigured(
            f"The directory {url} is not as configured: {reason} {detail}", **context
        )
    return Unavailable(f"The directory {url} does not answer: {reason} {detail}", **context)


def _bound(settings: DirectorySettings) -> Any:  # noqa: ANN401 - the library is not typed
    server = Server(
        settings.url,
        use_ssl=settings.tls is TlsMode.LDAPS,
        tls=_tls(settings),
        connect_timeout=settings.connect_timeout_s,
        get_info=NONE,
    )
    connection: Any = Connection(
        server,
        settings.bind_dn,
        settings.password.get_secret_value(),
        raise_exceptions=True,
        receive_timeout=settings.receive_timeout_s,
        auto_referrals=False,
        # DNs are escaped where they are built; the library's second pass would not be the same.
        check_names=False,
    )
    try:
        connection.open()
        if settings.tls is TlsMode.STARTTLS:
            connection.start_tls()
        connection.bind()
    except BaseException:
        # A connection that never opened does not close its socket by itself.
        if connection.socket is not None:
            connection.socket.close()
        raise
    return connection


def _tls(settings: DirectorySettings) -> Tls | None:
    if settings.tls is TlsMode.OFF:
        return None
    ca_file = str(settings.ca_file) if settings.ca_file else None
    if settings.ca_file and not settings.ca_file.is_file():
        raise Misconfigured(f"directory.ca_file {ca_file} does not exist.")
    return _VerifiedTls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca_file)


class _VerifiedTls(Tls):
    """TLS whose certificate and host name OpenSSL checks during the handshake.

    The library checks the name afterwards with `ssl.match_hostname`, which Python has dropped.
    """

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401
        """Put TLS on the connection's socket; a failed handshake closes it."""
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        host = connection.server.host
        connection.socket = context.wrap_socket(connection.socket, server_hostname=host)
