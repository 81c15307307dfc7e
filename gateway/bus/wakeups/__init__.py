"""Three ways to hear that a stream has changed, and the choice between them (ARCHITECTURE, decision 7)."""

from gateway.bus.wakeups.base import Stirred, Wakeup
from gateway.bus.wakeups.choice import choose

__all__ = ["Stirred", "Wakeup", "choose"]
