// How figures are written: as `numbers.py` and `metrics/words.py` write them.
export const MISSING = "–";
const missing = value => value === null || value === undefined || Number.isNaN(value);
const grouped = (value, digits = 0) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const count = value => (missing(value) ? MISSING : grouped(value));

export function seconds(ms) {
  if (missing(ms)) return MISSING;
  const s = ms / 1000;
  if (s > 0 && s < 0.005) return "< 0.01 s";
  if (Math.round(s) < 60) return `${s.toFixed(s < 0.995 ? 2 : s < 9.95 ? 1 : 0)} s`;
  const short = (value, unit) => `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(0)} ${unit}`;
  return Math.round(s / 60) < 60 ? short(s / 60, "min") : short(s / 3600, "h");
}

export const rate = value => (missing(value) ? MISSING : `${grouped(value, value < 9.95 ? 1 : 0)} tok/s`);

export function money(usd) {
  if (missing(usd)) return MISSING;
  if (usd === 0) return "$0.00";
  if (usd < 0.0000005) return "< $0.000001";
  if (Math.round(usd * 1e4) >= 100) return `$${grouped(usd, 2)}`;
  const power = Number(usd.toExponential(1).split("e")[1]);
  return `$${usd.toFixed(Math.max(2, 1 - power)).replace(/0+$/, "")}`;
}

export function percent(share) {
  if (missing(share)) return MISSING;
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(Math.max(share * 100, 0.1), 99.9).toFixed(1)} %`;
}

// The 95 % interval of a share (Wilson, JASA 22, 1927).
export function interval(good, n) {
  const z = 1.959963984540054, share = good / n, square = (z * z) / n;
  const spread = z * Math.sqrt((share * (1 - share)) / n + square / (4 * n)), middle = share + square / 2;
  const low = good === 0 ? 0 : (middle - spread) / (1 + square), high = good === n ? 1 : (middle + spread) / (1 + square);
  return `[${percent(low).replace(" %", "")}–${percent(high).replace(" %", "")}]`;
}

// A cell for a spreadsheet: RFC 4180, and nothing in it is taken for a formula (OWASP ASVS 1.2.10).
export function cell(value) {
  if (missing(value)) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[\s\0]*[=+\-@\t\r\n\0＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Plotly takes some HTML in its texts.
export const plain = text => text.replace(/[&<>]/g, sign => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
