// Tells the page how long the text in the message box is, once it has not changed for a moment.
const PAUSE_MS = 300;

export default function ({ data, setStateValue }) {
  let told = data.characters;
  let seen = null;
  let known = null; // what was counted last: to count is slow in a long text
  const look = () => {
    const box = document.querySelector('[data-testid="stChatInputTextArea"]');
    if (!box) return;
    const settled = box.value === seen;
    seen = box.value;
    if (!settled || known === seen) return;
    known = seen;
    const length = [...seen].length;
    if (length !== told) setStateValue("characters", (told = length));
  };
  const timer = setInterval(look, PAUSE_MS);
  return () => clearInterval(timer);
}
