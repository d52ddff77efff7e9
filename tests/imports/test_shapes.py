"""Each file of `shapes.py` gives exactly its expected cells: right, or with an error at the cell. None is guessed."""

from __future__ import annotations

import pytest

from onboarding.imports import columns, tables
from onboarding.imports.errors import UnreadableFile
from onboarding.imports.values import Columns, read_row
from tests.imports.shapes import SHAPES, Shape


def read_shape(shape: Shape) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """The rows of a file with a code at each cell that has an error, and what HR is asked about."""
    table = tables.open_table(shape.data)
    layout, rows = columns.find_layout(table)
    fields = [shape.columns.get(number, name) for number, name in enumerate(layout.fields)]
    chosen = Columns(fields, shape.day_order, table.epoch_1904)  # type: ignore[arg-type]
    found = []
    for source in rows:
        row = read_row(source.cells, chosen)
        found.append(row.values | {each.field: f"!{each.code}" for each in row.findings})
    return found, (*[layout.titles[number] for number in layout.unknown], *table.other_sheets)


def test_there_are_many_shapes():
    assert len(SHAPES) >= 60
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_file_gives_its_expected_cells(shape):
    if shape.refused:
        with pytest.raises(UnreadableFile) as caught:
            read_shape(shape)
        assert caught.value.code == shape.refused
        assert str(caught.value.message)
        return

    found, asked = read_shape(shape)

    assert found == list(shape.rows)
    assert asked == shape.asked
