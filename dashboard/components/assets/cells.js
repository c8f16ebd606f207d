// The grid of a run: a row per prompt, a cell per lane that opens its answer. What is in a cell is never markup.
import { inflated } from "./inflated.js";
import { foot, make } from "./table.js";

function heads(table, data) {
  const line = make(make(table, "thead"), "tr");
  for (const name of ["#", "Prompt"]) make(line, "th", name === "#" ? "cells-number" : "", name).scope = "col";
  for (const lane of data.lanes) {
    const head = make(line, "th");
    head.scope = "col";
    make(head, "b", "", `${lane.mark} `).style.color = lane.colour;
    head.append(lane.name);
    head.title = lane.name;
  }
}

function rows(table, data, send) {
  const body = make(table, "tbody");
  for (const row of data.rows) {
    const line = make(body, "tr");
    make(line, "td", "cells-number", String(row.number));
    const prompt = make(line, "th", "cells-prompt");
    prompt.scope = "row";
    make(prompt, "span", "", row.prompt).title = row.prompt;
    if (row.tags) make(prompt, "small", "", row.tags);
    row.cells.forEach((cell, at) => {
      const button = make(make(line, "td"), "button", `cells-cell cells-${cell.kind}`);
      button.type = "button";
      button.dataset.place = cell.place;
      make(button, "span", "", cell.words);
      make(button, "small", "", cell.facts);
      button.setAttribute("aria-label", `Prompt ${row.number}, lane ${at + 1}: ${cell.words} ${cell.facts}`);
      button.onclick = () => send("open", cell.place);
    });
  }
}

const shown = new Map();

function draw(known, data, send) {
  const { root } = known;
  const within = root.querySelector(".cells-scroll")?.scrollLeft ?? 0, focused = document.activeElement?.dataset?.place;
  root.replaceChildren();
  const scroll = make(root, "div", "cells-scroll"), table = make(scroll, "table", "cells");
  make(table, "caption", "calls-sr", "Prompts, one a row, and their answers, one a lane. A cell opens its answer.");
  heads(table, data);
  rows(table, data, send);
  if (!data.rows.length) make(scroll, "p", "calls-none", "No prompts here.");
  foot(root, data, send);
  scroll.scrollLeft = within;
  if (focused) root.querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
}

export default function ({ parentElement, data, setTriggerValue }) {
  // In a place of its own: the component's style sheet is a child of the element, too.
  if (!shown.has(parentElement)) shown.set(parentElement, { turn: 0, root: make(parentElement, "div") });
  const known = shown.get(parentElement), turn = ++known.turn;
  inflated(data).then(values => { if (turn === known.turn) draw(known, values, setTriggerValue); });
  return () => { if (!parentElement.isConnected) shown.delete(parentElement); };
}
