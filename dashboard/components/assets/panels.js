// What each chart of the Health page draws. A panel turns the page's columns into series; a series becomes a trace, a
// column of the table and a column of the CSV. Times in the columns are ms, costs USD; null is a gap.
import { count, interval, money, percent, plain, rate, seconds } from "./figures.js";

export const SHARES = ["p50", "p90", "p95", "p99"];
const DASHES = { p50: "solid", p90: "dash", p95: "dot", p99: "dashdot" };
const FEW = 100;

const perSecond = values => values.map(value => (value === null ? null : value / 1000));
const sum = values => values.reduce((all, value) => all + (value ?? 0), 0);

// Several percentiles of one measure, each group in its colour; a p99 of few samples is grey. What is hovered is one
// line a group: the first percentile shown speaks for all that are shown.
function percentiles(measure, words, scaled = values => values) {
  return (page, options) => {
    const told = SHARES.filter(share => options.shares.has(share));
    return page.shown.flatMap(group => {
      const n = page.column(`${measure}.n`, group), values = share => page.column(`${measure}.${share}`, group);
      const shown = told.map(share => [share, values(share)]);
      return SHARES.map(share => {
        const y = values(share), few = share === "p99" ? n.map(number => number < FEW) : null;
        const said = y.map((_, at) => shown.map(([name, of]) => `${name} ${words(of[at])}`).join(" · ") + ` · n ${count(n[at])}`);
        return {
          name: `${group.name} ${share}`, group, few, y: scaled(y), hidden: !options.shares.has(share), words: said,
          dash: DASHES[share], main: share === told[0], silent: share !== told[0],
        };
      });
    });
  };
}

const perGroup = (measure, words) => page =>
  page.shown.map(group => {
    const y = page.column(measure, group);
    return { name: group.name, group, y, words: y.map(words) };
  });

function success(page) {
  return page.shown.map(group => {
    const good = page.column("answered", group), n = page.column("judged", group);
    const y = n.map((number, at) => (number ? good[at] / number : null));
    const words = y.map((share, at) => (share === null ? "" : `${percent(share)} ${interval(good[at], n[at])} n ${count(n[at])}`));
    return { name: group.name, group, y, words, main: true };
  });
}

const errors = page =>
  page.kinds.map(kind => {
    const y = page.column(`failed.${kind.id}`);
    return { name: kind.name, colour: kind.colour, kind: kind.id, y, words: y.map(count) };
  });

const tokens = (page, _, css) =>
  [["in", "prompt", css("--st-gray-color")], ["out", "completion", css("--st-primary-color")]].map(([name, measure, colour]) => {
    const y = page.column(measure);
    return { name: `tokens ${name}`, colour, y, words: y.map(count) };
  });

function spent(page, _, css) {
  const y = page.column("spent"), colour = css("--st-primary-color");
  const found = [{ name: page.budget?.name ?? "spent so far", colour, y, words: y.map(money), main: true, fill: true }];
  if (page.budget) {
    const limit = y.map(() => page.budget.limit), words = limit.map(money);
    found.push({ name: page.budget.label, colour: css("--st-red-color"), y: limit, words, dash: "dash", bare: true });
  }
  return found;
}

function spread(page) {
  return page.shown.flatMap(group => {
    const counts = page.spreads[group.id];
    if (!counts) return [];
    const n = sum(counts), y = counts.map(number => (number ? number / n : 0));
    const words = counts.map((number, at) => `${percent(y[at])} of n ${count(n)}`);
    return [{ name: group.name, group, y, words, bare: true, fill: true, shape: "spline" }];
  });
}

const against = page =>
  page.models
    .filter(model => page.shown.some(group => group.id === model.group))
    .map(model => ({
      name: `${model.provider} ${model.model}`, group: { ...model, id: model.group, model: model.model }, label: model.model,
      x: [model.latency / 1000], y: [model.cost],
      words: [`${money(model.cost)} a call · p50 ${seconds(model.latency)} · n ${count(model.n)}`],
    }));

const SECONDS = { ticksuffix: " s", rangemode: "tozero" };
// Below steps of one "~s" would speak of 500m calls.
const COUNTS = { rangemode: "tozero", tickformatstops: [{ dtickrange: [null, 0.99], value: "~f" }, { dtickrange: [0.99, null], value: "~s" }] };
const DOLLARS = { rangemode: "tozero", tickprefix: "$", tickformat: "~r", exponentformat: "none" };

export const PANELS = [
  { id: "latency", title: "Latency", what: "whole answers", shares: true, log: true, y: SECONDS, unit: "seconds", series: percentiles("latency", seconds, perSecond) },
  { id: "ttft", title: "Time to first token", what: "streamed answers", shares: true, log: true, y: SECONDS, unit: "seconds", series: percentiles("ttft", seconds, perSecond) },
  { id: "success", title: "Success rate", what: "of requests; stops and mistakes left out", y: { range: [-0.04, 1.06], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] }, unit: "share", series: success },
  { id: "errors", title: "Errors by kind", what: "of attempts", bars: true, legend: true, y: COUNTS, unit: "attempts", series: errors },
  { id: "pace", title: "Tokens per second", what: "after the first token", shares: true, y: { rangemode: "tozero" }, unit: "tokens/s", series: percentiles("pace", rate) },
  { id: "requests", title: "Requests", what: "by who was asked last", bars: true, y: COUNTS, unit: "requests", series: perGroup("requests", count) },
  { id: "cost", title: "Cost", what: "where the price is known", bars: true, y: DOLLARS, unit: "USD", series: perGroup("cost", money) },
  { id: "spent", title: "Cost so far", what: "", legend: true, y: DOLLARS, unit: "USD", series: spent },
  { id: "tokens", title: "Tokens", what: "in and out", bars: true, legend: true, y: COUNTS, unit: "tokens", series: tokens },
  { id: "spread", title: "Latency distribution", what: "share of answers by the seconds they took", over: "latency", y: { rangemode: "tozero", tickformat: ".0%" }, unit: "share", series: spread },
  { id: "against", title: "Cost against latency", what: "per model: a mean call, a median wait", over: "model", y: DOLLARS, unit: "USD", series: against },
];

// Plotly's trace of a series.
export function trace(panel, series, page, css) {
  const colour = series.colour ?? series.group.colour, base = {
    uid: series.name, name: plain(series.name), y: series.y, customdata: series.words, meta: { group: series.group?.id, kind: series.kind },
    hovertemplate: `${plain(series.group && panel.id !== "against" ? series.group.name : series.name)} %{customdata}<extra></extra>`,
  };
  if (series.silent) Object.assign(base, { hovertemplate: null, hoverinfo: "skip" });
  if (panel.over === "model")
    return { ...base, x: series.x, type: "scatter", mode: page.models.length > 6 ? "markers" : "markers+text", text: [`  ${plain(series.label)}  `], textposition: series.x[0] * 2000 > Math.max(...page.models.map(model => model.latency)) ? "middle left" : "middle right", cliponaxis: false, textfont: { size: 11 }, marker: { color: colour, size: 11, symbol: series.group.symbol } };
  const x = panel.over === "latency" ? page.latencies : page.starts;
  const period = panel.over ? {} : { xperiod: page.width, xperiodalignment: "middle" };
  if (panel.bars)
    return { ...base, ...period, x, type: "bar", marker: { color: colour, line: { width: 0 } } };
  const grey = css("--st-border-color"), size = series.main ? (page.starts.length > 48 ? 4 : 6) : 2;
  const marker = { color: series.few ? series.few.map(few => (few ? grey : colour)) : colour, size, symbol: series.main && series.group ? series.group.symbol : "circle" };
  return {
    ...base, ...period, x, type: "scatter", mode: series.bare ? "lines" : "lines+markers", marker,
    line: { color: colour, width: series.main || series.bare ? 1.6 : 1, dash: series.dash ?? "solid", shape: series.shape ?? "linear" },
    opacity: series.main || series.bare ? 1 : 0.65,
    ...(series.fill ? { fill: "tozeroy", fillcolor: `${colour}1a` } : {}),
  };
}
