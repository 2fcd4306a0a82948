// The lock screen: asks for the next person's passkey at once when they pressed "Change user", and leaves when it is over.
"use strict";

(() => {
  const place = document.getElementById("main");
  const form = document.querySelector("form[data-passkey]");

  if (location.hash === "#change") {
    history.replaceState(null, "", location.pathname);
    if (form && window.PublicKeyCredential) form.requestSubmit();
  }

  /** Somebody unlocked in another tab, or the session is over: this screen goes where it leads. */
  async function look() {
    try {
      const answer = await fetch(place.dataset.left, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) return;
      const { left, who } = await answer.json();
      if (!who) location.replace(place.dataset.out);
      else if (left > 0) location.replace(place.dataset.back);
    } catch {
      /* no network: it stays locked */
    }
  }

  addEventListener("pageshow", (event) => event.persisted && look());
  if ("BroadcastChannel" in globalThis) new BroadcastChannel("egide-shared").onmessage = ({ data }) => { if (data.kind === "open") look(); };
  document.addEventListener("visibilitychange", () => document.hidden || look());
})();
