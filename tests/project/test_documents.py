"""Pages that are made from code are what the code makes now (`make generate`)."""

from __future__ import annotations

from types import ModuleType

import pytest

from gateway.observe import document as metrics_document
from gateway.settings import document as settings_document
from gateway.settings import keys
from gateway.settings.tree import Section, Settings


@pytest.mark.parametrize("document", [settings_document, metrics_document])
def test_the_page_is_up_to_date(document: ModuleType) -> None:
    assert document.TARGET.read_text() == document.page(), "run `make generate`"


def test_every_setting_is_explained() -> None:
    page = settings_document.page()
    for key, _ in keys():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
        assert len(row.split("|")[3].strip()) > 10, f"{key} has no meaning"


def test_names_of_times_and_sizes_end_with_their_unit() -> None:
    units = ("_ms", "_s", "_bytes", "_per_s")
    for section in Settings.__struct_fields__:
        kind = getattr(Settings(), section)
        if isinstance(kind, Section):
            for name in kind.__struct_fields__:
                if any(word in name for word in ("timeout", "interval", "delay", "buffer", "leeway")):
                    assert name.endswith(units), f"{section}.{name}"
