"""The form that asks for constants from dark runs."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.calibration_forms import OperationMode
from flows.forms import Person, ProposalNumber, Reason
from flows.outcome import Result, conduct
from policies import layout
from policies.errors import Invalid, Refused
from policies.vocabulary import Work
from tasks.records import darks
from tasks.records.darks import DarkAsk
from tasks.records.work import Working

GainRuns = Annotated[list[Annotated[int, Field(ge=0, le=99_999)]], Field(min_length=1)]
Detector = Annotated[str, Field(min_length=1, max_length=64)]


@flow(name="dark-request", flow_run_name="p{proposal:06d} darks of {detector}")
def dark_request(
    proposal: ProposalNumber,
    detector: Detector,
    runs: GainRuns,
    operator: Person,
    operation_mode: OperationMode = OperationMode.ADAPTIVE_GAIN,
    units: list[str] | None = None,
    description: Reason = "",
) -> State[Any]:
    """Ask for calibration constants from dark runs.

    Adaptive gain of AGIPD, LPD and JUNGFRAU needs three runs in the order high (HG/G0),
    medium (MG/G1), low (LG/G2); ePix needs one. Runs that are not migrated yet are waited for.

    Args:
        proposal: Proposal number.
        detector: Karabo id, for example SPB_IRDA_JF4M.
        runs: Run numbers in gain order: high, medium, low.
        operator: Your account name.
        operation_mode: How the detector was operated.
        units: Modules by place, for example JNGFR01; left out: all.
        description: Free words for the list.
    """

    def body(_unit: Working) -> Result:
        asked = DarkAsk(
            proposal,
            detector.strip(),
            tuple(units or ()),
            str(operation_mode),
            tuple(runs),
            description,
        )
        try:
            accepted = darks.request(asked, operator)
        except Invalid as error:
            raise Refused(error.message, **error.context) from error
        said = f" Look out: {'; '.join(accepted.warnings)}." if accepted.warnings else ""
        how = accepted.state.label if accepted.changed else "it was open already"
        label = layout.proposal_folder(proposal)
        return Result(f"{label}: dark request {accepted.dark_run} of {detector}, {how}.{said}")

    return conduct(Work.DARK_REQUEST, body, proposal=proposal)
