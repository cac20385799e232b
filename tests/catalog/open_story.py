"""Proposals in every state between embargo and open data, for tests of what the public sees."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from catalog.tables import (
    DataGroup,
    DatasetFile,
    DoiRecord,
    Experiment,
    ExperimentType,
    Funding,
    Instrument,
    Parameter,
    Proposal,
    Publication,
    Run,
    RunDataGroup,
    RunTechnique,
    Sample,
    SampleType,
    Technique,
    User,
)
from policies.public_record import Organisation, Place, Publisher
from policies.release import add_civil
from policies.vocabulary import (
    BeamtimeState,
    DoiState,
    DoiSubject,
    DoiSync,
    ReleaseState,
    RunState,
)
from tests.catalog.story import new_proposal

ZONE = ZoneInfo("Europe/Berlin")
END = datetime(2024, 3, 6, 8, 0, tzinfo=UTC)
"""End of every beamtime of the story."""
RELEASE = add_civil(END, ZONE, years=3)
BEFORE = RELEASE - timedelta(seconds=1)
AFTER = RELEASE + timedelta(hours=2)
SECRET = "Zwiebelfisch"
"""A word in title, abstract, sample and file names of what must not be seen."""

PUBLISHER = Publisher(
    organisation=Organisation("European XFEL", "https://ror.org/01wp2jz98"),
    base_url="https://data.example.org",
    place=Place("Schenefeld, Germany", 53.588, 9.829),
    data_team="Data Operations",
    user_office="User Office",
    contact_email="data@example.org",
)


@dataclass(frozen=True)
class Told:
    """A proposal of the story.

    Attributes:
        number: Proposal number.
        proposal_id: Its row.
        doi: Its DOI.
        runs: Row ids of its runs.
    """

    number: int
    proposal_id: int
    doi: str
    runs: tuple[int, ...]


def doi_of(number: int, version: int = 0) -> str:
    """The DOI of a proposal."""
    return f"10.22003/XFEL.EU-DATA-{number:06d}-{version:02d}"


def tell(
    session: Session,
    number: int,
    state: ReleaseState = ReleaseState.EMBARGOED,
    *,
    instrument: str = "SPB",
    title: str | None = None,
    abstract: str = "Crystals of a protein were shot at with X-ray pulses, one after the other.",
    runs: int = 2,
    files: int = 2,
    technique: str = "PaNET01168",
    published: bool = True,
    energy_ev: float = 9300.0,
) -> Told:
    """A closed proposal with runs, files, a DOI and all that a record can say."""
    row = new_proposal(
        session,
        number,
        instrument,
        flg_beamtime_status=BeamtimeState.CLOSED,
        title=title or f"Structure of protein {number}",
        abstract=abstract,
        release_at=RELEASE,
        release_state=state,
        release_since=END,
    )
    if state is ReleaseState.OPEN:
        row.openly_released_at, row.flg_public = RELEASE + timedelta(hours=1), True
    pi = session.get_one(User, row.principal_investigator_id)
    pi.first_name, pi.last_name = "Paula", "Ibsen"
    pi.orcid, pi.affiliation = "0000-0002-1825-0097", "University of Somewhere"
    pi.affiliation_ror = "https://ror.org/02mhbdp94"
    session.add(Publication(proposal_id=row.id, doi=f"10.5072/paper-{number}", title="A paper"))
    session.add(
        Funding(
            proposal_id=row.id,
            funder_name="European Commission",
            funder_ror="https://ror.org/00k4n6c32",
            award_number="823852",
            award_title="PaNOSC",
        )
    )
    made = [_run(session, row, n, files, technique, energy_ev + n) for n in range(1, runs + 1)]
    doi = doi_of(number)
    row.doi = doi
    session.add(
        DoiRecord(
            doi=doi,
            doi_key=doi.lower(),
            subject_kind=DoiSubject.PROPOSAL,
            subject_id=row.id,
            proposal_id=row.id,
            wanted=DoiState.FINDABLE if published else DoiState.REGISTERED,
            published_at=END + timedelta(days=1) if published else None,
            issued_at=row.openly_released_at,
            sync=DoiSync.VERIFIED,
            sync_since=END,
            remote_state=DoiState.FINDABLE if published else DoiState.REGISTERED,
            verified_at=END + timedelta(days=1),
            datestamp=(row.openly_released_at or END + timedelta(days=1)).replace(microsecond=0),
            created_at=END,
        )
    )
    session.flush()
    return Told(number, row.id or 0, doi, tuple(made))


def _run(
    session: Session, proposal: Proposal, number: int, files: int, technique: str, energy_ev: float
) -> int:
    kind = session.exec(select(ExperimentType)).first()
    experiment = session.exec(
        select(Experiment).where(Experiment.proposal_id == proposal.id)
    ).first() or Experiment(
        name="Sample",
        experiment_number=1,
        experiment_folder="e0001",
        experiment_type_id=kind.id if kind else 0,
        proposal_id=proposal.id,
    )
    sample = session.exec(
        select(Sample).where(Sample.proposal_id == proposal.id)
    ).first() or Sample(
        name=f"Sample of {proposal.number}",
        sample_type_id=session.exec(select(SampleType)).first().id,
        proposal_id=proposal.id,
    )
    session.add_all([experiment, sample])
    session.flush()
    begin = END - timedelta(days=2) + timedelta(hours=number)
    run = Run(
        proposal_id=proposal.id,
        run_number=number,
        run_folder=f"r{number:04d}",
        experiment_id=experiment.id,
        sample_id=sample.id,
        begin_at=begin,
        end_at=begin + timedelta(minutes=10),
        first_train=1000 * number,
        last_train=1000 * number + 99,
        state=RunState.MIGRATED,
        state_since=begin,
        created_at=begin,
        updated_at=begin,
        num_files=files,
        size=1000 * files,
    )
    session.add(run)
    session.flush()
    term = session.exec(select(Technique).where(Technique.identifier == technique)).one()
    session.add(RunTechnique(run_id=run.id, technique_id=term.id))
    session.add(
        Parameter(
            run_id=run.id,
            name="photon_energy",
            value=energy_ev,
            unit="eV",
            si_value=energy_ev * 1.602176634e-19,
            dimension="[length] ** 2 * [mass] / [time] ** 2",
        )
    )
    group = DataGroup(
        name=f"raw_e0001_n{number:04d}",
        data_group_type_id=1,
        proposal_id=proposal.id,
        experiment_id=experiment.id,
        prefix_path=f"{proposal.def_proposal_path}/r{number:04d}",
        format="EuXFEL HDF5",
    )
    session.add(group)
    session.flush()
    session.add(RunDataGroup(run_id=run.id, data_group_id=group.id))
    for n in range(files):
        name = f"RAW-R{number:04d}-DA{n + 1:02d}-S00000.h5"
        text = f"{proposal.number}/{number}/{name}".encode()
        session.add(
            DatasetFile(
                data_group_id=group.id,
                data_group_type_id=1,
                filename=name,
                relative_path=name,
                byte_size=1000,
                checksum=f"{n + 1:08x}",
                xxh3_128="0" * 32,
                sha256=hashlib.sha256(text).hexdigest(),
            )
        )
    session.flush()
    return run.id or 0


def instrument_doi(session: Session, identifier: str = "SPB") -> str:
    """Give an instrument a published DOI."""
    row = session.exec(select(Instrument).where(Instrument.identifier == identifier)).one()
    row.doi = f"10.22003/XFEL.EU-INSTR-{identifier}-00"
    session.add(
        DoiRecord(
            doi=row.doi,
            doi_key=row.doi.lower(),
            subject_kind=DoiSubject.INSTRUMENT,
            subject_id=row.id,
            wanted=DoiState.FINDABLE,
            published_at=END,
            sync=DoiSync.VERIFIED,
            sync_since=END,
            remote_state=DoiState.FINDABLE,
            datestamp=END,
            created_at=END,
        )
    )
    session.flush()
    return row.doi
