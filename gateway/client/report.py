"""A viewer's report by a request of its own, where there is no WebSocket to say it on."""

from __future__ import annotations

import httpx

from gateway.client.polling import http_client
from gateway.client.source import Address
from gateway.model.messages import Beat, encode_json


async def post_beat(address: Address, beat: Beat) -> bool:
    """Whether the gateway has taken it; one that has not is no error of the viewer."""
    headers = {**address.headers(), "Content-Type": "application/json"}
    try:
        async with http_client() as client:
            response = await client.post(address.beats_url, content=encode_json(beat), headers=headers)
    except httpx.HTTPError:
        return False
    return response.is_success
