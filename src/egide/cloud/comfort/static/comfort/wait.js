// What was pressed says that it is being done, once that lasts: a wait is never mute. Without script, the browser says it.
"use strict";

(() => {
  const words = document.currentScript.dataset.wait, LONG = 300, A_FILE = 8000; // of a file nobody says when it has come
  const said = document.createElement("p");
  said.className = "sr";
  said.setAttribute("role", "status");
  let timer = 0, busy = null;

  function done() {
    clearTimeout(timer);
    if (busy) busy.removeAttribute("aria-busy");
    said.textContent = "";
    busy = null;
  }

  function begun(form, pressed) {
    done();
    timer = setTimeout(() => {
      busy = pressed;
      busy.setAttribute("aria-busy", "true");
      said.textContent = words;
      if (form.hasAttribute("data-file")) timer = setTimeout(done, A_FILE);
    }, LONG);
  }

  document.body.append(said);
  document.addEventListener("submit", (event) => {
    if (event.submitter && !event.defaultPrevented) begun(event.target, event.submitter);
  });
  addEventListener("pageshow", done); // come back by the browser's own key: nothing is being done any more
})();
