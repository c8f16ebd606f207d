"""The log: one JSON line per record on stderr, without keys and without what people wrote.

Everything that logs goes through one handler: our own records, those of other libraries, warnings, and exceptions that
nobody caught. No record carries the text of a prompt or an answer; keys are taken out of all of them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from conductor_core.redaction import Redactor

_OURS = ("conductor", "conductor_core", "dashboard")
_LONGEST_VALUE = 16_384
_DEEPEST = 6
_HARMLESS = "harmless_values"
_MOST_WAITING = 64
_WAITING_SECONDS = 0.2


def configure(redactor: Redactor, stream: TextIO | None = None) -> logging.Handler:
    """Makes `stream` (stderr) the one place of the log, and returns its handler.

    Ours is logged from INFO on, other libraries' from WARNING on: a server's line per request would name conversations.
    Handlers that other libraries put on their own loggers are taken away, so that nothing passes the redaction by.
    """
    handler = _Handler(stream)
    handler.setFormatter(_formatter(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in list(logging.root.manager.loggerDict):
        capture(logging.getLogger(name))
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)
    # What no line shows needs not be found out for each of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return handler


def capture(logger: logging.Logger) -> None:
    """Sends a logger's records to the root handler instead of its own handlers, from the root's level on."""
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def harmless(logger: logging.Logger, event: str, **values: str | float | None) -> None:
    """Logs values that are known to hold neither a key nor what somebody wrote: past the redactor, much quicker."""
    if logger.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, event, None, None)
        setattr(record, _HARMLESS, values)
        logger.handle(record)


def catch_uncaught() -> None:
    """Logs what would otherwise end as a raw traceback on stderr: of the process, of a thread, of a finaliser."""
    log = logging.getLogger("conductor")

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("uncaught_exception", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else ""
            log.error("uncaught_exception in thread %s", name, exc_info=args.exc_value)

    def of_finaliser(args: sys.UnraisableHookArgs) -> None:
        log.error("unraisable_exception", exc_info=args.exc_value)

    sys.excepthook = of_process
    threading.excepthook = of_thread
    sys.unraisablehook = of_finaliser


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]


def _formatter(redactor: Redactor) -> logging.Formatter:
    return _Formatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact_with(redactor.clean),
            structlog.processors.JSONRenderer(),
        ],
        foreign_pre_chain=_shared_processors(),
        use_get_message=True,
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Writes at once, but for what is `harmless`: many lines of that at a time, or after a moment; their order is kept.

    It is a line per request, and each write gives the interpreter's lock away, which costs a busy process more than
    what is written.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, _HARMLESS):
            self._lines.append(self.format(record))
            if len(self._lines) >= _MOST_WAITING:
                self._try_to_flush()
            elif len(self._lines) == 1:
                self._flush_soon()
        else:
            self._try_to_flush()
            super().emit(record)

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join((*lines, "")))
            super().flush()
        finally:
            self.release()

    def _flush_soon(self) -> None:
        try:
            asyncio.get_running_loop().call_later(_WAITING_SECONDS, self._try_to_flush)
        except RuntimeError:
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        """A full disk or a closed stream stops nobody who logs; there is nowhere else to say so."""
        with suppress(OSError, ValueError):
            self.flush()


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """structlog's, but for what is `harmless`."""

    def format(self, record: logging.LogRecord) -> str:
        values = getattr(record, _HARMLESS, None)
        if values is None:
            return super().format(record)
        time = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        told = {**values, "event": record.msg, "logger": record.name, "level": "info", "time": time}
        return orjson.dumps(told).decode()


def _redact_with(clean: Callable[[str], str]) -> Processor:
    def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {clean(str(key)): _cleaned(value, clean, _DEEPEST) for key, value in event.items()}

    return redact


def _cleaned(value: Any, clean: Callable[[str], str], depth: int) -> Any:
    """`value` as JSON can hold it, every text in it redacted and cut at 16 KB."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth and isinstance(value, Mapping):
        return {clean(str(key)): _cleaned(item, clean, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item, clean, depth - 1) for item in value]
    # Redacted before it is cut, else half a key would be left at the end.
    text = clean(value if isinstance(value, str) else repr(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
