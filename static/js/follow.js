// A page that follows what happens: it asks now and then, and renews itself when there is news.
// Whoever reads, types or listens on it just now is not interrupted: they are told, and renew it themselves.

const PATIENCE = 20_000; // for one answer

const page = document.querySelector("[data-follows]");
const { mark, address } = page.dataset;
const turn = document.querySelector("[data-turn]");
const place = document.querySelector("[data-place]");
let every = Number(page.dataset.seconds) * 1000;
let turnAt = performance.now() + Number(turn?.dataset.turn) * 1000;

function isBusy() {
  const here = document.activeElement;
  return (
    (here && here !== document.body && here.id !== "main") ||
    document.querySelector("main details[open]") !== null ||
    !document.getSelection().isCollapsed
  );
}

function renew() {
  if (!isBusy()) return location.replace(address);
  page.querySelector("[data-news]").hidden = false;
}

async function look() {
  try {
    const answer = await fetch(address, {
      method: "HEAD",
      credentials: "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    // Signed out, or no longer the manager: the page itself says so.
    if (answer.ok ? answer.headers.get("Situation") !== mark : answer.status < 500) return renew();
    if (answer.ok) follow(answer.headers);
  } catch {
    // No connection just now: ask again.
  }
  setTimeout(look, every);
}
setTimeout(look, every);

// No news, but the line has moved: when to ask again, how long it still takes, and who stands before.
function follow(headers) {
  every = Number(headers.get("Ask-Again")) * 1000 || every;
  if (!turn) return;
  turnAt = performance.now() + Number(headers.get("Turn")) * 1000;
  const { first, later } = place.dataset;
  place.textContent = headers.get("Place") === "1" ? first : later.replace("{position}", headers.get("Place"));
}

// The estimate runs down by itself.
function countDown() {
  const left = Math.ceil((turnAt - performance.now()) / 1000);
  const { one, many, long, soon } = turn.dataset;
  if (left >= 90) turn.textContent = long.replace("{minutes}", Math.round(left / 60));
  else turn.textContent = left > 1 ? many.replace("{seconds}", left) : left === 1 ? one : soon;
  setTimeout(countDown, 1_000);
}
if (turn) countDown();
