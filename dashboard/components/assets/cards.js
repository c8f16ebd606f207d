// The cards of the Health page: a provider each. What is in a card is never markup. A refresh redraws what a card says
// and leaves its buttons, so that a button that has the focus keeps it.
import { inflated } from "./inflated.js";
import { make } from "./table.js";

const SVG = "http://www.w3.org/2000/svg";

function head(facts, card) {
  const line = make(facts, "div", "card-head"), who = make(line, "span", "who");
  who.title = card.label;
  const mark = make(who, "span", "", card.mark);
  mark.style.color = card.colour;
  mark.ariaHidden = "true";
  who.append(" ");
  make(who, "b", "", card.label);
  const state = make(line, "span", `state ${card.tone}`);
  make(state, "span", "", card.sign).ariaHidden = "true";
  state.append(` ${card.state}`);
}

function tiles(facts, card) {
  const grid = make(facts, "div", "tiles");
  for (const [what, much, note] of card.tiles) {
    const tile = make(grid, "div");
    make(tile, "small", "", what);
    make(tile, "b", "", much);
    make(tile, "small", "", note);
  }
}

// The chart below says the same to everyone.
function spark(facts, card, box) {
  const drawn = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    class: "spark", viewBox: box, preserveAspectRatio: "none", fill: "none", stroke: card.colour, "stroke-width": 1.5,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": true,
  })) drawn.setAttribute(name, value);
  for (const points of card.spark) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", points);
    line.setAttribute("vector-effect", "non-scaling-stroke");
    drawn.append(line);
  }
  facts.append(drawn);
}

class Card {
  constructor(root, name) {
    this.name = name;
    this.root = make(root, "div", "card");
    this.root.dataset.provider = name;
    this.facts = make(this.root, "div", "card-facts");
  }

  // A button is there or not; in which order they are asked for is the order they stand in.
  button(kind, wanted, text, send) {
    const known = this.root.querySelector(`.card-${kind}`);
    if (!wanted) return known?.remove();
    if (known) return;
    const button = make(this.root, "button", `card-${kind}`);
    button.type = "button";
    if (kind === "recover") this.facts.after(button);
    else Object.assign(make(button, "i", "", "list"), { ariaHidden: "true", translate: false });
    button.append(text);
    button.onclick = () => send(kind, this.name);
  }

  draw(card, box, send) {
    const told = JSON.stringify(card);
    if (told === this.told) return;
    this.told = told;
    this.facts.replaceChildren();
    head(this.facts, card);
    make(this.facts, "p", "reason", card.reason);
    if (card.tiles) {
      tiles(this.facts, card);
      for (const words of card.said) make(this.facts, "p", "said", words);
      spark(this.facts, card, box);
    } else make(this.facts, "p", "reason", card.none);
    this.button("calls", Boolean(card.tiles), "Calls", send);
    this.button("recover", card.recover, "Recover now", send);
  }
}

const shown = new Map();

function draw(known, data, send) {
  const names = data.cards.map(card => card.name);
  for (const [name, card] of known.cards)
    if (!names.includes(name)) { card.root.remove(); known.cards.delete(name); }
  data.cards.forEach((card, at) => {
    if (!known.cards.has(card.name)) known.cards.set(card.name, new Card(known.root, card.name));
    const { root } = known.cards.get(card.name);
    if (known.root.children[at] !== root) known.root.insertBefore(root, known.root.children[at]);
    known.cards.get(card.name).draw(card, data.box, send);
  });
}

export default function ({ parentElement, data, setTriggerValue }) {
  // In a place of its own: the component's style sheet is a child of the element, too.
  if (!shown.has(parentElement)) shown.set(parentElement, { turn: 0, root: make(parentElement, "div", "cards"), cards: new Map() });
  const known = shown.get(parentElement), turn = ++known.turn;
  inflated(data).then(values => { if (turn === known.turn) draw(known, values, setTriggerValue); });
  return () => { if (!parentElement.isConnected) shown.delete(parentElement); };
}
