// Parts of a page that follow the portal without a reload. A request of a script does not keep anybody signed in.
// A part in which somebody is, by keyboard or with a selection, stays as it is until they have left it.

const INTERVAL = 60_000;
const parts = () => [...document.querySelectorAll("[data-live]")];

// As a document, and not as text: from text nothing on this site can become part of a page.
function read() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.timeout = 20_000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status));
    request.onerror = request.ontimeout = () => reject(0);
    request.send();
  });
}

function isInUse(part) {
  const selection = document.getSelection();
  return part.contains(document.activeElement) || (!selection.isCollapsed && part.contains(selection.anchorNode));
}

async function follow() {
  if (document.visibilityState === "visible") {
    try {
      const found = await read();
      for (const part of parts()) {
        const next = found.getElementById(part.id);
        if (next && !isInUse(part) && next.innerHTML !== part.innerHTML) part.replaceChildren(...next.childNodes);
      }
    } catch (status) {
      if (status >= 400 && status < 500) return; // signed out: the page says so as soon as somebody uses it
    }
  }
  setTimeout(follow, INTERVAL);
}
setTimeout(follow, INTERVAL);
