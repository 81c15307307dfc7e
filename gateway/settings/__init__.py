"""The settings: their tree, and how they are loaded."""

from gateway.settings.errors import SettingsError
from gateway.settings.load import keys, load
from gateway.settings.tree import (
    AccessSettings,
    Admin,
    AudienceSettings,
    BoardSettings,
    BusSettings,
    ChannelSettings,
    KeyframeSettings,
    Listen,
    ObserveSettings,
    PaceSettings,
    Settings,
    ViewerSettings,
)

__all__ = [
    "AccessSettings",
    "Admin",
    "AudienceSettings",
    "BoardSettings",
    "BusSettings",
    "ChannelSettings",
    "KeyframeSettings",
    "Listen",
    "ObserveSettings",
    "PaceSettings",
    "Settings",
    "SettingsError",
    "ViewerSettings",
    "keys",
    "load",
]
