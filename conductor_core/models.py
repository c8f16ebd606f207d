"""What goes in and what comes out: the public values, checked at this boundary and nowhere again."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from conductor_core.kinds import CostKind, FinishReason, ProviderState
from conductor_core.text import is_blank, is_clean

MAX_MESSAGES = 10_000
MAX_CHARACTERS = 1_000_000
PROVIDER_PATTERN = r"^([a-z][a-z0-9_]{0,31}|custom:[a-z][a-z0-9-]{0,31})$"
MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/@+~-]{0,199}$"


class MessageRole(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Provider(StrEnum):
    """AUTO and every provider that comes with Conductor. A user's own endpoint is `custom:<name>`."""

    AUTO = "auto"
    GEMINI = "gemini"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GROQ = "groq"
    MISTRAL = "mistral"
    DEEPSEEK = "deepseek"
    XAI = "xai"
    TOGETHER = "together"
    OPENROUTER = "openrouter"
    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"
    VLLM = "vllm"
    LOCAL = "local"


def _clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("must be plain text without NUL or lone surrogates")
    return text


def _visible(text: str) -> str:
    if is_blank(text):
        raise ValueError("must have at least 1 visible character")
    return text


def _no_parent_folder(name: str) -> str:
    if ".." in name:
        raise ValueError("must be a model's name, without '..'")
    return name


def _default_for_null(default: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value is None else value)


CleanText = Annotated[str, Field(strict=True), AfterValidator(_clean)]
SaidText = Annotated[str, Field(strict=True, max_length=MAX_CHARACTERS), AfterValidator(_clean)]
VisibleText = Annotated[SaidText, AfterValidator(_visible)]
ProviderName = Annotated[str, Field(pattern=PROVIDER_PATTERN, examples=["auto", "gemini", "custom:my-server"])]
ModelName = Annotated[str, Field(strict=True, pattern=MODEL_PATTERN), AfterValidator(_no_parent_folder)]
Temperature = Annotated[float, Field(strict=True, ge=0.0, le=2.0)]
TopP = Annotated[float, Field(strict=True, gt=0.0, le=1.0)]
TopK = Annotated[int, Field(strict=True, ge=1, le=1000)]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class ChatMessage(_Value):
    """One message of a conversation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "user", "content": "What is the capital of France?"}]}
    )

    role: MessageRole
    content: VisibleText = Field(min_length=1)


class ChatRequest(_Value):
    """A completion asked for. Unknown fields are refused, so that no request can name a key or an address."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider": "auto",
                    "messages": [{"role": "user", "content": "What is the capital of France?"}],
                    "temperature": 0.7,
                    "max_tokens": 1000,
                }
            ]
        }
    )

    provider: Annotated[ProviderName, _default_for_null(Provider.AUTO)] = Provider.AUTO
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    model: ModelName | None = None
    temperature: Annotated[Temperature, _default_for_null(0.7)] = 0.7
    max_tokens: Annotated[int, Field(strict=True, ge=1, le=4000), _default_for_null(1000)] = 1000
    top_p: TopP | None = None
    top_k: TopK | None = None
    stop: list[CleanText] = Field(default_factory=list, max_length=4)
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] | None = None


class ChatResponse(_Value):
    """An answer with its metadata and analytics. Times are in ms, money in USD; None is "not known", never zero."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "content": "The capital of France is Paris.",
                    "provider": "gemini",
                    "model": "gemini-2.5-flash",
                    "finish_reason": "stop",
                    "prompt_tokens": 7,
                    "completion_tokens": 8,
                    "thinking_tokens": 0,
                    "latency_ms": 912.4,
                    "ttft_ms": 402.1,
                    "cost_usd": 0.0000221,
                    "cost_kind": "reported",
                    "request_id": "5d0c1f0e9a7b4c35a7d1d0b3f2c4e6a8",
                    "created": "2026-11-23T12:00:00Z",
                }
            ]
        }
    )

    content: str
    provider: str
    model: str
    finish_reason: FinishReason | None
    prompt_tokens: int | None
    completion_tokens: int | None
    thinking_tokens: int | None
    latency_ms: float
    ttft_ms: float | None
    cost_usd: float | None
    cost_kind: CostKind
    request_id: str
    created: datetime


class ProviderStatus(_Value):
    """How one provider stands: healthy or not and why, how fast, how often it succeeds, how much it was used.

    `total_cost_usd` adds up what is known; `unpriced_requests` says how many calls are not in it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "gemini",
                    "label": "Gemini",
                    "state": "healthy",
                    "is_healthy": True,
                    "reason": "18 of 18 calls succeeded",
                    "default_model": "gemini-2.5-flash",
                    "total_requests": 18,
                    "successful_requests": 18,
                    "failed_requests": 0,
                    "success_rate": 1.0,
                    "average_latency_ms": 871.0,
                    "average_ttft_ms": 390.5,
                    "total_tokens": 2210,
                    "total_cost_usd": 0.0031,
                    "unpriced_requests": 0,
                    "last_error": None,
                    "last_check": "2026-11-23T12:00:00Z",
                }
            ]
        }
    )

    name: str
    label: str
    state: ProviderState
    is_healthy: bool
    reason: str
    default_model: str | None
    total_requests: int
    successful_requests: int
    failed_requests: int
    success_rate: float | None
    average_latency_ms: float | None
    average_ttft_ms: float | None
    total_tokens: int
    total_cost_usd: float | None
    unpriced_requests: int
    last_error: str | None
    last_check: datetime | None


class SystemStatus(_Value):
    """The whole installation: overall health, every provider, totals since start, uptime in seconds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "healthy",
                    "providers": [],
                    "total_requests": 18,
                    "successful_requests": 18,
                    "failed_requests": 0,
                    "total_cost_usd": 0.0031,
                    "unpriced_requests": 0,
                    "uptime_seconds": 3600.0,
                    "version": "0.1.0",
                }
            ]
        }
    )

    state: ProviderState
    providers: list[ProviderStatus]
    total_requests: int
    successful_requests: int
    failed_requests: int
    total_cost_usd: float | None
    unpriced_requests: int
    uptime_seconds: float
    version: str


def _now() -> datetime:
    return datetime.now(UTC)


class ErrorResponse(_Value):
    """A refusal or a fault: what happened, which provider, when, and the id to quote."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": "rate_limited",
                    "detail": "Gemini is rate-limited. Wait 12 s or use another provider.",
                    "provider": "gemini",
                    "timestamp": "2026-11-23T12:00:00Z",
                    "request_id": "5d0c1f0e9a7b4c35a7d1d0b3f2c4e6a8",
                }
            ]
        }
    )

    error: str
    detail: str
    provider: str | None = None
    timestamp: datetime = Field(default_factory=_now)
    request_id: str | None = None


class HealthResponse(_Value):
    """Whether this process is alive and ready to answer."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "version": "0.1.0", "timestamp": "2026-11-23T12:00:00Z"}]}
    )

    status: str
    version: str
    timestamp: datetime = Field(default_factory=_now)
