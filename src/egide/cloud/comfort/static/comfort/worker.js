// Where the pages are installed: one page for when there is no network. Nothing that a person asked for is ever kept.
"use strict";

const KEPT = "egide-offline-1";
const PAGE = "/offline";
const PARTS = [PAGE, "/static/portal/portal.css", "/static/portal/parts.css", "/static/portal/vendor/source-sans-3.woff2"];

self.addEventListener("install", (event) => {
  // without cookies: what is kept is the page of nobody
  const asked = PARTS.map((path) => new Request(path, { credentials: "omit", cache: "reload" }));
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(asked)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  else if (PARTS.includes(path)) event.respondWith(fetch(request).catch(() => caches.match(path)));
});
