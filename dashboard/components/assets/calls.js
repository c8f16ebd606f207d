// The table of calls: rows as text, heads that sort, a row that opens its call. What is in a cell is never markup.
import { inflated } from "./inflated.js";
import { foot, make } from "./table.js";

function heads(table, data, send) {
  const line = make(make(table, "thead"), "tr");
  for (const column of data.columns) {
    const head = make(line, "th", column.number ? "calls-number" : "");
    head.scope = "col";
    if (!column.sort) { head.textContent = column.name; continue; }
    const sorted = data.order === column.sort;
    const button = make(head, "button", "", column.name + (sorted ? (data.descending ? " ↓" : " ↑") : ""));
    button.type = "button";
    if (sorted) head.setAttribute("aria-sort", data.descending ? "descending" : "ascending");
    button.onclick = () => send("sort", column.sort);
  }
}

function rows(table, data, send) {
  const body = make(table, "tbody");
  for (const row of data.rows) {
    const line = make(body, "tr");
    data.columns.forEach((column, at) => {
      const cell = make(line, "td", column.number ? "calls-number" : column.cut ?? "");
      const text = row.cells[at];
      if (at === 0) {
        const open = make(cell, "button", "", text);
        open.type = "button";
        open.dataset.call = row.id;
        open.setAttribute("aria-label", `Open the call of ${text}`);
      } else if (column.who) {
        make(cell, "b", "", `${row.mark} `).style.color = row.colour;
        cell.append(text);
      } else if (column.state) {
        make(cell, "span", `calls-${row.state}`, text);
      } else cell.textContent = text;
      if (column.cut) cell.title = text;
    });
    line.onclick = () => send("open", row.id);
  }
}

const shown = new Map();

function draw(known, data, send) {
  const { root } = known;
  const within = root.querySelector(".calls-scroll")?.scrollLeft ?? 0, focused = document.activeElement?.dataset?.call;
  root.replaceChildren();
  const scroll = make(root, "div", "calls-scroll"), table = make(scroll, "table", "calls");
  make(table, "caption", "calls-sr", data.caption);
  heads(table, data, send);
  rows(table, data, send);
  if (!data.rows.length) make(scroll, "p", "calls-none", "No calls here.");
  foot(root, data, send);
  scroll.scrollLeft = within;
  if (known.shows !== undefined && data.shows !== known.shows)
    root.scrollIntoView({ behavior: "smooth", block: "center" });
  if (focused) root.querySelector(`[data-call="${focused}"]`)?.focus({ preventScroll: true });
  known.shows = data.shows;
}

export default function ({ parentElement, data, setTriggerValue }) {
  // In a place of its own: the component's style sheet is a child of the element, too.
  if (!shown.has(parentElement)) shown.set(parentElement, { turn: 0, root: make(parentElement, "div") });
  const known = shown.get(parentElement), turn = ++known.turn;
  inflated(data).then(values => { if (turn === known.turn) draw(known, values, setTriggerValue); });
  return () => { if (!parentElement.isConnected) shown.delete(parentElement); };
}
