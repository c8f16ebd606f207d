"""Which addresses are the API's, and what a browser may do with what they answer."""

from __future__ import annotations

import re

DOCS = "/api/docs"

# Also what only looks like one of them (`//v1`, `/V1;x`, `/./api`): such a path must not be answered with a page.
_API = re.compile(r"[/.;\\]*(?:api|v1|metrics)(?![a-z0-9_-])", re.IGNORECASE)
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_SWAGGER_UI = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Swagger UI styles elements inline; without scripts a style can neither read the page nor call out.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def is_api(path: str) -> bool:
    """Whether a path is the API's to answer, if only with a 404."""
    return _API.match(path) is not None


def content_security_policy(path: str) -> str:
    """What a page at one of these paths may load: nothing, but for the documentation."""
    return _SWAGGER_UI if path == DOCS or path.startswith(f"{DOCS}/") else _NOTHING
