"""The handbook's page on the portal's export, written from the table that reads it."""

import json

from policies.portal_export import FORMAT, MAX_ROWS, NAME, VERSION, FieldRule

_HEADINGS = {
    "user": "A user",
    "cycle": "A cycle",
    "proposal": "A proposal",
    "member": "A row of `team`",
    "beamtime": "A row of `beamtimes`",
    "sample": "A row of `samples`",
    "run_type": "A row of `run_types`",
}

_EXAMPLE = {
    "format": NAME,
    "version": VERSION,
    "exported_at": "2018-09-25T12:20:00+02:00",
    "users": [
        {"uid": "lindqva", "name": "A. Lindqvard", "policy_accepted": True, "account_valid": True}
    ],
    "cycles": [],
    "proposals": [
        {
            "number": 900054,
            "title": "Commissioning",
            "instrument": "MID",
            "cycle": "201831",
            "system": "L",
            "principal_investigator": "lindqva",
            "main_proposer": "lindqva",
            "team": [{"uid": "lindqva", "data_access_role": 1}],
            "beamtimes": [
                {
                    "id": 540,
                    "begin_at": "2018-09-26T08:00:00+02:00",
                    "end_at": "2018-12-31T23:59:58+01:00",
                }
            ],
        }
    ],
    "next": None,
}

_WORDS = f"""\
The user portal answers `GET /api/v1/export` with JSON, one page after the other. The format is
ours: a portal, or a script beside it, writes it.

- `since`: only what changed since this instant; without it everything.
- `limit`: proposals per page. `cursor`: the `next` of the page before; null on the last page.
- `Authorization: Bearer …`: the token of the settings.

A page is an object with `format` (`{NAME}`), `version` ({VERSION}), `exported_at`, and the lists
`users`, `cycles` and `proposals`, each of which may be left out. Unknown fields are ignored.

Every row is whole: what it leaves out is empty in the catalog afterwards, unless the table says
otherwise. Rows that an export does not contain are left alone. A row that breaks a rule is
refused as a whole, kept in the inbox with the reason, and never stops the others; a later good
row settles it, and `inbox reinject` puts it again with corrected fields. The same export twice
changes nothing and writes no history.

What the portal never does: move a beamtime's status, move a proposal to another instrument or
cycle once folders or runs exist, shorten an embargo, delete a proposal, a beamtime or a sample,
speak of service accounts, give application roles.
"""


def markdown() -> str:
    """The page, without the note that it is generated."""
    parts = ["# The user portal's export\n", _WORDS]
    example = json.dumps(_EXAMPLE, indent=2)
    parts.append(f"```json\n{example}\n```\n")
    for kind, rules in FORMAT.items():
        rows = "\n".join(_row(rule) for rule in rules)
        head = "| field | needed | value | meaning |\n|---|---|---|---|"
        parts.append(f"## {_HEADINGS[kind]}\n\n{head}\n{rows}\n")
    return "\n".join(parts)


def example() -> dict[str, object]:
    """The page's example, which must be a good export."""
    return dict(_EXAMPLE)


def _row(rule: FieldRule) -> str:
    if isinstance(rule.kind, str):
        value = f"must be a list of at most {MAX_ROWS[rule.name]} rows"
    else:
        value = rule.kind.rule
    cells = (f"`{rule.name}`", "yes" if rule.needed else "", value, rule.meaning)
    return "| " + " | ".join(cells) + " |"
