// What is written and not yet sent, by the place it was written in: kept in this browser only, within bounds.
const PREFIX = "conductor.draft.";
const MOST = 50;
const LONGEST = 100_000;
const LONGEST_MS = 30 * 24 * 3600 * 1000;

export function load(place) {
  return read(PREFIX + place)?.text ?? "";
}

// An empty text is forgotten, and one that is too long: half of it would be worse than nothing.
export function keep(place, text) {
  if (!text || text.length > LONGEST) return attempt(() => localStorage.removeItem(PREFIX + place));
  const entry = JSON.stringify({ text, at: Date.now() });
  const isNew = attempt(() => !(PREFIX + place in localStorage));
  for (let room = MOST; room > 0; room >>= 1) {
    if (attempt(() => localStorage.setItem(PREFIX + place, entry) ?? true)) break;
    sweep(room >> 1); // the browser's room is used up
  }
  if (isNew) sweep();
}

// Leaves so many, the latest ones.
export function sweep(most = MOST) {
  attempt(() => {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    const dated = keys.map((key) => [key, read(key)?.at ?? 0]).sort((one, other) => other[1] - one[1]);
    const oldest = Date.now() - LONGEST_MS;
    dated.forEach(([key, at], index) => (index >= most || at < oldest) && localStorage.removeItem(key));
  });
}

function read(key) {
  const kept = attempt(() => JSON.parse(localStorage.getItem(key)));
  return typeof kept?.text === "string" && typeof kept.at === "number" ? kept : null;
}

// A browser may refuse to keep anything.
function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}
