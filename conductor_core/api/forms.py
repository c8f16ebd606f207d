"""What the forms of both protocols share: their base, their bounds, and how a refusal names the field to mend."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, ValidationError

from conductor_core.attachments import IMAGE_BYTES, image_type
from conductor_core.errors import InvalidRequest
from conductor_core.models import CleanText
from conductor_core.prompt import ImagePart

FormType = TypeVar("FormType", bound="Form")

MOST_TOOLS = 512
MOST_TOKENS = 10_000_000
"""More than any model's window."""
NEVER_OF_A_REQUEST = frozenset(
    {"api_base", "api_key", "base_url", "extra_body", "extra_headers", "extra_query", "headers"}
)
"""Where a call goes and with which key is the owner's to say (CVE-2024-6587)."""
_SHOWN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_MOST_SHOWN = 20

Strict = Field(strict=True)
Penalty = Annotated[float, Field(strict=True, ge=-2.0, le=2.0)]
Seed = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=MOST_TOKENS)]
Flag = Annotated[bool, Strict]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=256)]
ToolName = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9_-]{1,128}$")]
StopText = Annotated[CleanText, Field(min_length=1, max_length=1000)]
Schema = dict[str, Any]


def _nothing(value: Any) -> None:
    if value:
        raise ValueError("Conductor does not offer this; leave it out")


Nothing = Annotated[Any, AfterValidator(_nothing)]
"""Of what Conductor does not offer: not asked for is the only value it takes."""


def _alternative(value: Any) -> str:
    return "text" if isinstance(value, str) else "parts"


Either = Discriminator(_alternative)
"""Between a text, with the tag `text`, and what is more than that, with the tag `parts`."""


class Form(BaseModel):
    """A part of a request. Fields it does not name are left alone: clients send more than anybody reads."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)


class WholeForm(Form):
    """A whole request: what it does not name is listed in a header, and what would lead elsewhere is refused."""

    model_config = ConfigDict(extra="allow")

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of fields nobody looks at, as far as they can be shown in a header."""
        return tuple(name for name in self.model_extra or () if _SHOWN_NAME.fullmatch(name))[:_MOST_SHOWN]


def read(form: type[FormType], body: Any) -> FormType:
    """A request as a form.

    Raises:
        InvalidRequest: the first field that is out of its bounds; never with its value.
    """
    if not isinstance(body, dict):
        raise InvalidRequest(f"The body must be a JSON object; got {_kind(body)}.")
    for name in NEVER_OF_A_REQUEST & body.keys():
        raise InvalidRequest(f"{name}: a request can't say where it goes; set that in Settings.", name)
    try:
        return form.model_validate(body)
    except ValidationError as error:
        raise _refusal(error, body) from None


def image_of(data: str, field: str) -> ImagePart:
    """A picture from its base64, whatever it says of its type.

    Raises:
        InvalidRequest: it is none, or too large.
    """
    if len(data) > IMAGE_BYTES * 4 // 3 + 4:
        raise InvalidRequest(f"{field}: the image is larger than {IMAGE_BYTES:,} bytes.", field)
    try:
        decoded = b64decode(data, validate=True)
    except (Base64Error, ValueError):
        raise InvalidRequest(f"{field}: the image is not base64.", field) from None
    media_type = image_type(decoded)
    if not media_type:
        raise InvalidRequest(f"{field}: must be a PNG, JPEG, WebP or GIF image.", field)
    return ImagePart(media_type, decoded)


def _refusal(error: ValidationError, body: Any) -> InvalidRequest:
    first = error.errors(include_url=False)[0]
    context, kind = first.get("ctx", {}), first["type"]
    location = first["loc"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):  # what tells the alternatives apart is wrong or missing
        location = (*location, context["discriminator"].strip("'"))
    path, given = _path(location, body)
    if kind == "union_tag_invalid":
        return InvalidRequest(f"{path}: must be one of {context['expected_tags']}.", path)
    if kind in ("missing", "union_tag_not_found"):
        return InvalidRequest(f"{path}: is missing.", path)
    if kind in _SIZES:
        return InvalidRequest(f"{path}: should have {_SIZES[kind].format(**context)}.", path)
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return InvalidRequest(f"{path}: {said}; got {_kind(given)}.", path)


def _path(location: tuple[int | str, ...], body: Any) -> tuple[str, Any]:
    """Where a refusal points in what was sent, as `messages[0].content`, and what stands there.

    (A location also has the names of the alternatives that were tried; those are not in what was sent.)
    """
    path, value = "", body
    for place, step in enumerate(location):
        if isinstance(step, int) and isinstance(value, list):
            path, value = f"{path}[{step}]", value[step] if step < len(value) else None
        elif isinstance(value, dict) and (step in value or place == len(location) - 1):
            path, value = f"{path}.{step}" if path else str(step), value.get(step)
    return path or "request", value


_SIZES = {
    "too_short": "at least {min_length} of them, not {actual_length}",
    "too_long": "at most {max_length} of them",
}
"""Of lists, by the kind of pydantic's error; its own sentences tell how it checks (`after validation`)."""
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null", int: "integer"}


def _kind(value: Any) -> str:
    """A value's type, as JSON calls it."""
    return _KINDS.get(type(value), "number")
