"""The documentation at `/api/docs`: Swagger UI from the machine itself, without a script in the page."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from fastapi import Path as PathParameter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import FileResponse, Response

from conductor_core import VERSION
from conductor_core.api.access import scope_of
from conductor_core.api.errors import HttpError, Problem
from conductor_core.api.paths import DOCS
from conductor_core.api.routes.chat import ChatForm

router = APIRouter(include_in_schema=False)

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conductor API</title>
<link rel="stylesheet" href="{DOCS}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{DOCS}/swagger-ui-bundle.js"></script>
<script src="{DOCS}/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
"""
_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_ABOUT = (
    "Every language model behind one address. Keys are made on the Settings page and sent as "
    "`Authorization: Bearer sk-cond-…` or `x-api-key`. Errors have a code, a sentence and a request id."
)
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key made in Settings."},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
}


@router.get(DOCS)
async def page() -> Response:
    """The page."""
    return Response(_PAGE, media_type="text/html; charset=utf-8")


@router.get(f"{DOCS}/{{name}}")
async def file(name: Annotated[str, PathParameter(max_length=40)]) -> Response:
    """One of its files."""
    headers = {"cache-control": "public, max-age=86400"}
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=headers)
    if name in _FILES:
        return FileResponse(_folder() / name, media_type=_FILES[name], headers=headers)
    raise HttpError(Problem(404, "not_found", "There is nothing at this address."))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of all routes, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title="Conductor", version=VERSION, description=_ABOUT, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        _add_form(schemas)
        made["components"]["securitySchemes"] = _SCHEMES
        for route in app.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                _finish(made["paths"][route.path_format], route)
        # FastAPI's own shape of an error, which no route answers with.
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        _restore_examples(schemas)
        app.openapi_schema = made
    return app.openapi_schema


def _add_form(schemas: dict[str, Any]) -> None:
    """A body that is read by us and not by FastAPI is not known to it."""
    form = ChatForm.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(form.pop("$defs", {}))
    schemas["ChatForm"] = form


def _restore_examples(schemas: dict[str, Any]) -> None:
    """FastAPI takes every null out of the document; in an example it means "not known", and may be required."""
    left = [BaseModel]
    while left:
        model = left.pop()
        left += model.__subclasses__()
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in schemas and model.__module__.startswith("conductor_core.") and isinstance(extra, dict):
            schemas[model.__name__].update(extra)


def _finish(operations: dict[str, Any], route: APIRoute) -> None:
    """What follows from the route itself: the scope it needs, and which statuses it never answers."""
    scope = scope_of(route)
    for operation in operations.values():
        if scope is not None:
            operation["security"] = [{name: []} for name in _SCHEMES]
            operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
        documented = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
        if documented.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
            del operation["responses"]["422"]


@cache
def _folder() -> Path:
    """Where the package with Swagger UI keeps it; found without running any of it."""
    spec = find_spec("fastapi_offline")
    assert spec is not None, "fastapi-offline is in requirements.txt"
    assert spec.origin is not None, "it is a package in a folder"
    return Path(spec.origin).parent / "static"
