// Brings what a search found into view, once for each time it is asked for, and lights it up.
const TRIES = 40;
const PAUSE_MS = 60;

export default function ({ data }) {
  let timer;
  let tries = 0;
  const shown = (key) => [...document.querySelectorAll(`.st-key-${key}`)].find((found) => found.offsetParent);
  const inView = (found) => {
    const box = found.getBoundingClientRect();
    return box.top < window.innerHeight * 0.8 && box.bottom > 60;
  };
  // Streamlit keeps a page with a message box at its end while it is drawn, so the first scroll may not last.
  const look = () => {
    const found = data.places.map(shown).find(Boolean);
    if (found && window.conductorSought !== data.asked) {
      window.conductorSought = data.asked;
      closeSidebarOnPhone();
      found.animate([{ outline: "2px solid var(--st-primary-color)", outlineOffset: "8px" },
        { outline: "2px solid transparent", outlineOffset: "8px" }], { duration: 3000, easing: "ease-in" });
      found.tabIndex = -1;
      found.focus({ preventScroll: true });
    } else if (found && tries > 0 && !timer) {
      return;
    }
    if (found && !inView(found)) found.scrollIntoView({ block: "start" });
    tries += 1;
    if (tries < TRIES) timer = setTimeout(look, PAUSE_MS);
  };
  if (window.conductorSought !== data.asked) look();
  return () => clearTimeout(timer);
}

function closeSidebarOnPhone() {
  if (window.innerWidth > 768) return;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}
