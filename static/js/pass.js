// The pass page: tells the portal that the pass is on a screen, counts down, hides it and clears it.

const RETRY = 4_000;
const PATIENCE = 10_000; // for one try
const HIDDEN_FOR = 60_000;

const page = document.querySelector("[data-pass]");
const { receiptUrl, pageUrl } = page.dataset;
const receiptFor = Number(page.dataset.receiptSeconds) * 1000;
const validFor = Number(page.dataset.secondsLeft) * 1000;
const token = page.querySelector("form [name=csrfmiddlewaretoken]").value;
const countdown = page.querySelector("[data-countdown]");
const spoken = page.querySelector("[data-spoken]");

let cleared = false;
let received = false;

// --- Clearing ---------------------------------------------------------------------------------------------

function clear(reason) {
  if (cleared) return;
  cleared = true;
  for (const secret of page.querySelectorAll("[data-secret]")) secret.replaceChildren();
  for (const live of page.querySelectorAll("[data-live]")) live.hidden = true;
  spoken.replaceChildren();
  if (reason === "late" || reason === "expired") page.querySelector("[data-take-back]").hidden = true; // nothing to take
  for (const words of page.querySelectorAll("[data-say]")) words.hidden = words.dataset.say !== reason;
  const notice = page.querySelector("[data-cleared]");
  notice.hidden = false;
  if (reason !== "left") notice.focus();
}

addEventListener("pagehide", () => clear("left"));
addEventListener("pageshow", (event) => {
  if (event.persisted) location.replace(pageUrl);
});

// --- Time -------------------------------------------------------------------------------------------------

// A sleeping computer may stop the one clock, and a corrected one may jump: the later of the two counts.
const began = { date: Date.now(), steady: performance.now() };
const elapsed = () => Math.max(Date.now() - began.date, performance.now() - began.steady);

function inWords(milliseconds) {
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
    spoken.textContent = spoken.dataset[`minutes${minutes}`];
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
  countdown.textContent = inWords(left);
  announce(left);
  next = setTimeout(tick, 1_000 - (elapsed() % 1_000));
}
tick();

// --- The receipt ------------------------------------------------------------------------------------------

async function tell() {
  if (cleared) return;
  try {
    const answer = await fetch(receiptUrl, {
      method: "POST",
      headers: { "X-CSRFToken": token },
      credentials: "same-origin",
      redirect: "error", // an answer from elsewhere, such as a sign-in page, is no receipt
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.status === 204) {
      received = true;
      return;
    }
    if (answer.status === 409 || answer.status === 410) return clear("late");
  } catch {
    // No connection, or no answer in time: ask again below, until the time for it is over.
  }
  setTimeout(tell, RETRY);
}

// Only a page that was painted has shown anything: the second frame comes after the first is on the screen.
requestAnimationFrame(() => requestAnimationFrame(tell));

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
    hiding = setTimeout(mask, HIDDEN_FOR);
    return;
  }
  // Timers of a hidden page may sleep longer than they were told.
  if (elapsed() - hiddenSince >= HIDDEN_FOR) mask();
  hiddenSince = Infinity;
  tick();
});
