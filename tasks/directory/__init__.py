"""The facility's LDAP directory: who people are, and the POSIX groups of each proposal.

While it is down nobody can be let into a new proposal or taken out of one; running beamtimes,
which hold numeric gids, go on. The tasks are in `tasks.directory.steps`, which loads Prefect.
"""

from tasks.directory.check import check_group
from tasks.directory.ldap_directory import LdapDirectory
from tasks.directory.port import DirectoryPort, GroupSpec, GroupState

__all__ = ["DirectoryPort", "GroupSpec", "GroupState", "LdapDirectory", "check_group"]
