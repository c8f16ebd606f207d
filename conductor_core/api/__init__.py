"""The HTTP door: what programs reach Conductor by. Routes translate, the Conductor decides.

app            `create_app`: all routers behind one door
serving        `build_app`: the same, served without the dashboard
door           what every request passes: id, log line, clients that go or stall, faults nobody foresaw
access         keys and scopes; a route without one can't be added
body           bounded, strict reading of requests
errors         every refusal and fault, in the protocol of whoever asked
asking         a prompt's way to the gateway, and the facts of its answer
once           idempotency keys
quick          the short way to the routes that are asked most, past FastAPI
event_stream   answers as they are written
routes         what is under /api
answering      what the vendors' protocols have in common; model_names, forms: what both read
openai         OpenAI's protocol under /v1
anthropic      Anthropic's
metrics, docs  /metrics, and the documentation
"""

from conductor_core.api.app import create_app
from conductor_core.api.serving import build_app

__all__ = ["build_app", "create_app"]
