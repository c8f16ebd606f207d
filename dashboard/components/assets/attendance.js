// Tells the page whether somebody is there: it is in sight, and was touched in the last minutes. Back in sight or
// touched again, it is told at once.
const SIGNS = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart", "scroll"];
const watches = new Map();

class Watch {
  constructor() {
    this.attended = true;
    this.touched = this.seen = Date.now();
    this.sign = () => { this.touched = Date.now(); if (!this.attended) this.look(); };
    this.turn = () => { this.seen = Date.now(); if (!document.hidden) this.sign(); };
    for (const name of SIGNS) window.addEventListener(name, this.sign, { passive: true, capture: true });
    document.addEventListener("visibilitychange", this.turn);
    this.timer = setInterval(() => this.look(), 5000);
  }
  look() {
    const now = Date.now();
    if (!document.hidden) this.seen = now;
    const attended = now - this.touched < this.idle * 1000 && now - this.seen < this.unseen * 1000;
    if (attended !== this.attended) this.tell("attended", (this.attended = attended));
  }
  stop() {
    clearInterval(this.timer);
    for (const name of SIGNS) window.removeEventListener(name, this.sign, { capture: true });
    document.removeEventListener("visibilitychange", this.turn);
  }
}

export default function ({ parentElement, data, setStateValue }) {
  let watch = watches.get(parentElement);
  if (!watch) watches.set(parentElement, (watch = new Watch()));
  Object.assign(watch, { idle: data.idle, unseen: data.unseen, tell: setStateValue });
  return () => {
    if (parentElement.isConnected) return;
    watch.stop();
    watches.delete(parentElement);
  };
}
