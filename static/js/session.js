// Says, five minutes ahead, that a session is about to end, and lets it go on where that is possible.

const AHEAD = 5 * 60_000;

const notice = document.querySelector("[data-session]");
const button = notice.querySelector("button");
const idle = Number(notice.dataset.idle) * 1000;
const ends = Date.now() + Number(notice.dataset.ends) * 1000; // whatever is done, it ends then
let next;

function say(which) {
  for (const words of notice.querySelectorAll("[data-say]")) words.hidden = words.dataset.say !== which;
  button.hidden = which !== "idle";
  notice.hidden = false;
}

function wait() {
  clearTimeout(next);
  notice.hidden = true;
  const over = Date.now() + idle;
  next = setTimeout(() => {
    say(over < ends ? "idle" : "ends");
    next = setTimeout(say, Math.min(over, ends) - Date.now(), "over");
  }, Math.min(over, ends) - AHEAD - Date.now());
}
wait();

button.addEventListener("click", async () => {
  const answer = await fetch(notice.dataset.address, { method: "HEAD", headers: { "X-Stay-Signed-In": "1" }, cache: "no-store", redirect: "error" }).catch(() => null);
  if (answer?.ok) return wait();
  say(answer?.status === 401 ? "over" : "idle");
});
