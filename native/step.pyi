from typing import Any

from native.connections import Table
from native.fanout import Fanout

class Step:
    def __init__(self, table: Table, fanout: Fanout, plane: Any, parts: dict[str, Any]) -> None: ...
    def take(self, owner: Any, channel: Any, entry: Any, now_ms: int) -> bool: ...
