// One "copy" button. The text arrives as data; nothing is sent back.
const label = (button, word) => { button.lastChild.textContent = word; };

async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy was refused");
}

export default function ({ parentElement, data }) {
  let button = parentElement.querySelector("button.copy");
  if (!button) {
    button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.append(document.createElement("span"));
    parentElement.append(button);
    label(button, "Copy");
  }
  button.setAttribute("aria-label", data.label);
  button.onclick = async () => {
    try {
      await copy(data.text);
      label(button, "Copied");
    } catch {
      label(button, "Not copied");
    }
    setTimeout(() => label(button, "Copy"), 1500);
  };
}
