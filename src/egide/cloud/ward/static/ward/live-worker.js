// One stream of events for every tab of this browser (a SharedWorker). Tabs say what they show; it tells them what came.
"use strict";

const GONE_MS = 150000; // a tab in the background says that it is there once a minute
const tabs = new Map(); // port -> { who, address, patients, at }
let source = null, asked = "", timer = 0;

/** Open the stream of what all tabs show together; the same question is not asked twice. */
function reopen() {
  const now = Date.now();
  for (const [port, tab] of tabs) if (now - tab.at > GONE_MS) tabs.delete(port);
  const patients = [...new Set([...tabs.values()].flatMap((tab) => tab.patients))].sort().slice(0, 60);
  const first = tabs.values().next().value;
  const wanted = patients.length ? first.who + " " + first.address + "?" + patients.map((p) => "p=" + encodeURIComponent(p)).join("&") : "";
  if (wanted === asked && (!source || source.readyState !== EventSource.CLOSED)) {
    if (source && source.readyState === EventSource.OPEN) tell({ kind: "ready", patient: "" }); // to a tab that has just come
    return;
  }
  if (source) source.close();
  source = null;
  asked = wanted;
  if (!wanted) return;
  source = new EventSource(wanted.slice(wanted.indexOf(" ") + 1));
  for (const kind of ["news", "closed"]) source.addEventListener(kind, (event) => tell({ kind, patient: event.data }));
  source.addEventListener("ready", () => tell({ kind: "ready", patient: "" }));
  source.addEventListener("end", () => { source.close(); tell({ kind: "end", patient: "" }); });
}

function tell(said) {
  for (const [port, tab] of tabs) if (!said.patient || tab.patients.includes(said.patient)) port.postMessage(said);
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(reopen, 300);
}

onconnect = (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data.bye) tabs.delete(port);
    else {
      const other = [...tabs.values()].some((tab) => tab.who !== data.who);
      if (other) tabs.clear(); // somebody else signed in: what the last person's tabs showed is over
      tabs.set(port, { ...data, at: Date.now() });
    }
    soon();
  };
};
