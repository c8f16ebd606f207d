"""Everything a hostile model, upstream or title could say, drawn as our pages draw such text. HOST is the beacon."""

from __future__ import annotations

import os

import streamlit as st

from dashboard.components import untrusted
from tests.e2e.nasty_texts import texts

HOST = os.environ["BEACON"]

st.title("Nasty")
for text in texts(HOST):
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
