"""Reference rows: European XFEL's from its file, another facility's from another file."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import yaml
from sqlmodel import Session, func, select

from catalog.commands.journal import digest
from catalog.engine import Database
from catalog.reference import Summary, load_facility
from catalog.tables import (
    Change,
    DataGroupType,
    ExperimentType,
    Facility,
    Instrument,
    InstrumentCycle,
    InstrumentUser,
    Repository,
    SampleType,
    Technique,
    User,
)
from policies.actor import Actor
from policies.errors import Misconfigured, Mismatch
from policies.replica import Tier
from policies.vocabulary import Role, Subject
from settings.facility import FOLDER, FacilityFile, read_facility
from tests.catalog.rows import NOW
from tests.plugins.databases import LOADED_AT

ADMIN = Actor("root", frozenset({Role.ADMIN}))
LATER = NOW + timedelta(days=1)


def content(name: str = "xfel") -> dict[str, Any]:
    """A facility file as plain values, to be changed."""
    return deepcopy(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))


def kept(session: Session, query: Any) -> list[Any]:
    """Rows that stay readable after their session."""
    found = list(session.exec(query))
    session.expunge_all()
    return found


def load(database: Database, facility: FacilityFile | dict[str, Any], now=LATER) -> Summary:
    file = FacilityFile.model_validate(facility) if isinstance(facility, dict) else facility
    with database.write() as session:
        return load_facility(session, file, now, ADMIN)


def changes(database: Database) -> list[Change]:
    with database.read() as session:
        return kept(session, select(Change).order_by(Change.seq))


def by_identifier(database: Database, table: Any) -> dict[str, Any]:
    with database.read() as session:
        return {row.identifier: row for row in kept(session, select(table))}


def test_ids_are_those_of_the_published_contract(facility_database):
    def ids(table: Any) -> dict[str, int]:
        return {key: row.id for key, row in by_identifier(facility_database, table).items()}

    assert ids(Facility) == {"XFEL": 1}
    kinds = ["RAW", "CAL", "PROC", "REDU", "SIM", "UNK"]
    assert ids(DataGroupType) == {kind: n for n, kind in enumerate(kinds, 1)}
    beamlines = ["SPB", "FXE", "SQS", "SCS", "MID", "HED"]
    assert ids(Instrument).items() >= {name: n for n, name in enumerate(beamlines, 1)}.items()
    others = {"HSLAB": 101, "SA3": 106, "TSTSA2": 110, "LA3": 113}
    assert ids(Instrument).items() >= others.items()
    assert "XMPL" in ids(Instrument)
    stores = {f"XFEL_GPFS_ONLINE_SASE_{n}": n for n in (1, 2, 3)}
    stores |= {"XFEL_GPFS_OFFLINE_RAW_CC": 11, "DESY_DCACHE_RAW_CC": 21}
    assert ids(Repository).items() >= stores.items()
    assert 103 in ids(Repository).values()
    assert ids(ExperimentType)["TEST"] == 10
    assert ids(SampleType)["NOSAMPLE"] == 7


def test_instruments_know_their_online_store(facility_database):
    stores = {row.id: row for row in by_identifier(facility_database, Repository).values()}
    found = {
        name: (stores[row.repository_id].identifier[-6:], stores[row.repository_id].tier)
        for name, row in by_identifier(facility_database, Instrument).items()
    }
    wanted = {"SPB": 1, "FXE": 1, "SQS": 3, "SCS": 3, "MID": 2, "HED": 2}
    assert found.items() >= {k: (f"SASE_{n}", Tier.ONLINE) for k, n in wanted.items()}.items()


def test_copies_have_a_place_in_the_order_of_the_data(facility_database):
    rows = by_identifier(facility_database, Repository)
    offline, dcache = rows["XFEL_GPFS_OFFLINE_RAW_CC"], rows["DESY_DCACHE_RAW_CC"]
    tape = rows["DESY_TAPE_RAW_CC"]
    online = rows["XFEL_GPFS_ONLINE_SASE_1"]
    assert online.rank < offline.rank == 11 < dcache.rank == 21 < tape.rank
    assert (offline.tier, dcache.tier, tape.tier) == (Tier.OFFLINE, Tier.DCACHE, Tier.TAPE)
    assert offline.mount_point == "/gpfs/exfel/d/raw"
    assert dcache.mount_point == "/pnfs/desy.de/exfel/archive/XFEL/raw"
    assert online.transfer_agent_server_url == "tcp://sa1-br-sys-prx-1:5557"
    assert tape.flg_available is False
    assert "Not a row of the published catalog" in tape.description


def test_techniques_carry_their_panet_address(facility_database):
    rows = by_identifier(facility_database, Technique)
    assert len(rows) == 13
    assert rows["PaNET01168"].name == "serial femtosecond crystallography"
    assert all(r.url == f"http://purl.org/pan-science/PaNET/{k}" for k, r in rows.items())


def test_cycles_have_true_dates_where_known_and_rules_elsewhere(facility_database):
    with facility_database.read() as session:
        rows = kept(session, select(InstrumentCycle, Instrument.identifier).join(Instrument))
    spans = {(c.identifier, name): (c.id, c.begin_at, c.end_at) for c, name in rows}
    assert spans["202401", "MID"] == (
        356,
        datetime(2024, 2, 1, 14, 19, tzinfo=UTC),
        datetime(2024, 6, 30, 13, 19, tzinfo=UTC),
    )
    assert spans["202531", "LA3"][0] == 474
    assert spans["202531", "LA3"][2] == datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC)
    assert spans["202401", "HED"][1:] == (
        datetime(2023, 12, 31, 23, 0, tzinfo=UTC),
        datetime(2024, 6, 30, 21, 59, 59, tzinfo=UTC),
    )
    assert ("202450", "XMPL") in spans
    assert ("202450", "SPB") not in spans


def test_what_commands_need_stands_on_the_facility(facility_database):
    said = by_identifier(facility_database, Facility)["XFEL"].reference
    assert said["timezone"] == "Europe/Berlin"
    assert said["run_types"][0]["name"] == "Test DAQ"
    assert said["sample"] == {"name": "No sample", "sample_type": "NOSAMPLE"}
    assert (said["groups"]["gid_first"], said["groups"]["gid_last"]) == (700000, 799999)
    assert {rule["suffix"] for rule in said["cycle_rules"]} == {"01", "02", "30", "31", "50"}


def test_service_accounts_hold_their_role_and_nobody_is_admin(facility_database):
    with facility_database.read() as session:
        users = {u.uid: u for u in kept(session, select(User))}
    assert {u: users[u].roles for u in ("karabo_sys", "upex_sys", "gpfs_sys")} == {
        "karabo_sys": ["karabo_sys"],
        "upex_sys": ["upex_sys"],
        "gpfs_sys": ["gpfs_sys"],
    }
    assert all(u.flg_service_account and u.created_at == LOADED_AT for u in users.values())
    assert not any("admin" in u.roles for u in users.values())


def test_loading_again_changes_nothing_and_says_nothing(facility_database):
    before = len(changes(facility_database))
    summary = load(facility_database, read_facility("xfel"))
    assert not any(summary.added.values())
    assert not any(summary.changed.values())
    assert summary.same["instruments"] == 11
    assert summary.notes == []
    assert len(changes(facility_database)) == before


def test_what_was_loaded_is_in_the_journal(facility_database):
    rows = changes(facility_database)
    assert {row.subject for row in rows} == {Subject.REFERENCE}
    assert {row.event for row in rows} == {"load"}
    told = {row.details["rows"]: row.details["added"] for row in rows}
    assert told["data_group_types"] == ["RAW", "CAL", "PROC", "REDU", "SIM", "UNK"]
    assert [row.hash for row in rows] == [digest(row) for row in rows]
    assert all(a.hash == b.previous for a, b in pairwise(rows))


def test_a_changed_line_changes_one_row_and_says_old_and_new(facility_database):
    file = content()
    file["repositories"][0] |= {"mount_point": "/gpfs/new", "rank": 2}
    before = len(changes(facility_database))
    summary = load(facility_database, file)
    assert {k: n for k, n in summary.changed.items() if n} == {"repositories": 1}
    (said,) = changes(facility_database)[before:]
    assert (said.event, said.subject_id, said.actor, said.at) == ("change", 1, "root", LATER)
    assert said.source == "mount_point: /gpfs/exfel/exp; rank: 1"
    assert said.target == "mount_point: /gpfs/new; rank: 2"
    assert said.details["row"] == "XFEL_GPFS_ONLINE_SASE_1"
    row = by_identifier(facility_database, Repository)["XFEL_GPFS_ONLINE_SASE_1"]
    assert (row.mount_point, row.rank) == ("/gpfs/new", 2)


def test_a_line_that_is_gone_deletes_nothing(facility_database):
    file = content()
    file["techniques"] = file["techniques"][:1]
    file["users"] = file["users"][:1]
    load(facility_database, file)
    assert len(by_identifier(facility_database, Technique)) == 13


def test_columns_that_the_file_does_not_mention_keep_their_values(facility_database):
    with facility_database.write() as session:
        account = session.exec(select(User).where(User.uid == "karabo_sys")).one()
        account.email, account.flg_ldap_account_valid = "daq@example.org", True
    load(facility_database, read_facility("xfel"))
    with facility_database.read() as session:
        account = session.exec(select(User).where(User.uid == "karabo_sys")).one()
        assert (account.email, account.flg_ldap_account_valid) == ("daq@example.org", True)


def test_dates_by_rule_yield_to_dates_from_elsewhere(facility_database):
    """The portal knows the true dates of a cycle; loading the file again must not undo them."""
    of_hed = (
        select(InstrumentCycle)
        .join(Instrument)
        .where(Instrument.identifier == "HED", InstrumentCycle.identifier == "202401")
    )
    with facility_database.write() as session:
        session.exec(of_hed).one().begin_at = NOW
    load(facility_database, read_facility("xfel"))
    with facility_database.read() as session:
        assert session.exec(of_hed).one().begin_at == NOW


def test_the_database_counts_on_after_the_fixed_ids(facility_database):
    with facility_database.write() as session:
        highest = session.exec(select(func.max(Instrument.id))).one()
        made = [
            Instrument(name=f"N{n}", identifier=f"N{n}", facility_id=1, repository_id=1)
            for n in range(2)
        ]
        session.add_all(made)
        session.flush()
        assert [row.id for row in made] == [highest + 1, highest + 2]
        cycle = InstrumentCycle(identifier="209901", instrument_id=1, begin_at=NOW, end_at=LATER)
        session.add(cycle)
        session.flush()
        assert (cycle.id or 0) > 474


def test_rows_without_a_fixed_id_never_take_a_fixed_one(database):
    file = content("example")
    file["instruments"] = [
        {"name": "Free", "identifier": "FREE", "facility": "LLS", "repository": "HALL"},
        {"name": "Two", "identifier": "LAMP2", "id": 2, "facility": "LLS", "repository": "HALL"},
        {"name": "One", "identifier": "LAMP1", "id": 1, "facility": "LLS", "repository": "HALL"},
    ]
    load(database, file)
    found = {key: row.id for key, row in by_identifier(database, Instrument).items()}
    assert found == {"LAMP1": 1, "LAMP2": 2, "FREE": 3}


def test_an_id_that_another_row_has_is_refused_and_nothing_is_written(facility_database):
    file = content()
    file["instruments"].append(
        {"id": 5, "name": "New", "identifier": "NEW", "facility": "XFEL",
         "repository": "XFEL_GPFS_ONLINE_SASE_1"}
    )  # fmt: skip
    file["instruments"][4]["id"] = 55
    file["data_group_types"][0]["description"] = "changed first"
    with pytest.raises(Mismatch, match="id 5 is MID in the catalog, the file says NEW"):
        load(facility_database, file)
    assert by_identifier(facility_database, DataGroupType)["RAW"].description == ""


def test_a_row_keeps_its_id_when_the_file_gives_another(facility_database):
    file = content()
    file["instruments"][4]["id"] = 55
    summary = load(facility_database, file)
    assert summary.notes == ["instruments MID keeps its id 5; the file says 55"]
    assert by_identifier(facility_database, Instrument)["MID"].id == 5


def test_a_name_that_another_row_has_is_refused(facility_database):
    file = content()
    file["techniques"].append({"identifier": "PaNET09999", "name": "ptychography"})
    with pytest.raises(Mismatch, match="techniques: another row has that name"):
        load(facility_database, file)


def test_another_facility_needs_only_another_file(database):
    summary = load(database, read_facility("example"))
    assert summary.added["instruments"] == 2
    assert summary.added["cycles_by_rule"] == 12
    lamp = by_identifier(database, Instrument)["LAMP1"]
    with database.read() as session:
        users = {u.uid: u.id for u in session.exec(select(User))}
        cycle = session.exec(
            select(InstrumentCycle).where(
                InstrumentCycle.identifier == "202502", InstrumentCycle.instrument_id == lamp.id
            )
        ).one()
        (expert,) = kept(session, select(InstrumentUser))
    assert lamp.instrument_leader_id == users["keeper"]
    assert (expert.user_id, expert.instrument_id, expert.kind) == (users["wick"], lamp.id, "BE")
    assert cycle.begin_at == datetime(2025, 9, 14, 23, 0, tzinfo=UTC)
    assert cycle.end_at == datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)


def test_a_row_may_refer_to_one_that_only_the_catalog_has(facility_database):
    class Only:
        def rows(self) -> dict[str, list[dict[str, Any]]]:
            return {
                "instruments_users": [{"instrument": "SPB", "user": "karabo_sys", "kind": "SG"}]
            }

    with facility_database.write() as session:
        assert load_facility(session, Only(), NOW, ADMIN).added["instruments_users"] == 1

    class Nobody:
        def rows(self) -> dict[str, list[dict[str, Any]]]:
            return {"instruments_users": [{"instrument": "SPB", "user": "gone", "kind": "SG"}]}

    def load_nobody() -> None:
        with facility_database.write() as session:
            load_facility(session, Nobody(), NOW, ADMIN)

    with pytest.raises(Misconfigured, match="no users row 'gone'"):
        load_nobody()
