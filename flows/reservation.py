"""Nodes of the cluster are kept for a beamtime, and given back at its end."""

from datetime import timedelta

from flows.folders import Done
from policies import reservation as rules
from policies.errors import BeamkeeperError, Refused
from policies.layout import group_names
from policies.vocabulary import StepName, StepState
from tasks.batch import Reservation, batch
from tasks.records import beamtimes, configured
from tasks.records.views import ProposalView


def batch_reservation(view: ProposalView) -> Done:
    """The reservation for the participants' group, read back."""
    site, cluster = configured.batch(), batch()
    if site is None or cluster is None or not site.reservations:
        return Done("no reservations here: set batch.reservations", state=StepState.SKIPPED)
    if view.state not in rules.RESERVED_IN:
        return Done(f"the beamtime is {view.state.label}", state=StepState.SKIPPED)
    try:
        begin, end = rules.window(
            view.beamtimes,
            timedelta(hours=site.hours_before),
            timedelta(hours=site.hours_after),
            beamtimes.moment(),
        )
    except Refused as error:
        return Done(error.message, state=StepState.SKIPPED)
    wanted = Reservation(
        rules.name(view.number),
        begin,
        end,
        site.reservation_partition,
        site.reservation_nodes,
        group_names(view.number)[0],
    )
    shown, changed = cluster.ensure_reservation(wanted)
    span = f"{shown.begin_at:%Y-%m-%d %H:%M} to {shown.end_at:%Y-%m-%d %H:%M} UTC"
    return Done(
        f"{shown.name}: {shown.node_count} nodes of {shown.partition} for {wanted.group}, {span}",
        {"reservation": shown.name, "nodes": shown.nodes, "groups": list(shown.groups)},
        changes=int(changed),
    )


def end_reservation(proposal: int) -> None:
    """Give the nodes back; a cluster that does not answer holds nobody up."""
    view = beamtimes.proposal(proposal)
    made = any(s.name is StepName.BATCH_RESERVATION for s in view.steps)
    cluster = batch()
    if not made or cluster is None:
        return
    try:
        gone = cluster.remove_reservation(rules.name(proposal))
        state, words = StepState.SKIPPED, "removed at the end" if gone else "there was none"
    except BeamkeeperError as error:
        state, words = StepState.FAILED, f"not removed: {error.message}"
    beamtimes.end_step(proposal, StepName.BATCH_RESERVATION, state, words, {})
