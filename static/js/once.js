// A form marked data-once is sent once: a second press waits for the answer of the first.

const forms = document.querySelectorAll("form[data-once]");

for (const form of forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    const button = event.submitter;
    // Not `disabled`: that would take the focus away, and the button's own value out of what is sent.
    button?.setAttribute("aria-disabled", "true");
    if (button && form.dataset.busy) {
      form.dataset.rest = button.textContent;
      button.textContent = form.dataset.busy;
    }
  });
}

// Back brings a page as it was left: its buttons are to be pressed again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of forms) {
    const button = form.querySelector("button[aria-disabled]");
    button?.removeAttribute("aria-disabled");
    if (button && form.dataset.rest) button.textContent = form.dataset.rest;
    delete form.dataset.sent;
  }
});
