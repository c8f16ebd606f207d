"""Keeps keys out of everything that leaves: logs, errors, pages, rows. And knows a key when a person pastes one."""

from __future__ import annotations

import html
import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from json import dumps
from urllib.parse import quote, quote_plus, unquote

from conductor_core.secret import Secret

MASK = "[key]"

# A known value shorter than this would blank out ordinary words, and is nobody's idea of a key.
_SHORTEST_KNOWN = 6
_PASSWORD_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,100}:([^\s/@]{1,500})@", re.IGNORECASE)
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")

# What each vendor's keys look like: kind, the letters they begin with, the rest. The longer beginning comes first.
_SHAPES: tuple[tuple[str, str, str], ...] = (
    ("an Anthropic key", "sk-ant-", r"[\w-]{8,}"),
    ("an OpenRouter key", "sk-or-", r"[\w-]{8,}"),
    ("an OpenAI key", "sk-proj-", r"[\w-]{8,}"),
    ("an OpenAI key", "sk-svcacct-", r"[\w-]{8,}"),
    ("an OpenAI key", "sk-admin-", r"[\w-]{8,}"),
    ("a key of Conductor's API", "sk-cond-", r"[\w-]{8,}"),
    ("an OpenAI or DeepSeek key", "sk-", r"[A-Za-z0-9][\w-]{11,}"),
    ("a Stripe key", "sk_", r"(?:live|test)_[A-Za-z0-9]{12,}"),
    ("a Stripe key", "rk_", r"(?:live|test)_[A-Za-z0-9]{12,}"),
    ("a Google key", "AIza", r"[\w-]{20,}"),
    ("a Google key", "AQ.", r"[\w-]{30,}"),
    ("a Google token", "ya29.", r"[\w-]{20,}"),
    ("a Groq key", "gsk_", r"[A-Za-z0-9]{20,}"),
    ("an xAI key", "xai-", r"[A-Za-z0-9]{20,}"),
    ("a Together key", "tgp_v1_", r"[\w-]{20,}"),
    ("a Fireworks key", "fw_", r"[A-Za-z0-9]{20,}"),
    ("a Perplexity key", "pplx-", r"[A-Za-z0-9]{20,}"),
    ("an NVIDIA key", "nvapi-", r"[\w-]{20,}"),
    ("a Cerebras key", "csk-", r"[A-Za-z0-9]{20,}"),
    ("a Hugging Face token", "hf_", r"[A-Za-z0-9]{20,}"),
    ("a Replicate token", "r8_", r"[A-Za-z0-9]{20,}"),
    ("a GitHub token", "github_pat_", r"\w{20,}"),
    *(("a GitHub token", f"gh{letter}_", r"[A-Za-z0-9]{20,}") for letter in "oprsu"),
    ("a GitLab token", "glpat-", r"[\w-]{16,}"),
    *(("a Slack token", f"xox{letter}-", r"[A-Za-z0-9-]{10,}") for letter in "abeoprs"),
    ("an AWS key", "AKIA", r"[A-Z0-9]{16}"),
    ("an AWS key", "ASIA", r"[A-Z0-9]{16}"),
    ("a signed token", "eyJ", r"[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
)
_SIGNS = tuple(sorted({sign for _, sign, _ in _SHAPES if not sign.startswith("sk-")} | {"sk-"}))
# The look-behind comes after the literal: a pattern that begins with literals is searched ten times faster.
_VENDOR_KEY = re.compile(
    "|".join(f"({re.escape(sign)}(?<![A-Za-z0-9]{re.escape(sign)}){rest})" for _, sign, rest in _SHAPES), re.ASCII
)
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?:[^-]{0,20000}-----END [A-Z0-9 ]{0,60}-----|[A-Za-z0-9+/=\s\\]{0,20000})"
)
# Places where a key stands whatever it looks like: the part before it stays, so that the sentence can be read.
_VALUE = r"""[^\s"'&,;<>@\\]{6,}"""
_PLACES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("earer ", "EARER "), re.compile(rf"(\b(?i:bearer)\s{{1,4}}){_VALUE}")),
    (("asic ", "ASIC "), re.compile(rf"(\b(?i:basic)\s{{1,4}})(?=[A-Za-z0-9+/]{{16}}){_VALUE}")),
    (("key=", "token="), re.compile(rf"([?&](?:key|token)=|\bkey=(?=[\w-]{{16}})){_VALUE}")),
    (("://",), re.compile(r"(://[^\s/:@'\"]{0,100}:)[^\s/@'\"]+(?=@)")),
    (
        ("key", "oken", "ecret", "assw", "KEY", "OKEN", "ECRET", "ASSW"),
        re.compile(
            r"((?i:api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|passwo?r?d)"
            rf"""\\?["']?\s{{0,4}}[=:]\s{{0,4}}\\?["']?){_VALUE}"""
        ),
    ),
)
_BEGINS_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_PRIVATE = re.compile(_PRIVATE_KEY)


class Redactor:
    """Knows every key of this installation, and what keys look like. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def learn(self, secret: Secret) -> None:
        """Adds a key that must never be shown, in every form it may come back in."""
        value = secret.reveal().strip()
        if len(value) < _SHORTEST_KNOWN:
            return
        with self._lock:
            self._forms |= set(_forms(value))
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._known = re.compile("|".join(re.escape(form) for form in longest_first))

    def learn_environment(self, variables: Mapping[str, str]) -> None:
        """Adds the value of every variable whose name ends in KEY, TOKEN, SECRET or PASSWORD, and every password that
        stands in an address."""
        for name, value in variables.items():
            if _SECRET_NAME.search(name.upper()):
                self.learn(Secret(value))
            elif found := _PASSWORD_IN_ADDRESS.match(value):
                self.learn(Secret(found[1]))
                self.learn(Secret(unquote(found[1])))

    def without_known(self, text: str) -> str:
        """`text` without this installation's own keys; what merely looks like one may be what somebody wrote."""
        return self._known.sub(MASK, text) if self._known is not None else text

    def blotted(self, data: bytes) -> bytes:
        """`data` with this installation's own keys overwritten: everything else stays in its place."""
        if self._known is None:
            return data
        text = data.decode(errors="surrogateescape")  # any bytes, and back
        return self._known.sub(_stars, text).encode(errors="surrogateescape")

    def clean(self, text: str) -> str:
        """`text` with every known key, and everything shaped like one, replaced by `[key]`."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if "PRIVATE KEY" in text:
            text = _PRIVATE.sub(MASK, text)
        for signs, place in _PLACES:
            if any(sign in text for sign in signs):
                text = place.sub(rf"\g<1>{MASK}", text)
        return _VENDOR_KEY.sub(MASK, text) if _has_sign(text) else text


def _stars(found: re.Match[str]) -> str:
    return "*" * len(found[0].encode(errors="surrogateescape"))


def looks_like_key(text: str) -> str | None:
    """Names the first key in what a person is about to send ("an OpenAI key", "a private key"), or None.

    Stricter than `Redactor.clean`: it interrupts someone, so a match has to be long and hold a digit.
    """
    if _BEGINS_PRIVATE_KEY.search(text):
        return "a private key"
    if not _has_sign(text):
        return None
    for found in _VENDOR_KEY.finditer(text):
        if len(found[0]) >= 20 and any(character.isdigit() for character in found[0]) and found.lastindex:
            return _SHAPES[found.lastindex - 1][0]
    return None


def _has_sign(text: str) -> bool:
    """Whether a vendor's key could begin anywhere: a plain search, far cheaper than the patterns."""
    return any(sign in text for sign in _SIGNS)


def _forms(value: str) -> Iterator[str]:
    """A key as it is, url-encoded, JSON- and HTML-escaped, and inside base64 at each of the three alignments."""
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield dumps(value)[1:-1]
    yield dumps(value, ensure_ascii=False)[1:-1]
    yield dumps(value, ensure_ascii=False)[1:-1].replace("/", "\\/")
    yield html.escape(value)
    for shift in range(3):
        # Only the characters that depend on nothing but the key: 6 bits each, after `shift` bytes of something else.
        raw = bytes(shift) + value.encode("utf-8", "replace")
        core = b64encode(raw).decode()[-(-shift * 8 // 6) : len(raw) * 8 // 6]
        if len(core) >= _SHORTEST_KNOWN:
            yield core
            yield core.replace("+", "-").replace("/", "_")
