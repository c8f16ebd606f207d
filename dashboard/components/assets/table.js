// What our tables share: nodes whose text is never markup, and the bar below with pages and downloads.
export const make = (parent, tag, className = "", text = "") => {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
};

export function foot(root, data, send) {
  const bar = make(root, "div", "calls-foot");
  for (const [text, step, there] of [["Newer", -1, data.newer], ["Older", 1, data.older]]) {
    const button = make(bar, "button", "calls-button", data.chronological ? text : step < 0 ? "Back" : "Next");
    button.type = "button";
    button.disabled = !there;
    button.onclick = () => send("turn", step);
  }
  make(bar, "span", "calls-said", data.said);
  for (const link of data.downloads) {
    const anchor = make(bar, "a", "calls-button", link.name);
    anchor.href = new URL(`../../..${link.address}`, import.meta.url).href;
    anchor.download = "";
    anchor.title = link.words;
  }
}
