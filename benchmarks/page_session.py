"""A page without a browser: Streamlit's WebSocket, spoken as its frontend does, and what a reader would see change."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.widget_values import value_of

PATIENCE_SECONDS = 60.0


class PageSession:
    """One tab. `async with PageSession(url) as page:` opens it and waits until the page is drawn.

    Args:
        url: of the server, `http://127.0.0.1:8501`.
        page: the page's name in the address, empty for the start page.
        query: what follows the address's question mark.

    Attributes:
        drawn: when a text on the page was drawn, by the text's place; seconds of `time.perf_counter`.
        changes: when it was drawn differently from before.
        received: bytes so far.
        box: the message box's widget id.
        fragment_runs: how often a fragment has been drawn so far.
        waits: seconds from asking for a fragment until it was drawn, of each time.
    """

    def __init__(self, url: str, page: str = "", query: str = "") -> None:
        self._url = url
        self._page = page
        self._query = query
        self._http = aiohttp.ClientSession()
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._texts: dict[tuple[int, ...], str] = {}
        self._widgets: dict[tuple[int, ...], WidgetState] = {}
        self._finished = asyncio.Event()
        self.drawn: dict[tuple[int, ...], list[float]] = {}
        self.changes: dict[tuple[int, ...], list[float]] = {}
        self.received = 0
        self.box = ""
        self.fragment_runs = 0
        self.waits: list[float] = []
        self._asked_at = 0.0

    async def __aenter__(self) -> Self:
        self._socket = await self._http.ws_connect(
            f"{self._url}/_stcore/stream", protocols=("streamlit",), origin=self._url, max_msg_size=0
        )
        self._reader = asyncio.create_task(self._read())
        await self.run()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.cancel()
        self._stop_timers()
        await self._socket.close()
        await self._http.close()

    async def run(self, *widgets: WidgetState) -> None:
        """Has the whole page run with these widgets' values and waits until it is drawn."""
        self._finished.clear()
        await self._send(widgets)
        await asyncio.wait_for(self._finished.wait(), PATIENCE_SECONDS)

    async def say(self, text: str) -> None:
        """Sends a message by the page's message box, and waits until the page that follows is drawn."""
        value = WidgetState(id=self.box)
        value.chat_input_value.data = text
        await self.run(value)

    async def watch_until_it_ends(self) -> None:
        """Waits until the page no longer asks for anything by itself: the answers have ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._timers:
                await asyncio.sleep(0.05)

    async def _send(self, widgets: Sequence[WidgetState], fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self._query
        state.page_name = self._page
        state.fragment_id = fragment
        state.is_auto_rerun = bool(fragment)
        state.widget_states.widgets.extend([*self._widgets.values(), *widgets])
        await self._socket.send_bytes(message.SerializeToString())

    async def _read(self) -> None:
        async for frame in self._socket:
            self.received += len(frame.data)
            self._take(ForwardMsg.FromString(frame.data))

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "delta":
                self._draw(tuple(message.metadata.delta_path), message.delta)
            case "page_info_changed":
                self._query = message.page_info_changed.query_string
            case "auto_rerun":
                self._start_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                self._stop_timers(message.stop_auto_rerun.fragment_id)
            case "new_session" if not message.metadata.run.fragment_ids:
                self._stop_timers()
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
                self.fragment_runs += 1
                self.waits.append(time.perf_counter() - self._asked_at)
            case "script_finished" if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                self._finished.set()

    def _draw(self, place: tuple[int, ...], delta: Delta) -> None:
        element = delta.new_element
        self._widgets.pop(place, None)
        widget = value_of(element)
        if widget:
            self._widgets[place] = widget
        if element.WhichOneof("type") == "chat_input":
            self.box = element.chat_input.id
        if element.WhichOneof("type") == "markdown":
            now = time.perf_counter()
            self.drawn.setdefault(place, []).append(now)
            if self._texts.get(place) != element.markdown.body:
                self._texts[place] = element.markdown.body
                self.changes.setdefault(place, []).append(now)

    def _start_timer(self, fragment: str, interval: float) -> None:
        if fragment not in self._timers:
            self._timers[fragment] = asyncio.create_task(self._ask_again(fragment, interval))

    def _stop_timers(self, fragment: str = "") -> None:
        for name in [fragment] if fragment else list(self._timers):
            if name in self._timers:
                self._timers.pop(name).cancel()

    async def _ask_again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self._asked_at = time.perf_counter()
            await self._send((), fragment)


async def _keep_open(url: str, page: str, query: str) -> None:
    async with PageSession(url, page, query):
        await asyncio.Event().wait()


if __name__ == "__main__":  # a tab in a process of its own: python -m benchmarks.page_session URL health range=15m
    asyncio.run(_keep_open(*sys.argv[1:]))
