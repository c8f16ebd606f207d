"""Providers, models and how the whole installation stands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from conductor_core import VERSION
from conductor_core.api.access import needs
from conductor_core.api.documented import answer, errors
from conductor_core.api.installation import conductor_of
from conductor_core.keys.key import Scope
from conductor_core.models import HealthResponse, ProviderStatus, SystemStatus

router = APIRouter(prefix="/api", tags=["status"], dependencies=[needs(Scope.READ)])
open_router = APIRouter(prefix="/api", tags=["status"])

ProviderPath = Annotated[str, Path(max_length=40, examples=["openai"], description="A provider's name.")]


class ModelEntry(BaseModel):
    """One model that can be asked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"provider": "openai", "model": "gpt-4.1-mini", "default": True}]}
    )

    provider: str
    model: str
    default: bool = Field(description="Whether the provider uses it when a request names no model.")


class ModelList(BaseModel):
    """Every configured provider's models, as far as known."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"models": [{"provider": "openai", "model": "gpt-4.1-mini", "default": True}]}]}
    )

    models: list[ModelEntry]


class ProviderList(BaseModel):
    """Every provider, configured or not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"providers": []}]})

    providers: list[ProviderStatus]


@router.get("/providers", responses={**errors(), **answer("Every provider as it stands now.")})
async def providers(request: Request) -> ProviderList:
    """Lists the providers with their state, speed, success and cost since start."""
    return ProviderList(providers=conductor_of(request).status().providers)


@router.get("/providers/{name}", responses={**errors(404), **answer("The provider as it stands now.")})
async def provider(request: Request, name: ProviderPath) -> ProviderStatus:
    """One provider with its state, speed, success and cost since start."""
    return conductor_of(request).status_of(name)


@router.get("/models", responses={**errors(), **answer("The models, each provider's default first.")})
async def models(request: Request) -> ModelList:
    """Lists the models of the configured providers. A provider that was not asked yet has its default only."""
    conductor = conductor_of(request)
    found = []
    for one, names in conductor.models().items():
        default = conductor.providers.get(one).default_model
        found += [ModelEntry(provider=one, model=model, default=model == default) for model in names]
    return ModelList(models=found)


@router.get("/status", responses={**errors(), **answer("Overall state, every provider, totals since start.")})
async def status(request: Request) -> SystemStatus:
    """The whole installation at a glance."""
    return conductor_of(request).status()


@open_router.get("/health", responses=answer("This process lives."))
async def health() -> HealthResponse:
    """Whether this process answers. Needs no key, and looks at nothing."""
    return HealthResponse(status="ok", version=VERSION)


@open_router.get(
    "/health/ready",
    response_model=HealthResponse,
    responses={**answer("It can take requests."), 503: {"model": HealthResponse, "description": "It can't just now."}},
)
async def ready(request: Request) -> Response:
    """Whether this process can take requests: its answers can be saved, and it is not full. Needs no key."""
    conductor = conductor_of(request)
    bulkheads = conductor.gateway.bulkheads
    is_ready = not conductor.store.writer.stuck and bulkheads.requests < bulkheads.settings.max_requests
    found = HealthResponse(status="ready" if is_ready else "not_ready", version=VERSION)
    return JSONResponse(found.model_dump(mode="json"), 200 if is_ready else 503)
