// A form with data-once is sent once: a second click waits for the answer to the first. A form with data-offline is sent
// only if the portal responds. If not, the page and the entries stay, and it shows that text.

const TIMEOUT = 10_000; // for the portal to respond

const forms = document.querySelectorAll("form[data-once]");

for (const form of forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    const button = event.submitter;
    // `disabled` would remove the focus, and the button's value from the request.
    button?.setAttribute("aria-disabled", "true");
    if (button && form.dataset.busy) {
      form.dataset.rest = button.textContent;
      button.textContent = form.dataset.busy;
    }
    const offline = form.querySelector("[data-offline]");
    if (!offline) return;
    event.preventDefault();
    offline.hidden = true;
    sendIfReachable(form, offline);
  });
}

async function sendIfReachable(form, offline) {
  if (await isReachable(offline.dataset.offline)) return form.submit();
  release(form);
  offline.hidden = false;
}

async function isReachable(address) {
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    const answer = await fetch(address, { method: "HEAD", cache: "no-store", redirect: "error", signal });
    return answer.status < 500;
  } catch {
    return false;
  }
}

function release(form) {
  const button = form.querySelector("button[aria-disabled]");
  button?.removeAttribute("aria-disabled");
  if (button && form.dataset.rest) button.textContent = form.dataset.rest;
  delete form.dataset.sent;
}

// The Back button restores the page as it was: make its buttons work again.
addEventListener("pageshow", (event) => {
  if (event.persisted) forms.forEach(release);
});
