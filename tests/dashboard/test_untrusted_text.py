"""Nothing but `untrusted` hands Streamlit a text that is not written in our own source."""

from __future__ import annotations

import ast
from pathlib import Path

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
ALLOWED_FILES = {"components/untrusted.py"}

# Widgets that take markdown in their first argument (from a beacon on each, Streamlit 1.67).
MARKDOWN_CALLS = frozenset(
    {
        "badge", "button", "caption", "chat_input", "checkbox", "dialog", "download_button", "error", "expander",
        "feedback", "form_submit_button", "header", "help", "html", "info", "link_button", "markdown", "menu_button",
        "metric", "multiselect", "number_input", "page_link", "pills", "popover", "progress", "radio",
        "segmented_control", "selectbox", "slider", "spinner", "status", "subheader", "success", "table", "tabs",
        "text_area", "text_input", "title", "toast", "toggle", "warning", "write", "write_stream",
    }
)  # fmt: skip
# Owners of methods of those names that draw nothing.
NOT_WIDGETS = frozenset({"untrusted", "numbers", "re", "html", "file", "handle", "runtime"})
# What makes a text safe, and what is made of nothing but our own words and numbers.
SAFE_FUNCTIONS = frozenset({"untrusted.plain", "untrusted.marked", "untrusted.isolated"})
SAFE_MODULES = frozenset({"numbers"})

# file: {(call, argument as source): reason}. Shrinks; grows only with a reason.
ALLOWED: dict[str, dict[tuple[str, str], str]] = {
    "main.py": {("html", "FOLDER / 'style.css'"): "a file of ours"},
    "faults.py": {("error", "<f-string>"): "an id of ours in hexadecimal"},
    "app_pages/health.py": {
        ("html", "Path(__file__).parents[1] / 'components' / 'assets' / 'health.css'"): "a file of ours"
    },
    "components/chat_thread.py": {("button", "example"): "one of our three examples"},
    "components/composer.py": {("button", "label"): "a word of ours, given by this file"},
    "components/attached.py": {
        ("html", "<f-string>"): "every name is escaped by this file",
        ("caption", "<f-string>"): "every name goes through plain",
    },
    "components/beside.py": {
        ("tabs", "[_title(transcript) for transcript in both]"): "titles go through plain there",
        ("tabs", "names"): "names go through plain a line above",
    },
    "components/call_details.py": {
        ("html", "_facts(facts(call))"): "every fact is escaped there",
        ("html", "<f-string>"): "every part of a bar is escaped there",
    },
    "components/health_controls.py": {("multiselect", "label"): "one of four words of ours, given by this file"},
    "components/health_overview.py": {
        ("html", "<f-string>"): "both lines are escaped by this file",
        ("caption", "<f-string>"): "labels go through plain, variables' names are ours",
    },
    "components/history.py": {
        ("button", "new"): "a word of ours, given by each page",
        ("button", "_label(conversation)"): "title and tags go through plain there",
    },
    "components/incident_list.py": {("html", "<f-string>"): "every part of a line is escaped by this file"},
    "components/installation.py": {("html", "<f-string>"): "every fact is escaped a line above"},
    "components/keyboard.py": {("html", "<f-string>"): "keys and words of ours, given by this file"},
    "components/provider_settings.py": {
        ("text_input", "label"): "made of a vendor's label by this file",
        ("text_input", "<f-string>"): "a vendor's label, from our table or the bounded name of an endpoint",
    },
    "components/set_run.py": {("progress", "share"): "a number, not a text"},
    "components/race.py": {("html", "<f-string>"): "every part of a row is escaped by this file"},
    "components/who.py": {("html", "<f-string>"): "name and model are escaped a line above"},
}


def _unsafe_calls(file: str, source: str) -> list[str]:
    """Calls in a file that draw markdown from anything but literals and what is safe or allowed."""
    tree = ast.parse(source)
    literals = _literal_names(tree)
    return [
        f"{file}:{node.lineno}: {name}({ast.unparse(argument)})"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for name in [_widget(node)]
        if name in MARKDOWN_CALLS
        for argument in _texts(node)
        if not _is_safe(argument, literals) and (name, _written(argument)) not in ALLOWED.get(file, {})
    ]


def _written(argument: ast.expr) -> str:
    """An argument as the allow-list names it: an f-string's wording may change without asking again."""
    if isinstance(argument, ast.JoinedStr):
        return "<f-string>"
    is_rows = isinstance(argument, ast.ListComp) and isinstance(argument.elt, ast.Dict)
    return "<list>" if is_rows else ast.unparse(argument)


def _literal_names(tree: ast.Module) -> set[str]:
    """Names that a file only ever assigns literals to, and that are no function's parameter."""
    values: dict[str, list[ast.expr]] = {}
    parameters = {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in _all(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            for target in node.targets[0].elts:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            parameters |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
    return {name for name, found in values.items() if all(_first_is_safe(v) for v in found)} - parameters


def _first_is_safe(value: ast.expr) -> bool:
    first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
    return _is_safe(first, set())


def _all(arguments: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _widget(call: ast.Call) -> str:
    """The widget's name when the call is `st.x(...)` or a method of something drawn on, else an empty string."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return ""
    return "" if ast.unparse(function.value) in NOT_WIDGETS else function.attr


def _texts(call: ast.Call) -> list[ast.expr]:
    """The first argument and everything given as label, body or help."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in {"label", "body", "help", "text", "title"}]
    return [*call.args[:1], *named]


def _is_safe(node: ast.expr, literals: set[str]) -> bool:
    """Whether a text can hold nothing but literals of ours and what a safe function returned."""
    if isinstance(node, ast.Name):
        return node.id.isupper() or node.id in literals
    if isinstance(node, ast.Attribute):
        return node.attr.isupper()
    if isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        return function in SAFE_FUNCTIONS or function.partition(".")[0] in SAFE_MODULES
    if isinstance(node, ast.IfExp):
        return _is_safe(node.body, literals) and _is_safe(node.orelse, literals)
    parts = _parts(node)
    return isinstance(node, ast.Constant) if parts is None else all(_is_safe(part, literals) for part in parts)


def _parts(node: ast.expr) -> list[ast.expr] | None:
    """What a text is put together of, when it is."""
    if isinstance(node, ast.JoinedStr):
        return node.values
    if isinstance(node, ast.FormattedValue):
        return [node.value]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.List | ast.Tuple):
        return node.elts
    return [node.elt] if isinstance(node, ast.ListComp) else None


def test_no_page_draws_text_past_the_render_function() -> None:
    """Every other text in the dashboard is a literal, a constant or went through `untrusted.plain`."""
    found = [
        call
        for path in sorted(DASHBOARD.rglob("*.py"))
        for file in [path.relative_to(DASHBOARD).as_posix()]
        if file not in ALLOWED_FILES
        for call in _unsafe_calls(file, path.read_text())
    ]
    assert found == []


def test_the_allow_list_only_names_what_is_there() -> None:
    """A call that is gone leaves the list with it."""
    calls = {
        (file, name, _written(argument))
        for file in ALLOWED
        for node in ast.walk(ast.parse((DASHBOARD / file).read_text()))
        if isinstance(node, ast.Call)
        for name in [_widget(node)]
        for argument in _texts(node)
    }
    assert {(file, *call) for file, allowed in ALLOWED.items() for call in allowed} <= calls


def test_html_is_never_allowed_in_a_text() -> None:
    """No call sets `unsafe_allow_html` or `unsafe_allow_javascript`."""
    found = [
        f"{path.name}:{node.lineno}"
        for path in DASHBOARD.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and (node.arg or "").startswith("unsafe_allow")
    ]
    assert found == []


def test_the_check_sees_a_title_drawn_as_it_is() -> None:
    """A variable, an f-string, a keyword and a column's method are all found; literals and `plain` are not."""
    source = (
        "st.markdown(title)\nst.error(f'No {title}')\ncolumn.caption(title)\nst.button('x', help=title)\n"
        "st.markdown('ours')\nst.error(f'No {untrusted.plain(title)}')\nuntrusted.markdown(title)\n"
    )
    lines = {int(call.split(":")[1]) for call in _unsafe_calls("page.py", source)}
    assert lines == {1, 2, 3, 4}
