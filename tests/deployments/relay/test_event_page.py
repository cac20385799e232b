"""An event as a subscriber gets it is the one on the page."""

import json

import httpx

from deployments.webhook_page import EVENT_FIELDS
from policies import signing
from policies.signing import SigningKey
from policies.vocabulary import Topic
from tests.deployments.relay.conftest import SECRET

TYPES = {"text": str, "integer": int}


def test_an_event_has_the_fields_of_the_page_and_is_signed_as_its_topic(place):
    damnit = place.subscriber("damnit")
    place.close_runs(1)
    relay = place.relay()
    for _ in range(3):
        relay.round()
    [event] = damnit.events
    assert set(event) == set(EVENT_FIELDS)
    assert all(isinstance(event[n], TYPES[kind]) for n, (kind, _) in EVENT_FIELDS.items())


def test_an_event_cannot_be_played_as_another(place):
    """Whoever holds one back cannot have it taken for the end of a migration."""
    damnit = place.subscriber("damnit")
    body = json.dumps({"event": "daq_run_complete", "run": 1}).encode()
    key = SigningKey("s", SECRET.encode())
    headers = signing.sign("beamkeeper", key, "e", body, place.now, kind=Topic.DAQ_RUN_COMPLETE)

    def told(kind):
        return httpx.post(
            damnit.url, content=body, headers={**headers, signing.KIND: kind}
        ).status_code

    assert told(Topic.MIGRATION_COMPLETE) == 401
    assert told("") == 401
    assert told(Topic.DAQ_RUN_COMPLETE) == 200
