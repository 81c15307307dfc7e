"""Three ways to hear that a stream has changed, and the choice between them (ARCHITECTURE, decision 7)."""

from gateway.bus.wakeups.base import Unsuitable, Wakeup
from gateway.bus.wakeups.choice import METHODS, choose

__all__ = ["METHODS", "Unsuitable", "Wakeup", "choose"]
