"""What a throw-away directory is made of: configuration, first entries, certificate."""

import base64
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.components import processes
from policies.errors import Misconfigured
from settings.directory import GroupLayout

SUFFIX = "dc=example,dc=org"
PEOPLE_BASE = f"ou=people,{SUFFIX}"
GROUPS_BASE = f"ou=proposals,{SUFFIX}"
ADMIN_DN = f"cn=admin,{SUFFIX}"
SERVICE_DN = f"uid=svc-beamkeeper,{PEOPLE_BASE}"
READER_DN = f"uid=svc-reader,{PEOPLE_BASE}"
ADMIN_PASSWORD = "admin-of-the-throw-away-directory"  # noqa: S105 - loopback, throw-away
SERVICE_PASSWORD = "svc-of-the-throw-away-directory"  # noqa: S105
READER_PASSWORD = "reader-of-the-throw-away-directory"  # noqa: S105

_HERE = Path(__file__).parent
_SCHEMA = Path("/etc/ldap/schema")
_CONF = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
include {posix}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
pidfile {folder}/run/slapd.pid
argsfile {folder}/run/slapd.args
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
TLSCACertificateFile {folder}/cert.pem
sizelimit {size_limit}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
maxsize 268435456
dbnosync
limits users size.soft={size_limit} size.hard=soft size.prtotal=unlimited
index objectClass,cn,uid,member,memberUid,gidNumber,uidNumber,entryUUID eq
access to attrs=userPassword by self write by anonymous auth by * none
access to dn.subtree="{groups}" by dn.exact="{service}" write by users read
access to * by users read by anonymous auth
overlay memberof
memberof-group-oc groupOfNames
memberof-refint TRUE
overlay refint
refint_attributes member memberOf
"""


@dataclass(frozen=True)
class Person:
    """Somebody with an account.

    Attributes:
        uid: Login name.
        name: Name as displayed.
        uid_number: POSIX id; also the id of the person's own group.
        mail: Address; None leaves it out.
    """

    uid: str
    name: str
    uid_number: int
    mail: str | None = None

    @property
    def dn(self) -> str:
        """Where the entry lives."""
        from ldap3.utils.dn import escape_rdn

        return f"uid={escape_rdn(self.uid)},{PEOPLE_BASE}"

    def entry(self) -> dict[str, list[str]]:
        """The attributes of the entry."""
        attributes = {
            "objectClass": ["inetOrgPerson", "posixAccount"],
            "uid": [self.uid],
            "cn": [self.name],
            "sn": [self.name.split()[-1]],
            "uidNumber": [str(self.uid_number)],
            "gidNumber": [str(self.uid_number)],
            "homeDirectory": [f"/home/{self.uid_number}"],
        }
        return attributes | ({"mail": [self.mail]} if self.mail else {})


PEOPLE = (
    Person("alice", "Alice Ampere", 20001, "alice@example.org"),
    Person("bob", "Bob Bragg", 20002, "bob@example.org"),
    Person("carol", "Carol Curie", 20003, "carol@example.org"),
    Person("dave", "Dave Debye", 20004, "dave@example.org"),
)
"""Who is there unless the caller says otherwise."""


def prepare(folder: Path, layout: GroupLayout, people: Sequence[Person], size_limit: int) -> None:
    """Fill a folder with all that slapd needs to start.

    Args:
        folder: Empty folder.
        layout: How groups are stored.
        people: Who has an account from the start.
        size_limit: Entries that one unpaged search may return.

    Raises:
        Misconfigured: A program is missing or refuses the files.
    """
    for name in ("data", "run"):
        (folder / name).mkdir()
    _certificate(folder)
    auxiliary = _HERE / "posixgroup-aux.schema"
    conf = folder / "slapd.conf"
    conf.write_text(
        _CONF.format(
            schema=_SCHEMA,
            posix=auxiliary if layout is GroupLayout.RFC2307BIS else _SCHEMA / "nis.schema",
            folder=folder,
            size_limit=size_limit,
            suffix=SUFFIX,
            admin=ADMIN_DN,
            password=ADMIN_PASSWORD,
            groups=GROUPS_BASE,
            service=SERVICE_DN,
        )
    )
    base = folder / "base.ldif"
    base.write_text(_ldif(people))
    _run(processes.require("slaptest", "slapd"), "-u", "-f", conf)
    _run(processes.require("slapadd", "slapd"), "-q", "-f", conf, "-l", base)


def _certificate(folder: Path) -> None:
    openssl = processes.require("openssl", "openssl")
    key, cert = folder / "key.pem", folder / "cert.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    request: list[str | Path] = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
    ]
    _run(*request, "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", names)


def _ldif(people: Sequence[Person]) -> str:
    entries: list[tuple[str, dict[str, list[str]]]] = [
        (SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": ["example"], "o": ["Site"]}),
        (PEOPLE_BASE, {"objectClass": ["organizationalUnit"], "ou": ["people"]}),
        (GROUPS_BASE, {"objectClass": ["organizationalUnit"], "ou": ["proposals"]}),
        _service(SERVICE_DN, SERVICE_PASSWORD),
        _service(READER_DN, READER_PASSWORD),
        *((person.dn, person.entry()) for person in people),
    ]
    return "\n".join(_record(dn, attributes) for dn, attributes in entries)


def _service(dn: str, password: str) -> tuple[str, dict[str, list[str]]]:
    uid = dn.split(",", 1)[0].removeprefix("uid=")
    classes = ["account", "simpleSecurityObject"]
    return dn, {"objectClass": classes, "uid": [uid], "userPassword": [password]}


def _record(dn: str, attributes: dict[str, list[str]]) -> str:
    lines = [_line("dn", dn)]
    lines += [_line(name, value) for name, values in attributes.items() for value in values]
    return "\n".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    # Base64 throughout: a name may begin with a blank or hold any letter (RFC 2849).
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


def _run(*argv: str | Path) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise Misconfigured(f"{Path(argv[0]).name} refused: {done.stderr.strip()}")
