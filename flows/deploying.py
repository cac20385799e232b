"""Constants of a dark request come into use: in our catalog, and in CalCat where there is one."""

from tasks.constants import constants_catalog
from tasks.records import configured, darks


def deploy_constants(proposal: int, dark_run: int, operator: str, reason: str) -> str:
    """Use a dark request's constants from now on; answers with a sentence.

    Ours first: it says whether the operator may. Asked again, what CalCat missed is caught up.

    Raises:
        Refused: It has not come to constants, or it is not the operator's to ask.
        Unavailable: CalCat does not answer; ask again.
    """
    count = darks.deploy(proposal, dark_run, operator, reason)
    words = f"dark request {dark_run}: {count} constants are in use"
    catalogue, rows = constants_catalog(configured.constants()), darks.ccv_ids(dark_run)
    if catalogue is None or not rows:
        return words
    with catalogue:
        catalogue.deploy(rows)
    return f"{words}, {len(rows)} of them in CalCat"
