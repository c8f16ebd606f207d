"""Server-sent events as they come off the wire, in whatever pieces the network made of them."""

from __future__ import annotations

from conductor_core.text import UNSTORABLE

_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Bytes in, `data:` payloads out, by the WHATWG event stream rules.

    Lines end at LF, CR or CRLF and nowhere else (a U+2028 inside a payload is text). Payloads stay bytes: nothing is
    decoded in pieces, so a character split over two reads arrives whole. Comments and all other fields are ignored.
    """

    __slots__ = ("_after_cr", "_data", "_rest", "_started")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._data: list[bytes] = []
        self._after_cr = False
        self._started = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that `data` completes, in order."""
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 10:
                data = data[1:]
        if b"\n" not in data and b"\r" not in data:
            if data:
                self._rest.append(data)
            return []
        if self._rest:
            data = b"".join((*self._rest, data))
            self._rest.clear()
        if not self._started:
            self._started = True
            data = data.removeprefix(_BOM)
        self._after_cr = data[-1] == 13
        lines = data.splitlines()
        if data[-1] not in b"\r\n":
            self._rest.append(lines.pop())
        return self._payloads(lines)

    def flush(self) -> list[bytes]:
        """The last payload of a stream that ended without the blank line that completes it."""
        line, self._rest = b"".join(self._rest), []
        if not self._started:
            line = line.removeprefix(_BOM)
        return self._payloads([line, b""])

    def _payloads(self, lines: list[bytes]) -> list[bytes]:
        payloads: list[bytes] = []
        pending = self._data
        for line in lines:
            if not line:
                if pending:
                    payloads.append(pending[0] if len(pending) == 1 else b"\n".join(pending))
                    pending.clear()
            elif line.startswith(b"data:"):
                pending.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                pending.append(b"")
        return payloads


class SurrogateJoiner:
    """Puts together a character whose two UTF-16 halves came as escapes in two payloads, and makes text storable.

    Some servers cut their text at UTF-16 units: `"\\ud83d"` in one payload, `"\\ude00"` in the next.
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """`text` with the half kept from before; a high half at its end is kept for the next."""
        if not self._half and not UNSTORABLE.search(text):
            return text
        text = self._half + text
        self._half = ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return _joined(text)

    def flush(self) -> str:
        """The replacement character, when a half was left alone."""
        half, self._half = self._half, ""
        return _joined(half)


def _joined(text: str) -> str:
    """NUL dropped, surrogate pairs made one character, lone ones U+FFFD."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
