"""The one error of the settings."""

from __future__ import annotations


class SettingsError(Exception):
    """A wrong setting; its text is one line.

    Args:
        key: the setting's dotted name, or the file's.
        detail: what is wrong with it.
    """

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(f"{key}: {detail}")
        self.key = key
        self.detail = detail
