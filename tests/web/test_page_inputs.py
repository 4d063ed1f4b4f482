"""Inputs of forms are the very ones that WTForms writes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup
from wtforms import DateField, HiddenField, PasswordField, StringField
from wtforms.form import BaseForm
from wtforms.validators import InputRequired, Length

from web.pages.inputs import has_plain_input, input_tag

_NAMES = ["autocomplete", "class_", "data_a_b", "aria_label", "aria-describedby", "id", "type", "value", "z<"]
_VALUES = st.one_of(st.booleans(), st.none(), st.integers(), st.text(), st.text().map(Markup))


def form(**data: str | None) -> BaseForm:
    """A form with a field of each kind that pages have, and two that they have not."""
    made = BaseForm(
        {
            "text": StringField("Text"),
            "short": StringField("Short", [InputRequired(), Length(2, 9)]),
            "password": PasswordField("Password", [InputRequired()]),
            "hidden": HiddenField("Hidden"),
            "date": DateField("Date"),
            "styled": StringField("Styled", render_kw={"class": "wide"}),
        }
    )
    made.process(data=data)
    return made


@example(name="text", typed=None, attributes={"title": Markup('<"&quot;>')})
@given(
    name=st.sampled_from(["text", "short", "password", "hidden"]),
    typed=st.none() | st.text(),
    attributes=st.dictionaries(st.sampled_from(_NAMES), _VALUES),
)
def test_input_is_written_as_wtforms_writes_it(
    name: str, typed: str | None, attributes: dict[str, object]
) -> None:
    """Whatever a user typed and a template gives, the HTML is the same, and as well escaped."""
    field = form(**{name: typed})[name]
    assert has_plain_input(field)
    assert input_tag(field, attributes) == field(**attributes)


@pytest.mark.parametrize("name", ["date", "styled"])
def test_other_fields_are_left_to_wtforms(name: str) -> None:
    """A field of another kind, and one with attributes of its own, is none of ours."""
    assert not has_plain_input(form()[name])
