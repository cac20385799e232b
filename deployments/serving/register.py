"""What only the flow functions themselves know: their form.

This module loads the engine and the flows; everything else about a deployment is in
prefect.yaml.
"""

import importlib
from typing import Any

from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema

from deployments.serving.manifest import Entry
from policies.errors import Misconfigured


def form_of(entry: Entry) -> dict[str, Any]:
    """Return the JSON schema of a flow's parameters.

    Raises:
        Misconfigured: The module does not import, holds no such flow, or the flow has
            another name than its deployment.
    """
    try:
        module = importlib.import_module(entry.module)
    except Exception as error:
        raise Misconfigured(f"{entry.module} does not import: {error!r}") from error
    flow = getattr(module, entry.function, None)
    if not isinstance(flow, Flow):
        raise Misconfigured(f"{entry.module} holds no flow {entry.function}")
    if flow.name != entry.name:
        raise Misconfigured(f"the flow of {entry.name} calls itself {flow.name}")
    unknown = set(entry.parameters) - set(flow.parameters.properties)
    if unknown:
        raise Misconfigured(f"{entry.name} has no parameter {', '.join(sorted(unknown))}")
    return parameter_schema(flow).model_dump()
