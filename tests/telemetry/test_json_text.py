"""JSON is written as the standard library writes it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(st.text(), deeper, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_every_value_is_written_as_the_standard_library_writes_it(value: object) -> None:
    """The text equals that of `json.dumps`: ASCII, on one line (RFC 8259)."""
    assert json_text(value) == json.dumps(value)


@pytest.mark.parametrize("value", [b"octets", object(), {1, 2}])
def test_value_that_is_not_json_is_refused(value: object) -> None:
    """A value that JSON does not have raises TypeError."""
    with pytest.raises(TypeError, match=type(value).__name__):
        json_text({"name": [value]})
