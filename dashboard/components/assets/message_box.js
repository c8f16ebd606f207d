// The message box over time: what is in it stays over a reload and with its conversation, the arrow keys bring back
// what was sent before, and the page is told how long the text is.
import { keep, load, sweep } from "./drafts.js";

const PAUSE_MS = 300;

let page = null; // what the page said last: label, place, begun, given, put, gone, prompts, hint
let tell = null; // how the page is told of the text's length, if it wants to know
let box = null; // the box, as it was last seen
let seen = ""; // the text in it then
let left = null; // the text when its writer last did what may lead to another page
let settled = null; // the text at the last tick
let told = 0;
let recalled = -1; // which earlier prompt was brought back
const done = new Set(); // what is done once: texts put into the box, conversations begun from it
let mounted = 0;

export default function ({ data, setStateValue }) {
  const number = (mounted += 1);
  if (number === 1) start();
  tell = data.counts ? (length) => setStateValue("characters", length) : null;
  told = data.characters;
  turnTo(data);
  return () => {
    if (number !== mounted) return;
    look();
    page = box = null;
  };
}

function start() {
  sweep();
  setInterval(tick, PAUSE_MS);
  document.addEventListener("input", look, true);
  document.addEventListener("keydown", pressed, true);
  document.addEventListener("click", clicked, true);
  window.addEventListener("popstate", depart);
  window.addEventListener("pagehide", look);
}

// The page shows this conversation from now on.
function turnTo(data) {
  const before = page;
  const moved = before && before.place !== data.place;
  const isBegun = moved && data.place === data.begun && once(`begun ${data.begun}`);
  const isGiven = data.given && once(`given ${data.given}`); // the server put back what it refused: it belongs here
  if (!isGiven) look();
  page = data;
  if (data.gone) keep(data.gone, "");
  if (isBegun) {
    keep(data.place, load(before.place));
    keep(before.place, "");
  }
  if (moved) seen = null; // it is kept anew, in this place
  if (moved && !isBegun && !isGiven && box && box === find()) {
    const since = typedSince();
    if (since) keep(before.place, left);
    write(load(data.place) + since);
  }
  if (moved) left = null;
  look();
}

// What was typed while this page was still on its way belongs to it.
function typedSince() {
  if (left === null || box.value === left) return "";
  return box.value.startsWith(left) ? box.value.slice(left.length) : box.value;
}

function depart() {
  left = box ? box.value : null;
}

function clicked(event) {
  if (event.target !== box) depart();
  setTimeout(look);
}

// Whatever is in the box is its draft; a box that is new has it put in.
function look() {
  const found = page && find();
  if (!found) return void (box = null);
  if (found !== box) {
    box = found;
    const draft = box.value || load(page.place);
    if (draft !== box.value) write(draft);
  }
  if (box.value !== seen) keep(page.place, (seen = box.value));
  if (box.title !== page.hint) box.title = page.hint;
  if (page.put && once(`put ${page.put.id}`)) insert(page.put.text);
}

function find() {
  return document.querySelector(`[data-testid="stChatInputTextArea"][aria-label="${page.label}"]`);
}

function tick() {
  look();
  const text = box?.value;
  if (text === undefined || text !== settled) return void (settled = text);
  const length = tell && text !== tick.counted ? [...(tick.counted = text)].length : told; // to count is slow
  if (length !== told) tell((told = length));
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey) depart();
  if (event.target !== box || event.isComposing) return;
  if (event.key === "Enter") setTimeout(look);
  const plain = !(event.shiftKey || event.ctrlKey || event.altKey || event.metaKey);
  const step = plain && { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step) return;
  const { prompts } = page;
  const untouched = box.value === prompts[recalled] && box.selectionStart === box.value.length;
  if (box.value && !untouched) return;
  const to = (box.value ? recalled : prompts.length) + step;
  if (to > prompts.length || !prompts.length) return;
  event.preventDefault();
  recalled = Math.max(to, 0);
  write(prompts[recalled] ?? "");
}

// Below what is there already.
function insert(text) {
  write(box.value.trim() ? `${box.value.trimEnd()}\n\n${text}` : text);
  setTimeout(() => box?.focus(), PAUSE_MS); // the dialog it came from gives the focus back first
}

// React takes a value for the person's only if it comes past its own setter.
function write(text) {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.setSelectionRange(text.length, text.length);
}

function once(what) {
  return !done.has(what) && !!done.add(what);
}
