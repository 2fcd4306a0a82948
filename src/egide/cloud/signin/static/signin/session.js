// A session that nears its end says so, in time to stay (WCAG 2.2, 2.2.1). Without script it ends at the same hour.
"use strict";

(() => {
  const { left, warn, at } = document.currentScript ? document.currentScript.dataset : {};
  if (!at) return;
  let ends = Date.now() + Number(left) * 1000;
  let box = null;
  let asking = false;
  let before = null;

  // On a shared workstation the next person need not see where the last one was.
  const here = document.getElementById("shared") ? "" : "?next=" + encodeURIComponent(location.pathname + location.search);
  const over = () => location.replace("/sign-in" + here);
  const remaining = () => Math.floor((ends - Date.now()) / 1000);

  async function stay(event) {
    event.preventDefault();
    const form = event.target;
    const answer = await fetch(form.action, { method: "POST", headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value } });
    if (!answer.ok || answer.redirected) return over();
    ends = Date.now() + Number(await answer.text()) * 1000;
    box.close();
    box.remove();
    box = null;
    if (before) before.focus();
  }

  /** Asks the server first: the person may have stayed in another tab. */
  async function warnNow() {
    asking = true;
    try {
      const answer = await fetch(at);
      if (!answer.ok || answer.redirected) return over();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("session-end");
      ends = Date.now() + Number(found.dataset.left) * 1000;
      if (remaining() > Number(warn)) return;
      before = document.activeElement;
      box = document.importNode(found, true);
      document.body.append(box);
      box.querySelector("form").addEventListener("submit", stay);
      box.showModal();
      look();
    } catch {
      /* no network: asked again in a second */
    } finally {
      asking = false;
    }
  }

  function look() {
    const seconds = remaining();
    if (seconds <= 0) over();
    else if (box) box.querySelector("[data-minutes]").textContent = String(Math.ceil(seconds / 60));
    else if (seconds <= Number(warn) && !asking) warnNow();
  }

  setInterval(look, 1000);
})();
