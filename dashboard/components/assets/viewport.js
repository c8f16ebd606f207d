// Tells the page whether the window is too narrow for lanes side by side.
export default function ({ parentElement, data, setStateValue }) {
  const query = window.matchMedia(`(max-width: ${data.below}px)`);
  const tell = () => setStateValue("narrow", query.matches);
  if (query.matches !== data.narrow) tell();
  query.addEventListener("change", tell);
  return () => query.removeEventListener("change", tell);
}
