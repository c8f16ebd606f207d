// Keys that lead somewhere without a button of their own: to the search, and back to the message box.
let listening = null;

export default function () {
  const pressed = (event) => {
    const held = event.ctrlKey || event.metaKey;
    if (held && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") go(event, toSearch);
    if (event.key === "Escape" && event.shiftKey && !held) go(event, () => shown('[data-testid="stChatInputTextArea"]')?.focus());
  };
  listening?.abort();
  listening = new AbortController();
  document.addEventListener("keydown", pressed, { capture: true, signal: listening.signal });
}

function go(event, action) {
  event.preventDefault();
  event.stopPropagation();
  action();
}

// On a phone the sidebar has to be opened first, which takes a moment.
function toSearch() {
  const field = document.querySelector('[class*="st-key-search-"] input');
  if (!field) return;
  document.querySelector('[data-testid="stExpandSidebarButton"]')?.click();
  const focus = (tries) => {
    field.focus();
    field.select();
    if (document.activeElement !== field && tries > 0) setTimeout(focus, 50, tries - 1);
  };
  focus(20);
}

function shown(selector) {
  return [...document.querySelectorAll(selector)].find((found) => found.offsetParent);
}
