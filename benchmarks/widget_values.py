"""What a browser tells a server of the widgets it shows: each one's value, whether anybody touched it or not."""

from __future__ import annotations

from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetState


def value_of(element: Element) -> WidgetState | None:
    """A widget's value as it is drawn; an empty one's has no value. None of what is no such widget."""
    match element.WhichOneof("type"):
        case "selectbox":
            return _selectbox(element)
        case "slider":
            slider = element.slider
            state = WidgetState(id=slider.id)
            state.double_array_value.data.extend(slider.value if slider.set_value else slider.default)
            return state
        case "number_input":
            number = element.number_input
            if not (number.set_value or number.HasField("default")):
                return WidgetState(id=number.id)
            return WidgetState(id=number.id, double_value=number.value if number.set_value else number.default)
        case "text_input" | "text_area" as kind:
            text = getattr(element, kind)
            return WidgetState(id=text.id, string_value=text.value if text.set_value else text.default)
        case "checkbox":
            box = element.checkbox
            return WidgetState(id=box.id, bool_value=box.value if box.set_value else box.default)
        case "button_group":
            group = element.button_group
            state = WidgetState(id=group.id)
            defaults = [group.options[place].content for place in group.default]
            state.string_array_value.data.extend(group.raw_values if group.set_value else defaults)
            return state
    return None


def _selectbox(element: Element) -> WidgetState:
    box = element.selectbox
    if box.set_value:
        return WidgetState(id=box.id, string_value=box.raw_value)
    if not box.HasField("default") or not box.options:
        return WidgetState(id=box.id)
    return WidgetState(id=box.id, string_value=box.options[box.default])
