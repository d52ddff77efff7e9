// A page that follows what happens: it asks now and then, and renews itself when there is news.
// Whoever reads, types or listens on it just now is not interrupted: they are told, and renew it themselves.

const PATIENCE = 20_000; // for one answer

const page = document.querySelector("[data-follows]");
const { mark, address } = page.dataset;
const every = Number(page.dataset.seconds) * 1000;
const turn = document.querySelector("[data-turn]");

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
  } catch {
    // No connection just now: ask again.
  }
  setTimeout(look, every);
}
setTimeout(look, every);

// The place in the line: the estimate runs down by itself.
const turnAt = performance.now() + Number(turn?.dataset.turn) * 1000;

function countDown() {
  const left = Math.ceil((turnAt - performance.now()) / 1000);
  const { one, many, soon } = turn.dataset;
  turn.textContent = left > 1 ? many.replace("{seconds}", left) : left === 1 ? one : soon;
  if (left > 0) setTimeout(countDown, 1_000);
}
if (turn) countDown();
