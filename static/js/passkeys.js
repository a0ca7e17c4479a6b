// The browser's part in adding passkeys and in signing in with them. A form says by data-passkey
// what it is for; the server takes what the browser gives as JSON, in a hidden field.

/** @typedef {"ask" | "get" | "create"} Purpose */

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (form instanceof HTMLFormElement) start(form);
}

/** @param {HTMLFormElement} form */
function start(form) {
  if (!isPossible()) {
    for (const each of form.querySelectorAll("[data-passkey-unknown]")) each.removeAttribute("hidden");
    for (const each of form.querySelectorAll("button")) each.disabled = form.dataset.passkey === "create";
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failed = form.querySelector("[data-passkey-failed]");
    failed?.setAttribute("hidden", "");
    try {
      field(form, "credential").value = JSON.stringify(await given(form));
    } catch {
      failed?.removeAttribute("hidden");
      return;
    }
    form.submit();
  });
}

/** Tells whether passkeys work here. They never do where the address is an IP address. */
function isPossible() {
  const isNumber = /^[\d.]+$|^\[/.test(location.hostname);
  return "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential && !isNumber;
}

/** @param {HTMLFormElement} form */
async function given(form) {
  const purpose = /** @type {Purpose} */ (form.dataset.passkey);
  const options = purpose === "ask" ? await asked(form.action) : written();
  const credential = await (purpose === "create" ? created(options.creation_options) : got(options.request_options));
  if (!(credential instanceof PublicKeyCredential)) throw new Error("No passkey was given");
  return credential.toJSON();
}

/** @param {{ publicKey: PublicKeyCredentialCreationOptionsJSON }} options */
function created(options) {
  // Kept with the name of its agent where it can be, so that it signs in by itself.
  /** @type {AuthenticatorSelectionCriteria} */
  const authenticatorSelection = { ...options.publicKey.authenticatorSelection, residentKey: "preferred" };
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON({ ...options.publicKey, authenticatorSelection });
  return navigator.credentials.create({ publicKey });
}

/** @param {{ publicKey: PublicKeyCredentialRequestOptionsJSON }} options */
function got(options) {
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
}

/** @param {string} address */
async function asked(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`The server answered ${response.status}`);
  return response.json();
}

function written() {
  return JSON.parse(document.querySelector("#passkey-data")?.textContent ?? "{}");
}

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 */
function field(form, name) {
  return /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
}
