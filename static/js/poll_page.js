// A page that polls the portal and reloads when it has changed.
// It does not interrupt a person who reads, types or listens: it shows a notice, and they reload it themselves.
// While a form is being sent the page stays: the answer may be a pass.

const TIMEOUT = 20_000; // of one request

const page = document.querySelector("[data-polls]");
const { fingerprint, address } = page.dataset;
const queueEstimate = document.querySelector("[data-queue-seconds]");
const queuePosition = document.querySelector("[data-queue-position]");
let interval = Number(page.dataset.seconds) * 1000;
let servedAt = performance.now() + Number(queueEstimate?.dataset.queueSeconds) * 1000;

// The portal counts neither polls nor these reloads as activity.
const loaded = new URL(location);
if (loaded.searchParams.has("reloaded")) {
  loaded.searchParams.delete("reloaded");
  history.replaceState(history.state, "", loaded);
}

const form = document.querySelector("main form [type=radio]")?.form;
let isSending = () => false;
addEventListener("submit", ({ target }) => {
  // submit_once.js marks a form while it is being sent. Without that script the form is always sent.
  const isMarked = target.dataset.sent !== undefined;
  isSending = () => !isMarked || target.dataset.sent !== undefined;
});
addEventListener("pageshow", (event) => {
  if (event.persisted) isSending = () => false;
});

function isBusy() {
  const focused = document.activeElement;
  return (
    isFilledIn() ||
    (focused && focused !== document.body && focused.id !== "main") ||
    document.querySelector("main details[open]") !== null ||
    !document.getSelection().isCollapsed
  );
}

function isFilledIn() {
  return [...(form?.elements ?? [])].some((field) => field.type === "radio" && field.checked !== field.defaultChecked);
}

// The page's address with the current choice.
function addressWithChoice() {
  const chosen = form?.querySelector("[type=radio]:checked");
  const known = chosen && page.querySelector(`[data-choice="${CSS.escape(chosen.value)}"]`);
  return known ? known.dataset.address : address;
}

const updateNotice = page.querySelector("[data-update-notice]");
const updateLink = updateNotice.querySelector("a");
updateLink.addEventListener("click", () => (updateLink.href = addressWithChoice()));

function reload() {
  if (isBusy()) return (updateNotice.hidden = false);
  const next = new URL(addressWithChoice(), location);
  next.searchParams.set("reloaded", "1");
  location.replace(next);
}

async function poll() {
  if (!isSending() && (await hasChanged()) && !isSending()) return reload();
  setTimeout(poll, interval);
}
setTimeout(poll, interval);

async function hasChanged() {
  try {
    const answer = await fetch(address, {
      method: "HEAD",
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    // Signed out, or no longer the manager: reload.
    if (!answer.ok) return answer.status < 500;
    readHeaders(answer.headers);
    return answer.headers.get("Page-State") !== fingerprint;
  } catch {
    return false;
  }
}

// The page is the same, but the queue has moved.
function readHeaders(headers) {
  interval = Number(headers.get("Poll-Seconds")) * 1000 || interval;
  if (!queueEstimate) return;
  servedAt = performance.now() + Number(headers.get("Queue-Seconds")) * 1000;
  const { first, later } = queuePosition.dataset;
  const position = headers.get("Queue-Position");
  queuePosition.textContent = position === "1" ? first : later.replace("{position}", position);
}

function countDown() {
  const left = Math.ceil((servedAt - performance.now()) / 1000);
  const { one, many, long, soon } = queueEstimate.dataset;
  if (left >= 90) queueEstimate.textContent = long.replace("{minutes}", Math.round(left / 60));
  else queueEstimate.textContent = left > 1 ? many.replace("{seconds}", left) : left === 1 ? one : soon;
  setTimeout(countDown, 1_000);
}
if (queueEstimate) countDown();

document.querySelector("[data-script-fallback]").hidden = true;
