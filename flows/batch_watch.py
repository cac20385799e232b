"""One question to the cluster for all open jobs, again and again while any is open."""

import time
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows import artifacts, sightings
from flows.outcome import Result, conduct
from policies.errors import Unavailable
from policies.vocabulary import Work
from tasks.batch import Batch, batch
from tasks.records import calibration
from tasks.records.work import Working

SILENT = "Silent"
"""Name of the end of a watch over a cluster that does not answer: unknown, never failed."""


@flow(name="batch-watch", flow_run_name="batch-watch")
def batch_watch() -> State[Any]:
    """Ask SLURM what became of every open job, in one question, and put it on record.

    A cluster that does not answer changes nothing. When the last job of a request is over,
    the flow that publishes its results is asked for. Without open jobs nobody is asked.
    """

    def body(unit: Working) -> Result:
        cluster = batch()
        if cluster is None:
            return Result("no batch system is configured")
        return _watch(cluster, unit)

    return conduct(Work.BATCH_WATCH, body)


def _watch(cluster: Batch, unit: Working) -> Result:
    how, began = calibration.watching(), time.monotonic()
    changed: list[str] = []
    over: list[str] = []
    looks = 0
    while keys := calibration.open_jobs():
        unit.check()
        try:
            seen = sightings.look(cluster, keys)
        except Unavailable as error:
            words = f"the cluster does not answer, {len(keys)} jobs are as they were: "
            return Result(words + error.message, SILENT, ("outcome:trouble",))
        told = calibration.saw(seen, keys)
        looks, changed, over = looks + 1, changed + told.changed, over + told.over
        for line in told.changed:
            get_run_logger().info(line)
        if time.monotonic() - began + how.pause_seconds > how.for_seconds:
            break
        time.sleep(how.pause_seconds)
    artifacts.table("batch-watch", [{"job": line} for line in changed], "What changed")
    return Result(f"{looks} looks, {len(changed)} changes, {len(over)} requests are over")
