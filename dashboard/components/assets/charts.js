// The charts of the Health page: one grid of panels with one legend, one zoom and one crosshair. A refresh redraws what
// changed in place, so zoom, hidden groups and the hover label stay. Nothing is redrawn while a pointer is held down.
import { cell } from "./figures.js";
import { inflated } from "./inflated.js";
import { PANELS, SHARES, trace } from "./panels.js";

const SOURCE = new URL("../../../vendor/plotly.min.js", import.meta.url).href;
const CONFIG = { displayModeBar: false, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", doubleClick: false, responsive: false };
const SETTLED_MS = 600;
// Seconds worth a tick where the axis is logarithmic.
const LADDER = [-3, -2, -1, 0, 1, 2].flatMap(power => [1, 2, 5].map(digit => Number(`${digit}e${power}`)));
const decks = new Map();
// What the reader chose; it outlasts a visit to another page.
const kept = { hidden: new Set(), shares: {}, log: new Set() };

let library;
function plotly() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.onload = () => done(window.Plotly);
    script.onerror = () => { library = undefined; script.remove(); failed(new Error("The charts' library did not load. Reload the page.")); };
    document.head.append(script);
  });
  return library;
}

function make(parent, tag, className = "", text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
}

// What scrolls the element: charts near its edge are drawn before they come into sight.
function scrolled(element) {
  for (let at = element.parentElement; at; at = at.parentElement)
    if (/auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  return null;
}

function toggle(parent, text, pressed, change) {
  const button = make(parent, "button", "deck-chip", text);
  button.type = "button";
  button.setAttribute("aria-pressed", pressed);
  button.onclick = () => change(button.getAttribute("aria-pressed") !== "true");
  return button;
}

// Times go to plotly as words: numbers it would move by the browser's own time zone.
const said = wall => new Date(wall).toISOString().slice(0, 23).replace("T", " ");
const running = steps => { let sum = 0; return steps.map(step => (sum += step)); };

class Page {
  // The page's figures as the panels read them. Times on the axis are the reader's: plotly shows UTC.
  constructor(head, columns) {
    Object.assign(this, head, { edges: running(head.edges), wall: running(head.wall) });
    this.columns = new Map(head.names.map((name, at) => [name, columns[at]]));
    this.starts = this.wall.slice(0, -1).map(said);
    this.shown = this.groups.filter(group => !kept.hidden.has(group.id));
  }
  column(measure, group) {
    return this.columns.get(group ? `${measure}|${group.id}` : measure) ?? [];
  }
  // From the reader's clock to UTC ms, for places between the edges too.
  utc(wall) {
    const last = this.wall.length - 2;
    let at = this.wall.findIndex((edge, i) => i <= last && wall < this.wall[i + 1]);
    if (at < 0) at = last;
    return Math.round(this.edges[at] + (wall - this.wall[at]));
  }
}

class Panel {
  constructor(deck, spec) {
    Object.assign(this, { deck, spec, dirty: false, seen: false });
    kept.shares[spec.id] ??= new Set(spec.id === "pace" ? ["p50"] : ["p50", "p95"]);
    this.root = make(deck.grid, "section", "deck-panel");
    this.root.dataset.panel = spec.id;
    const head = make(this.root, "div", "deck-head");
    this.title = make(head, "h3", "", spec.title);
    this.title.id = `deck-${spec.id}`;
    make(this.title, "small", "", spec.what);
    this.tools = make(head, "div", "deck-tools");
    if (spec.shares) for (const share of SHARES) this.chip(share, kept.shares[spec.id], share);
    if (spec.log) this.chip("log", kept.log, spec.id);
    const open = make(this.tools, "button", "deck-chip", "data");
    open.type = "button";
    open.setAttribute("aria-label", `${spec.title}: the figures as a table`);
    open.onclick = () => this.table();
    this.legend = spec.legend ? make(this.root, "div", "deck-legend") : null;
    this.frame = make(this.root, "div", "deck-frame");
    this.plot = make(this.frame, "div", "deck-plot");
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.cross = make(this.frame, "div", "deck-cross");
    this.cross.hidden = true;
    this.strip = make(this.frame, "div", "deck-strip");
    this.none = make(this.frame, "p", "deck-none", "Nothing in this range.");
    this.words = make(this.root, "p", "deck-sr");
    this.words.id = `deck-${spec.id}-words`;
    this.plot.setAttribute("aria-labelledby", this.title.id);
    this.plot.setAttribute("aria-describedby", this.words.id);
  }

  chip(text, set, member) {
    const button = toggle(this.tools, text, set.has(member), on => {
      on ? set.add(member) : set.delete(member);
      button.setAttribute("aria-pressed", on);
      this.deck.draw([this]);
    });
    if (text === "log") button.setAttribute("aria-label", "logarithmic axis");
    if (text === "p99") button.title = "Grey where it is of fewer than 100 answers";
  }

  series() {
    const { page, css } = this.deck;
    return this.spec.series(page, { shares: kept.shares[this.spec.id] }, css);
  }

  async draw(P) {
    const { spec, deck } = this, { page, css } = deck;
    const series = this.series(), visible = series.filter(one => !one.hidden);
    const empty = !visible.some(one => one.y.some(value => value !== null && (value > 0 || !spec.bars)));
    this.none.hidden = !empty;
    this.words.textContent = page.sentences[spec.id] ?? "";
    if (this.legend) this.keys(visible);
    await P.react(this.plot, visible.map(one => trace(spec, one, page, css)), this.layout(css, page), CONFIG);
    if (!this.wired) this.wire(P);
    this.flags();
  }

  // What each incident was, over the upper end of its band.
  flags() {
    const { page } = this.deck, axis = this.plot._fullLayout?.xaxis;
    if (!axis) return;  // the page was left while the chart found its new size
    this.strip.replaceChildren();
    for (const mark of this.spec.over ? [] : page.marks) {
      const [from, to] = [mark.from, mark.to].map(edge => Math.min(Math.max(axis.l2p(edge), 0), axis._length));
      if (mark.to < axis.r2l(axis.range[0]) || mark.from > axis.r2l(axis.range[1])) continue;
      const flag = make(this.strip, "span", mark.grave ? "deck-flag deck-grave" : "deck-flag");
      flag.style.left = `${axis._offset + from - 3}px`;
      flag.style.width = `${Math.max(to - from, 0) + 6}px`;
      flag.title = mark.words;
    }
  }

  keys(series) {
    this.legend.replaceChildren();
    for (const one of series) {
      const key = make(this.legend, "span", "", "");
      make(key, "i", one.dash ? "deck-line" : "deck-box").style.color = one.colour;
      key.append(one.name);
    }
  }

  layout(css, page) {
    const { spec } = this, grid = css("--st-border-color"), y = { ...spec.y };
    if (kept.log.has(spec.id)) Object.assign(y, { type: "log", rangemode: "normal", tickvals: LADDER });
    const axis = { gridcolor: grid, zeroline: false, fixedrange: true, tickfont: { size: 11 }, automargin: false };
    const x = { ...axis, fixedrange: false, showgrid: false, ticks: "", tickangle: 0, nticks: 6 };
    if (!spec.over) Object.assign(x, { type: "date", range: (this.deck.zoom ?? page.view).map(said), hoverformat: page.hover, tickformatstops: page.ticks });
    if (spec.over === "latency") Object.assign(x, { type: "log", fixedrange: true, ticksuffix: " s", tickvals: LADDER, range: page.latencyRange });
    if (spec.over === "model") Object.assign(x, { fixedrange: true, rangemode: "tozero", ticksuffix: " s", showgrid: true });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, barmode: "stack", bargap: 0.12,
      margin: { l: 48, r: 10, t: spec.over === "model" ? 22 : 8, b: 24 }, autosize: true, dragmode: matchMedia("(pointer: coarse)").matches || spec.over ? false : "zoom",
      hovermode: spec.over === "model" ? "closest" : "x unified", hoverdistance: 30,
      font: { color: css("--st-text-color"), family: css("--st-font"), size: 12 },
      hoverlabel: { bgcolor: css("--st-background-color"), bordercolor: grid, font: { size: 11, color: css("--st-text-color") } },
      xaxis: x, yaxis: { ...axis, ...y }, shapes: spec.over ? [] : marks(page, css),
    };
  }

  wire(P) {
    this.wired = true;
    const { plot, deck, spec } = this;
    if (!spec.over) {
      plot.on("plotly_relayout", change => deck.zoomed(this, change));
      plot.on("plotly_doubleclick", () => deck.reset());
      plot.on("plotly_hover", event => deck.point(plot._fullLayout.xaxis.d2l(event.xvals[0])));
      plot.on("plotly_unhover", () => deck.point(undefined));
      plot.addEventListener("keydown", event => deck.key(event));
    }
    plot.on("plotly_click", event => this.clicked(event));
    new ResizeObserver(() => {
      if (plot.offsetWidth && plot._fullLayout) P.Plots.resize(plot).then(() => this.flags());
    }).observe(plot);
  }

  clicked({ points, event }) {
    const { deck, spec } = this, { page } = deck, axis = this.plot._fullLayout.yaxis;
    const wanted = axis.p2d(event.clientY - this.plot.getBoundingClientRect().top - axis._offset);
    let stack = 0;
    const away = point => {
      if (!spec.bars) return Math.abs(axis.d2p(point.y) - axis.d2p(wanted));
      const low = stack;
      stack += point.y;
      return point.y && wanted >= low && wanted <= stack ? 0 : point.y ? Math.abs(wanted - stack) + 1e-9 : Infinity;
    };
    const far = points.map(away), point = points[far.findIndex(one => one === Math.min(...far) && one < Infinity)];
    if (!point) return;
    const at = spec.over ? null : point.pointIndex;
    const model = spec.over === "model" ? this.series()[point.curveNumber] : null;
    deck.send("point", {
      panel: spec.id, kind: point.data.meta.kind ?? null,
      provider: (model?.group ?? page.groups.find(group => group.id === point.data.meta.group))?.providerId ?? null,
      model: (model?.group ?? page.groups.find(group => group.id === point.data.meta.group))?.model ?? null,
      since: at === null ? page.edges[0] : page.edges[at], until: at === null ? page.edges.at(-1) : page.edges[at + 1],
    });
  }

  line(wall) {
    const layout = this.plot._fullLayout, axis = layout?.xaxis;
    const left = axis && wall !== undefined ? axis.l2p(wall) : -1;
    this.cross.hidden = !(left >= 0 && left <= axis?._length);
    if (!this.cross.hidden) this.cross.style.transform = `translateX(${axis._offset + left}px)`;
  }

  rows() {
    const { page } = this.deck, { spec } = this, series = this.series();
    if (spec.over === "model") return [["model", "p50 latency (seconds)", "cost of a call (USD)", "n"], page.models.map(model => [`${model.provider} ${model.model}`, model.latency / 1000, model.cost, model.n])];
    const first = spec.over ? "seconds" : "from", over = spec.over ? page.latencies : page.starts.map(start => start.slice(0, 19));
    return [[first, ...series.map(one => one.name)], over.map((value, at) => [value, ...series.map(one => one.y[at] ?? null)])];
  }

  table() {
    const [head, rows] = this.rows(), dialog = make(this.root, "dialog", "deck-dialog"), bar = make(dialog, "div", "deck-head");
    make(bar, "h3", "", `${this.spec.title}, ${this.spec.unit}`);
    const tools = make(bar, "div", "deck-tools");
    const save = make(tools, "a", "deck-chip", "CSV"), close = make(tools, "button", "deck-chip", "close");
    const lines = [head, ...rows].map(row => row.map(cell).join(",")).join("\r\n");
    save.href = URL.createObjectURL(new Blob([`${lines}\r\n`], { type: "text/csv;charset=utf-8" }));
    save.download = `${this.spec.id}.csv`;
    const table = make(make(dialog, "div", "deck-scroll"), "table");
    const top = make(make(table, "thead"), "tr");
    for (const name of head) make(top, "th", "", name).scope = "col";
    const body = make(table, "tbody");
    for (const row of rows.filter(row => row.slice(1).some(value => value !== null))) {
      const line = make(body, "tr");
      for (const value of row) make(line, "td", "", typeof value === "number" ? String(Number(value.toPrecision(6))) : (value ?? "–"));
    }
    close.type = "button";
    close.onclick = () => dialog.close();
    dialog.onclose = () => { URL.revokeObjectURL(save.href); dialog.remove(); };
    dialog.showModal();
  }
}

// Incidents: a band over the time each took, a line where it took none.
function marks(page, css) {
  return page.marks.map(mark => ({
    type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1, x0: said(mark.from), x1: said(mark.to), layer: "below",
    fillcolor: css(mark.grave ? "--st-red-color" : "--st-orange-color"), opacity: 0.16,
    line: { width: mark.to - mark.from < page.width / 8 ? 1.5 : 0, color: css(mark.grave ? "--st-red-color" : "--st-orange-color") },
  }));
}

class Deck {
  constructor(element) {
    this.element = element;
    this.legend = make(element, "div", "deck-groups");
    this.grid = make(element, "div", "deck");
    this.queue = new Set();
    this.panels = PANELS.map(spec => new Panel(this, spec));
    this.css = name => getComputedStyle(element.host ?? element).getPropertyValue(name).trim();
    this.sight = new IntersectionObserver(entries => {
      for (const entry of entries) {
        const panel = this.panels.find(one => one.root === entry.target);
        panel.seen = entry.isIntersecting;
      }
      this.run();
    }, { root: scrolled(element), rootMargin: "400px" });
    for (const panel of this.panels) this.sight.observe(panel.root);
    this.down = () => { this.held = true; };
    this.up = () => { this.held = false; this.run(); };
    element.addEventListener("pointerdown", this.down);
    window.addEventListener("pointerup", this.up);
  }

  async take(data, send) {
    this.send = send;
    const turn = (this.turn = (this.turn ?? 0) + 1), head = await inflated(data);
    if (turn !== this.turn) return;
    let columns = head.columns;
    if (head.on !== undefined) {
      if (this.base?.id !== head.on) return send("resync", Date.now());
      const { shift, from } = head;
      columns = this.base.columns.map((column, at) => [...column.slice(shift, shift + from), ...columns[at]]);
    } else this.base = { id: head.id, columns };
    if (this.page?.key !== head.key) this.zoom = null;
    this.head = head;
    this.values = columns;
    this.refresh();
  }

  refresh() {
    this.page = new Page(this.head, this.values);
    this.groups();
    this.draw(this.panels);
  }

  groups() {
    const sign = JSON.stringify([this.page.groups, this.page.others, this.page.marks, [...kept.hidden]]);
    if (sign === this.sign) return;
    this.sign = sign;
    this.legend.replaceChildren();
    for (const group of this.page.groups) {
      const button = toggle(this.legend, "", !kept.hidden.has(group.id), on => {
        on ? kept.hidden.delete(group.id) : kept.hidden.add(group.id);
        this.refresh();
        [...this.legend.children].find(one => one.dataset.group === group.id)?.focus();
      });
      button.classList.add("deck-group");
      button.dataset.group = group.id;
      make(button, "b", "", group.mark).style.color = group.colour;
      button.append(` ${group.name}`);
    }
    if (this.page.others) make(this.legend, "span", "deck-group", `and ${this.page.others} with fewer calls; filter to see them`);
    if (this.page.marks.length) {
      const key = make(this.legend, "span", "deck-key");
      make(key, "i", "deck-band");
      key.append(`${this.page.marks.length === 1 ? "incident" : "incidents"}`);
    }
  }

  draw(panels) {
    for (const panel of panels) this.queue.add(panel);
    this.run();
  }

  async run() {
    if (this.busy || this.held || !this.page || this.gone) return;
    this.busy = true;
    try {
      const P = await plotly();
      for (let panel; !this.held && !this.gone && (panel = [...this.queue].find(one => one.seen)); ) {
        this.queue.delete(panel);
        await panel.draw(P);
        if (this.cursor !== undefined) panel.line(this.cursor);
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      this.legend.textContent = String(error.message ?? error);
    } finally {
      this.busy = false;
    }
  }

  // A zoom in one panel is every panel's; when it has settled it becomes the page's range.
  zoomed(panel, change) {
    const low = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
    if (low === undefined) return;
    this.look(panel.plot._fullLayout.xaxis.range.map(edge => panel.plot._fullLayout.xaxis.r2l(edge)));
  }

  look(range) {
    this.zoom = range = range.map(edge => Math.round(edge / 1000) * 1000);  // as exact as the address is
    this.draw(this.panels.filter(one => !one.spec.over));
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const [since, until] = range.map(edge => this.page.utc(edge));
      this.send("zoom", { since, until });
    }, SETTLED_MS);
  }

  reset() {
    clearTimeout(this.settling);
    const was = this.zoom;
    this.zoom = null;
    if (was) this.draw(this.panels.filter(one => !one.spec.over));
    this.send("reset", Date.now());
  }

  key(event) {
    if (event.key === "0") return this.reset();
    const [low, high] = this.zoom ?? this.page.view, part = (high - low) / 4;
    const to = { ArrowLeft: [-part, -part], ArrowRight: [part, part], "+": [part, -part], "-": [-part, part] }[event.key];
    if (!to) return;
    event.preventDefault();
    this.look([low + to[0], high + to[1]]);
  }

  point(wall) {
    this.cursor = wall;
    for (const panel of this.panels) if (!panel.spec.over) panel.line(wall);
  }

  dispose() {
    this.gone = true;
    clearTimeout(this.settling);
    window.removeEventListener("pointerup", this.up);
    this.sight.disconnect();
    for (const panel of this.panels) if (panel.wired) window.Plotly.purge(panel.plot);
    this.legend.remove();
    this.grid.remove();
    decks.delete(this.element);
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  let deck = decks.get(parentElement);
  if (!deck) decks.set(parentElement, (deck = new Deck(parentElement)));
  deck.take(data, setTriggerValue);
  return () => { if (!parentElement.isConnected) deck.dispose(); };
}
