"""The HTML of the two forms in front of the dashboard. No script, nothing from elsewhere; both themes."""

from __future__ import annotations

import html

_STYLE = """
:root { color-scheme: light dark; --back: #fbfbfc; --card: #fff; --text: #1c1d22; --dim: #5f6270; --line: #e0e1e6;
  --accent: #4f5bd5; --on: #fff; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --back: #131418; --card: #1b1c22; --text: #ececf0; --dim: #a0a3b1;
  --line: #33353f; --accent: #8b95f6; --on: #131418; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 16px/1.5 "Source Sans", system-ui, sans-serif }
main { width: min(22rem, calc(100vw - 2rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; font-weight: 600 }
p { margin: 0 0 1.25rem; color: var(--dim) }
p[role=alert] { color: var(--bad) }
label { display: block; margin-bottom: .35rem; font-weight: 600 }
input { width: 100%; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--back);
  border: 1px solid var(--line); border-radius: 8px }
button { width: 100%; margin-top: 1rem; padding: .6rem; font: inherit; font-weight: 600; color: var(--on);
  background: var(--accent); border: 0; border-radius: 8px; cursor: pointer }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
"""


def login_page(next_path: str, problem: str = "") -> str:
    """The form that asks for the password and comes back to `next_path`."""
    alert = f'<p role="alert">{html.escape(problem)}</p>' if problem else "<p>This dashboard has a password.</p>"
    return _page(
        "Log in",
        f"""{alert}<form method="post" action="/login">
<input type="hidden" name="next" value="{html.escape(next_path)}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button></form>""",
    )


def logout_page() -> str:
    """The form that ends the session: a link alone must not, as any page may follow it."""
    return _page(
        "Log out",
        '<p>The dashboard asks for the password again.</p><form method="post" action="/logout">'
        "<button>Log out</button></form>",
    )


def _page(title: str, body: str) -> str:
    # Under our `no-referrer` a browser would send `Origin: null` with the form, which the guard takes for another site.
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="referrer" content="same-origin">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · Conductor</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>Conductor</h1>{body}</main></body></html>"
    )
