"""How a field of a form becomes an `<input>`: what WTForms writes, in an eighth of its time.

WTForms makes each attribute with two formatted `Markup` strings. That was a tenth of a sign-in's CPU
(docs/decisions/0044-cost-of-a-page.md).
"""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup, escape
from wtforms import Field
from wtforms.widgets import HiddenInput, PasswordInput, TextInput
from wtforms.widgets.core import clean_key

_WIDGETS: Final = frozenset({HiddenInput, PasswordInput, TextInput})


def has_plain_input(field: Field) -> bool:
    """Tell whether `input_tag` can write a field. WTForms writes all others.

    Args:
        field: A field of a form.
    """
    return (
        type(field.widget) in _WIDGETS
        and field.render_kw is None
        and getattr(field, "_datalist", None) is None
    )


def input_tag(field: Field, given: Mapping[str, Any]) -> Markup:
    """Write a field as WTForms does: attributes in order of their names, and none whose value is False.

    Args:
        field: A field with a plain input.
        given: Attributes that the template gives.
    """
    widget = field.widget
    flags = {
        name: value() if callable(value) else value
        for name, value in vars(field.flags).items()
        if name in widget.validation_attrs
    }
    attributes = {"id": field.id, "type": widget.input_type, "value": field._value(), **flags}  # noqa: SLF001 - as WTForms' widgets do
    attributes.update((clean_key(name), value) for name, value in given.items())
    if getattr(widget, "hide_value", False):
        attributes["value"] = ""
    attributes["name"] = field.name
    written = [
        escape(name) if value is True else f'{escape(name)}="{_quoted(value)}"'
        for name, value in sorted(attributes.items())
        if value is not False
    ]
    return Markup(f"<input {' '.join(written)}>")  # noqa: S704 - every part is escaped


def _quoted(value: object) -> str:
    # `escape` leaves the quotation marks of a text that is HTML already.
    return str.replace(escape(value), '"', "&quot;")
