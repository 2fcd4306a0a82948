// Passkeys: a form marked data-passkey asks the browser for one, then posts its answer as any form would.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (keys) => (keys || []).map((key) => ({ ...key, id: bytes(key.id) }));

async function make(options) {
  const asked = options.publicKey;
  const made = await navigator.credentials.create({
    publicKey: {
      ...asked,
      challenge: bytes(asked.challenge),
      user: { ...asked.user, id: bytes(asked.user.id) },
      excludeCredentials: listed(asked.excludeCredentials),
    },
  });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject) },
  };
}

async function use(options) {
  const asked = options.publicKey;
  const allowed = listed(asked.allowCredentials);
  const got = await navigator.credentials.get({
    publicKey: { ...asked, challenge: bytes(asked.challenge), allowCredentials: allowed.length ? allowed : undefined },
  });
  const answer = got.response;
  return {
    id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: {},
    response: {
      clientDataJSON: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData),
      signature: text(answer.signature), userHandle: answer.userHandle ? text(answer.userHandle) : null,
    },
  };
}

async function options(form) {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
  });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  return answer.json();
}

function prepare(form) {
  const button = form.querySelector("button");
  const said = form.querySelector(".said");
  if (!window.PublicKeyCredential) {
    said.textContent = form.dataset.none;
    button.disabled = true;
    return;
  }
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    button.disabled = true;
    said.textContent = "";
    try {
      const asked = await options(form);
      form.elements.credential.value = JSON.stringify(await (form.dataset.passkey === "make" ? make(asked) : use(asked)));
      form.submit();
    } catch (error) {
      said.textContent = error.name === "InvalidStateError" ? form.dataset.already : form.dataset.failed;
      button.disabled = false;
    }
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);
// A link opened while this page was open already changes what follows "#" only: read it anew.
addEventListener("hashchange", () => location.reload());
