"""The text of a PDF: run as a program, file in, UTF-8 text out. It knows nothing of the package: see `attachments`."""

from __future__ import annotations

import io
import sys

MOST_PAGES = 500
MOST_CHARACTERS = 1_000_000
MEMORY_BYTES = 1_000_000_000


def text_of(data: bytes) -> str:
    """What the pages say, up to a limit that is well over what a message takes."""
    from pypdf import PdfReader  # only here: no other process needs it

    reader = PdfReader(io.BytesIO(data))
    pages: list[str] = []
    for page in reader.pages[:MOST_PAGES]:
        pages.append(page.extract_text())
        if sum(map(len, pages)) > MOST_CHARACTERS:
            break
    return "\n\n".join(pages)


def main() -> None:
    _keep_small()
    text = text_of(sys.stdin.buffer.read())
    sys.stdout.buffer.write(text.encode(errors="replace"))


def _keep_small() -> None:
    """Where the system can: a file that unpacks without end ends its reader, not the machine."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
