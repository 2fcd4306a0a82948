// Only where a person installed the pages: an ordinary browser keeps no trace of them.
"use strict";

(() => {
  if (!("serviceWorker" in navigator)) return;
  const start = () => navigator.serviceWorker.register("/service-worker.js").catch(() => {});
  if (matchMedia("(display-mode: standalone)").matches) start();
  addEventListener("appinstalled", start);
})();
