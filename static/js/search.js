// HR's list by keyboard: "/" goes to the search, the arrows walk through the starters found. And while somebody types
// or chooses, the parts marked data-live are replaced by what the portal finds; without this the button does it.

const search = document.querySelector("[data-search]");
const form = document.querySelector("[data-live-form]");
const hint = document.querySelector("[data-search-hint]");
const PAUSE = 250; // milliseconds without a key

if (hint) hint.hidden = false;

const rows = () => [...document.querySelectorAll("[data-rows] th a")].filter((one) => !one.closest("thead"));

function walk(by) {
  const here = rows().indexOf(document.activeElement);
  if (here === -1 && document.activeElement !== search) return false;
  const next = here + by;
  (next < 0 ? search : rows()[Math.min(next, rows().length - 1)])?.focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && !event.target.closest("input:not([type=checkbox]), textarea, select")) {
    search?.focus();
    search?.select();
    event.preventDefault();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (walk(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (event.key === "x") {
    // Only while a row has the focus: elsewhere a letter is a letter.
    event.target.closest("[data-rows] tbody tr")?.querySelector("a:focus")?.closest("tr").querySelector("input[name=starter]")?.click();
  }
});

// --- Found while typing -----------------------------------------------------------------------------------

let waiting;
let asked = 0;

function address() {
  const given = new FormData(form);
  if (given.get("since") || given.get("until")) given.delete("day"); // rather than the days that were chosen before
  const filled = [...given].filter(([, value]) => value.trim());
  const query = new URLSearchParams(filled).toString();
  return location.pathname + (query && `?${query}`);
}

// Read as a document, and not as text: from text nothing on this site can become part of a page.
function read(there) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", there);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject());
    request.onerror = reject;
    request.send();
  });
}

async function find() {
  const mine = ++asked;
  const there = address();
  try {
    // Whether the session still stands: a redirect to sign in is no list, and only a page may follow it.
    const may = await fetch(there, {
      method: "HEAD",
      headers: { "X-Stay-Signed-In": "1" }, // somebody types
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
    });
    if (mine !== asked) return; // more was typed meanwhile
    if (!may.ok) throw new Error(String(may.status));
    const found = await read(there);
    if (mine !== asked) return;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = found.getElementById(part.id);
      const chosen = next.value; // only a choice has one, and moving its options would choose the last
      part.replaceChildren(...next.childNodes);
      if (chosen !== undefined) part.value = chosen;
    }
    history.replaceState(null, "", there);
    offerAll();
  } catch {
    if (mine === asked) location.assign(there); // a page that says what is wrong, such as a session that ended
  }
}

form?.addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(find, event.target === search ? PAUSE : 0);
});

// --- Choosing several --------------------------------------------------------------------------------------

function offerAll() {
  const all = document.querySelector("[data-all]");
  if (all) all.hidden = false;
}

// How many are selected; with none, the words of the page without scripts.
function countChosen() {
  const words = document.querySelector("[data-chosen]");
  if (!words) return;
  words.dataset.none ??= words.textContent;
  const count = document.querySelectorAll("[data-rows] input[name=starter]:checked").length;
  words.textContent = count ? `${words.dataset.chosen} ${count}` : words.dataset.none;
}

offerAll();
countChosen();
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const one of document.querySelectorAll("[data-rows] input[name=starter]")) one.checked = event.target.checked;
  }
  countChosen();
});
