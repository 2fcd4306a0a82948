// A consent signed with a passkey: a form marked data-sign. It says what the page shows, asks the passkey for the hash of
// the statement that says the same, and posts the answer. Without script it stays hidden: the plain button is there.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const shown = () => [...document.querySelectorAll(".aloud p")].map((line) => line.textContent).join("\n");

  async function ask(form) {
    const answer = await fetch(form.dataset.sign, {
      method: "POST",
      headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
      body: new URLSearchParams({ shown: shown() }),
    });
    if (answer.redirected) location.reload();
    if (answer.ok && !answer.redirected) return answer.json();
    throw new Error(answer.redirected ? "" : (await answer.json()).code);
  }

  async function sign(asked) {
    const options = asked.publicKey;
    const allowed = options.allowCredentials.map((key) => ({ ...key, id: bytes(key.id) }));
    const got = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: allowed } });
    const answer = got.response;
    return JSON.stringify({
      id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: {},
      response: {
        clientDataJSON: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData),
        signature: text(answer.signature), userHandle: answer.userHandle ? text(answer.userHandle) : null,
      },
    });
  }

  function prepare(form) {
    const button = form.querySelector("button");
    const said = form.querySelector(".said");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      button.disabled = true;
      said.textContent = "";
      try {
        form.elements.credential.value = await sign(await ask(form));
        form.submit();
      } catch (error) {
        const swapped = error.message === "text-changed";
        said.textContent = swapped ? form.dataset.changed : form.dataset.failed;
        for (const each of document.querySelectorAll("main form button")) each.disabled = swapped;
      }
    });
  }

  if (window.PublicKeyCredential) for (const form of document.querySelectorAll("form[data-sign]")) prepare(form);
})();
