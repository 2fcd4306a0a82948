// What the ward's pages do beyond reading: filter a list as one types. Every page reads well without it.
"use strict";

/** As the server folds names: no case, no accents, no hyphens. */
const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/œ/g, "oe").replace(/æ/g, "ae").replace(/[^a-z0-9]+/g, " ").trim();

/** Hide the lines whose name does not hold what was typed; nothing leaves the page. */
function filter(input) {
  const sought = folded(input.value);
  for (const line of document.querySelectorAll(`${input.dataset.filter} [data-name]`)) line.hidden = !line.dataset.name.includes(sought);
}

for (const input of document.querySelectorAll("[data-filter]")) {
  input.addEventListener("input", () => filter(input));
  document.addEventListener("htmx:afterSwap", () => filter(input));
  input.form.addEventListener("submit", (event) => { event.preventDefault(); filter(input); });
}
