// On a shared workstation: say that somebody is there, cover the page in time, keep what is typed for its owner alone.
"use strict";

(() => {
  const place = document.getElementById("shared");
  const token = place.elements.csrfmiddlewaretoken.value;
  const { who, ask, touch, locked, back, out } = place.dataset;
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("egide-shared") : null;
  const EVERY_MS = 10000, SOON_S = 30;
  let ends = Date.now() + Number(place.dataset.left) * 1000;
  let touched = 0, told = Date.now(), waiting = 0, asking = false, notice = null;

  const send = (address, fields) => fetch(address, {
    method: "POST", keepalive: true, headers: { "X-CSRFToken": token, Accept: "application/json" }, body: new URLSearchParams(fields),
  });

  /** Nothing of the page can be read from now on, whatever the network does. */
  function cover() {
    if (notice) notice.remove();
    notice = null;
    document.documentElement.classList.add("covered");
    document.documentElement.inert = true;
  }

  function uncover() {
    document.documentElement.classList.remove("covered");
    document.documentElement.inert = false;
  }

  /** What the server says: whose session it is by now, and until when. */
  function hear(said) {
    if (!said.who) { cover(); location.replace(out); return; }
    if (said.left <= 0) { cover(); location.replace(locked); return; }
    if (said.who !== who) { cover(); location.replace(back); return; }
    ends = Date.now() + said.left * 1000;
    if (notice && said.left > SOON_S) { notice.remove(); notice = null; }
    uncover();
  }

  async function answered(request) {
    try {
      const answer = await request;
      if (answer.status === 423) { cover(); location.replace(locked); return; }
      if (answer.redirected || answer.status === 403 || answer.status === 400) { cover(); location.replace(back); return; }
      if (answer.ok) hear(await answer.json());
    } catch {
      /* no network: the page covers itself when its time is over */
    }
  }

  /** Asks without touching: another tab may be in use, or the session over. */
  async function look() {
    if (asking) return;
    asking = true;
    await answered(fetch(ask, { headers: { Accept: "application/json" } }));
    asking = false;
  }

  async function tell() {
    waiting = 0;
    told = Date.now();
    await answered(send(touch, { ago: String(Math.round((told - touched) / 1000)) }));
    if (channel) channel.postMessage({ kind: "touched", who, ends });
  }

  function used() {
    if (Date.now() >= ends) return; // too late: what is covered is uncovered by a passkey only
    touched = Date.now();
    if (!waiting) waiting = setTimeout(tell, notice ? 0 : Math.max(0, told + EVERY_MS - Date.now()));
  }

  function warn() {
    if (notice) return;
    notice = document.createElement("p");
    notice.className = "locks-soon";
    notice.setAttribute("role", "status");
    document.body.append(notice);
    notice.textContent = place.dataset.soon;
  }

  function tick() {
    const seconds = (ends - Date.now()) / 1000;
    if (seconds <= 0) { cover(); look(); }
    else if (seconds <= SOON_S) warn();
  }

  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart", "input"]) addEventListener(kind, used, { passive: true, capture: true });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { tick(); look(); } });
  addEventListener("pageshow", (event) => { if (event.persisted) { cover(); look(); } });
  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data.kind === "touched" && data.who === who) ends = Math.max(ends, data.ends);
      if (data.kind === "locked") { cover(); location.replace(locked); }
      if (data.kind === "open" && data.who !== who) look();
    };
    channel.postMessage({ kind: "open", who });
  }
  setInterval(tick, 1000);

  // Forms: what is typed and not sent, kept on the server, sealed to the account.
  const late = new Map();
  const formOf = (form) => new URL(form.action, location.href).pathname;
  const typed = (form) => [...new FormData(form)].filter(([name, value]) => name !== "csrfmiddlewaretoken" && typeof value === "string");
  const said = (form) => [...form.querySelectorAll("textarea, input[type=text]")].some((field) => field.value.trim());

  function keep(form) {
    clearTimeout(late.get(form));
    late.delete(form);
    return send(place.dataset.form, { form: formOf(form), fields: JSON.stringify(said(form) ? typed(form) : []) }).catch(() => {});
  }

  function fill(form, fields) {
    for (const field of form.elements) {
      if (!field.name || field.type === "hidden" || field.type === "submit") continue;
      const values = fields.filter(([name]) => name === field.name).map(([, value]) => value);
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (values.length) field.value = values[0];
    }
  }

  /** Says that it was kept, and lets its owner forget it. */
  function tellKept(form) {
    const line = document.createElement("p");
    line.className = "kept small";
    line.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = place.dataset.forget;
    button.addEventListener("click", async () => {
      await send(place.dataset.taken, { form: formOf(form), forget: "1" });
      form.reset();
      line.remove();
    });
    line.append(place.dataset.kept + " ", button);
    form.prepend(line);
  }

  async function give(form) {
    const answer = await send(place.dataset.taken, { form: formOf(form) });
    if (answer.status !== 200) return;
    const { fields } = await answer.json();
    fill(form, fields);
    tellKept(form);
  }

  for (const form of document.querySelectorAll("form[data-draft]")) {
    give(form).catch(() => {});
    form.addEventListener("input", () => {
      clearTimeout(late.get(form));
      late.set(form, setTimeout(() => keep(form), 1000));
    });
    form.addEventListener("submit", () => { clearTimeout(late.get(form)); late.delete(form); });
  }
  addEventListener("pagehide", () => { for (const form of late.keys()) keep(form); });

  place.addEventListener("submit", async (event) => {
    event.preventDefault();
    const then = event.submitter ? event.submitter.value : "lock";
    cover();
    await Promise.race([Promise.all([...late.keys()].map(keep)), new Promise((done) => setTimeout(done, 1500))]);
    try {
      // The server locks first, then the other tabs are told: told sooner, they would ask a session that is still open.
      const answer = await send(place.action, { then });
      if (!answer.ok) throw new Error(String(answer.status));
      if (channel) channel.postMessage({ kind: "locked", who });
      location.assign(then === "change" ? locked + "#change" : locked);
    } catch {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = "then";
      input.value = then;
      place.append(input);
      place.submit();
    }
  });
})();
