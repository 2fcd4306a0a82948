// Leave a page fast: blank it, end the session, and put another page in its place in the history.
"use strict";

const way = document.querySelector("a[data-exit]");

function leave() {
  document.documentElement.hidden = true;
  document.title = "…";
  const out = document.querySelector('form[action$="/sign-out"]');
  if (out) fetch(out.action, { method: "POST", body: new URLSearchParams(new FormData(out)), keepalive: true }).catch(() => {});
  location.replace(way.href);
}

let escapes = [];
if (way) {
  way.addEventListener("click", (event) => { event.preventDefault(); leave(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    escapes = [...escapes.filter((at) => event.timeStamp - at < 3000), event.timeStamp];
    if (escapes.length === 3) leave();
  });
}
