// The pass page: sends the receipt, counts down, masks the pass, polls its progress, and clears it.
// If this script does not run, the page offers a form instead: see `data-script-fallback`.

const RECEIPT_RETRY = 4_000;
const POLL_INTERVAL = 5_000;
const TIMEOUT = 10_000; // of one request
const FAILED_POLLS = 3; // before the page shows that there is no connection
const POLLS_AFTER_EXPIRY = 15 * 60_000;
const MASK_AFTER_HIDDEN = 60_000;

const page = document.querySelector("[data-pass]");
const { receiptUrl, progressUrl, pageUrl } = page.dataset;
const receiptFor = Number(page.dataset.receiptSeconds) * 1000;
const validFor = Number(page.dataset.secondsLeft) * 1000;
const token = page.querySelector("form [name=csrfmiddlewaretoken]").value;
const countdown = page.querySelector("[data-countdown]");
const announcement = page.querySelector("[data-announcement]");
const notice = page.querySelector("[data-cleared]");
const takeBack = page.querySelector("[data-take-back]");
const scriptFallback = page.querySelector("[data-script-fallback]");

let cleared = false;
let received = false;
let gone = false; // the person left the page

// After an error in this script the page offers what it offers without scripts.
addEventListener("error", () => {
  if (!cleared && !received) scriptFallback.hidden = false;
});

// --- Clearing ---------------------------------------------------------------------------------------------

function wipe() {
  if (cleared) return false;
  cleared = true;
  document.getSelection().removeAllRanges();
  for (const secret of page.querySelectorAll("[data-secret]")) secret.replaceChildren();
  for (const live of page.querySelectorAll("[data-live]")) live.hidden = true;
  announcement.replaceChildren();
  scriptFallback.hidden = true;
  notice.hidden = false;
  return true;
}

// Clear for a reason that the page knows itself, with a text that it already has.
function clear(reason) {
  if (!wipe()) return;
  takeBack.hidden = reason === "stopped" || reason === "expired"; // nothing to take
  for (const words of notice.querySelectorAll("[data-say]")) words.hidden = words.dataset.say !== reason;
  if (reason !== "left") notice.focus();
}

// Clear for a reason that the portal has recorded, with the portal's current text.
function showProgress({ code, tone, title, lines }) {
  if (notice.dataset.code === code && notice.dataset.title === title) return;
  const first = wipe();
  takeBack.hidden = true;
  notice.dataset.code = code;
  notice.dataset.title = title;
  notice.dataset.tone = tone;
  for (const shape of notice.querySelectorAll("[data-shape]")) shape.hidden = shape.dataset.shape !== tone;
  const words = ["h2", ...lines.map(() => "p")].map((name) => document.createElement(name));
  [title, ...lines].forEach((text, at) => (words[at].textContent = text));
  notice.querySelector("[data-words]").replaceChildren(...words);
  document.title = title;
  if (first) notice.focus();
}

addEventListener("pagehide", () => {
  gone = true;
  clear("left");
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.replace(pageUrl);
});

// --- Time -------------------------------------------------------------------------------------------------

// One clock may stop while the computer sleeps, the other may be corrected: use the later one.
const began = { date: Date.now(), steady: performance.now() };
const elapsed = () => Math.max(Date.now() - began.date, performance.now() - began.steady);

function formatTime(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const two = (number) => String(number).padStart(2, "0");
  const shown = minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}` : minutes;
  return countdown.dataset.countdown.replace("{time}", `${shown}:${two(seconds % 60)}`);
}

let announced = Infinity;
function announce(left) {
  for (const minutes of [1, 5]) {
    if (left > minutes * 60_000 || announced <= minutes || validFor <= minutes * 60_000) continue;
    announced = minutes;
    announcement.textContent = announcement.dataset[`minutes${minutes}`];
    return;
  }
}

let next;
function tick() {
  clearTimeout(next);
  if (cleared) return;
  const left = validFor - elapsed();
  if (left <= 0) return clear("expired");
  if (!received && elapsed() >= receiptFor) return clear("unreachable");
  countdown.textContent = formatTime(left);
  announce(left);
  next = setTimeout(tick, 1_000 - (elapsed() % 1_000));
}
tick();

// --- The receipt ------------------------------------------------------------------------------------------

async function sendReceipt() {
  if (cleared) return;
  try {
    const answer = await fetch(receiptUrl, {
      method: "POST",
      headers: { "X-CSRFToken": token },
      credentials: "same-origin",
      redirect: "error", // a redirect, for example to a sign-in page, is no receipt
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (answer.status === 204) {
      received = true;
      return;
    }
    if (answer.status === 409 || answer.status === 410) {
      clear("stopped");
      return poll(); // to show why
    }
  } catch {
    // No connection, or no answer in time: try again until the time for the receipt is over.
  }
  setTimeout(sendReceipt, RECEIPT_RETRY);
}

// The page must be painted first: the second frame comes after the first is on the screen.
requestAnimationFrame(() => requestAnimationFrame(sendReceipt));

// --- Progress -----------------------------------------------------------------------------------------------

const connectionNotice = page.querySelector("[data-connection-notice]");
let polls = true;
let nextPoll;
let polling = false;
let failed = 0;

function handleProgress(status, progress) {
  failed = progress ? 0 : failed + 1;
  const why = status === 401 ? "signed-out" : failed >= FAILED_POLLS ? "offline" : "";
  for (const words of connectionNotice.querySelectorAll("[data-say]")) words.hidden = words.dataset.say !== why;
  connectionNotice.hidden = !why;
  if (progress && progress.code !== "open") showProgress(progress);
  const denied = status >= 400 && status < 500;
  polls = !denied && !progress?.is_final && elapsed() < validFor + POLLS_AFTER_EXPIRY;
}

async function poll() {
  if (polling || gone || !polls) return;
  polling = true;
  clearTimeout(nextPoll);
  let status = 0;
  let progress = null;
  try {
    const answer = await fetch(progressUrl, {
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    status = answer.status;
    if (answer.ok) progress = await answer.json();
  } catch {
    // No connection, or no answer in time: poll again.
  }
  polling = false;
  if (gone) return;
  handleProgress(status, progress);
  if (polls) nextPoll = setTimeout(poll, POLL_INTERVAL);
}
nextPoll = setTimeout(poll, POLL_INTERVAL);

// --- Hiding -----------------------------------------------------------------------------------------------

let hiddenSince = Infinity;
let hiding;

function mask() {
  for (const details of page.querySelectorAll("[data-mask]")) details.open = false;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.visibilityState === "hidden") {
    hiddenSince = elapsed();
    hiding = setTimeout(mask, MASK_AFTER_HIDDEN);
    return;
  }
  // Timers of a hidden page may run late.
  if (elapsed() - hiddenSince >= MASK_AFTER_HIDDEN) mask();
  hiddenSince = Infinity;
  tick();
  poll();
});

// The script runs.
scriptFallback.hidden = true;
