"""Constants of a dark request come into use: in our catalog first, then in CalCat."""

from tasks.records import darks


def deploy_constants(proposal: int, dark_run: int, operator: str, reason: str) -> str:
    """Use a dark request's constants from now on; answers with a sentence.

    Raises:
        Refused: It has not come to constants, or it is not the operator's to ask.
    """
    count = darks.deploy(proposal, dark_run, operator, reason)
    return f"dark request {dark_run}: {count} constants are in use"
