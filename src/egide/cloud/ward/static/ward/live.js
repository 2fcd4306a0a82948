// Keeps a page live: joins the browser's one stream and says when something came, or when a record closed.
"use strict";

(() => {
  const place = document.getElementById("live-page");
  if (!place) return;
  const mine = { who: place.dataset.who, address: place.dataset.stream, patients: place.dataset.patients.split(" ").filter(Boolean) };
  if (!mine.patients.length) return;
  const pause = Number(place.dataset.pause) || 1000;
  let waiting = 0, last = 0, port = null, beat = 0;

  /** Ask the page's own part again, not more often than it bears. */
  function news() {
    if (waiting) return;
    waiting = setTimeout(() => {
      waiting = 0;
      last = Date.now();
      document.body.dispatchEvent(new CustomEvent("egide-news"));
    }, Math.max(0, last + pause - Date.now()));
  }

  /** A record that is no longer this reader's to see leaves the screen at once; a list is asked anew. */
  function closed() {
    const notice = document.getElementById("live-closed");
    if (!notice) { last = 0; news(); return; }
    document.getElementById("main").replaceChildren(notice.content.cloneNode(true));
    leave();
  }

  function hear({ kind }) {
    place.dataset.state = kind;
    if (kind === "news") news();
    if (kind === "closed") closed();
    if (kind === "end") location.reload(); // the session is over: the sign-in page takes this one's place
  }

  /** Without shared workers (some phones): a stream of one's own, while the tab is seen. */
  function alone() {
    let source = null;
    const address = mine.address + "?" + mine.patients.map((p) => "p=" + encodeURIComponent(p)).join("&");
    const set = () => {
      if (document.hidden && source) { source.close(); source = null; }
      if (document.hidden || source) return;
      source = new EventSource(address);
      for (const kind of ["news", "closed", "ready"]) source.addEventListener(kind, () => hear({ kind }));
      source.addEventListener("end", () => { source.close(); hear({ kind: "end" }); });
    };
    document.addEventListener("visibilitychange", set);
    addEventListener("pagehide", () => source && source.close());
    set();
  }

  function leave() {
    clearInterval(beat);
    if (port) port.postMessage({ bye: true });
  }

  if (!("SharedWorker" in globalThis)) { alone(); return; }
  port = new SharedWorker(place.dataset.worker, { name: "egide-live" }).port;
  port.onmessage = ({ data }) => hear(data);
  const here = () => port.postMessage(mine);
  const join = () => { here(); clearInterval(beat); beat = setInterval(here, 30000); };
  join();
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && join());
})();
