// A session that nears its end says so, in time to stay (WCAG 2.2, 2.2.1). Without script it ends at the same hour.
"use strict";

(() => {
  const box = document.getElementById("session-end");
  if (!box || !box.dataset.left) return;
  let ends = Date.now() + Number(box.dataset.left) * 1000;
  let before = null;
  const form = box.querySelector("form");
  const minutes = box.querySelector("[data-minutes]");

  const look = () => {
    const left = Math.floor((ends - Date.now()) / 1000);
    if (left <= 0) {
      location.replace(box.dataset.over);
    } else if (left <= Number(box.dataset.warn)) {
      minutes.textContent = String(Math.max(1, Math.ceil(left / 60)));
      if (!box.open) {
        before = document.activeElement;
        box.showModal();
      }
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value } });
    if (!answer.ok || answer.redirected) return location.replace(box.dataset.over);
    ends = Date.now() + Number(await answer.text()) * 1000;
    box.close();
    if (before) before.focus();
  });
  setInterval(look, 1000);
  look();
})();
