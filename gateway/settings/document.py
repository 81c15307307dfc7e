"""`python -m gateway.settings.document`: writes docs/settings.md from the tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from gateway.settings.load import PREFIX
from gateway.settings.tree import Section, Settings

TARGET = Path(__file__).resolve().parent.parent.parent / "docs" / "settings.md"

HEAD = f"""# Settings

From a TOML file (`grandstand serve --settings FILE`, or `$GRANDSTAND_CONFIG`), the environment
(`{PREFIX}LISTEN__PORT=8080`) and flags (`--set listen.port=8080`), in rising order. They are checked as a whole before
anything starts; a wrong one is one line and exit code 2. `grandstand config` shows the effective ones and where each
came from. This page is made by `python -m gateway.settings.document`.
"""


def page() -> str:
    """The page's text."""
    lines = [HEAD]
    defaults = msgspec.to_builtins(Settings())
    hints = get_type_hints(Settings, include_extras=True)
    for section, kind in hints.items():
        if isinstance(kind, type) and issubclass(kind, Section):
            lines += [f"## {section}", "", kind.__doc__ or "", "", "| setting | default | meaning |", "|---|---|---|"]
            for name, inner in get_type_hints(kind, include_extras=True).items():
                lines.append(_row(f"{section}.{name}", inner, defaults[section][name]))
            lines.append("")
    lines += ["## others", "", "| setting | default | meaning |", "|---|---|---|"]
    for name, kind in hints.items():
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            lines.append(_row(name, kind, defaults[name]))
    return "\n".join(lines) + "\n"


def _row(key: str, kind: Any, default: Any) -> str:
    meta = next((extra for extra in get_args(kind)[1:] if isinstance(extra, msgspec.Meta)), msgspec.Meta())
    bounds = [
        f"{word} {bound:,}".replace(",", " ")
        for word, bound in (("≥", meta.ge), (">", meta.gt), ("≤", meta.le))
        if bound is not None
    ]
    meaning = (meta.description or "") + (f" ({', '.join(bounds)})" if bounds else "")
    return f"| `{key}` | `{json.dumps(default)}` | {meaning} |"


if __name__ == "__main__":
    TARGET.write_text(page())
