// The progress of an import: asks the portal how far it is, and opens the result when it is done.

const TIMEOUT = 20_000; // of one request

const box = document.querySelector("[data-import]");
const bar = box.querySelector("progress");
const count = box.querySelector("[data-import-done]");
const all = box.querySelector("[data-import-total]");
const interval = Number(box.dataset.seconds) * 1000;

async function poll() {
  const answer = await ask();
  if (answer && (!answer.ok || answer.headers.get("Import-Phase") !== box.dataset.import)) {
    // Done, or signed out. The portal does not count this reload as activity.
    return location.replace(`${box.dataset.address}?reloaded=1`);
  }
  if (answer) show(answer.headers.get("Import-Done"), answer.headers.get("Import-Total"));
  setTimeout(poll, interval);
}

async function ask() {
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    const answer = await fetch(box.dataset.address, { method: "HEAD", cache: "no-store", redirect: "error", signal });
    return answer.status < 500 ? answer : null;
  } catch {
    return null;
  }
}

// While starters are added, a row can turn out to need a question: then there are fewer to add.
function show(done, total) {
  count.textContent = done;
  all.textContent = total;
  bar.max = Number(total);
  bar.value = Number(done);
}

setTimeout(poll, interval);
box.querySelector("[data-script-fallback]").hidden = true;
