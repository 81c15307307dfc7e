"""What each route for operators takes and answers, as operations.py has it for the public ones.

Overviews are objects for the operator's page, which grow with it: their members are no promise to other programs.
"""

from __future__ import annotations

from gateway.bus.board_orders import LETTERS_DEFAULT, LETTERS_MAX, Letters
from gateway.edge.operations import Operation, Operations, Parameter

ASKED = (401, 403, 404, 503)
"""On the public port; the admin port asks nobody who he is."""

OPERATOR_OPERATIONS: Operations = {
    ("GET", "/admin/v1/overview"): Operation(
        "The whole gateway: workers, channels, store, dead letters, refusals", dict, ASKED
    ),
    ("GET", "/admin/v1/channels/{channel}"): Operation("One channel with some of its connections", dict, ASKED),
    ("GET", "/admin/v1/connections/{connection}"): Operation("One connection: worker and id", dict, ASKED),
    ("GET", "/admin/v1/workers"): Operation("What each worker reports of itself", list, (503,)),
    ("GET", "/admin/v1/channels"): Operation("Every channel that is served now, by worker", list, (503,)),
    ("GET", "/admin/v1/dead-letters"): Operation(
        "Entries that could not be counted, the newest first",
        Letters,
        (422, 503),
        (
            Parameter(
                "limit",
                "letters",
                {"type": "integer", "minimum": 1, "maximum": LETTERS_MAX, "default": LETTERS_DEFAULT},
            ),
            Parameter("channel", "only of this one", {"type": "string", "maxLength": 256}),
        ),
    ),
}
