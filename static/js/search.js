// HR's list by keyboard: "/" goes to the search, the arrows walk through the starters found.

const search = document.querySelector("[data-search]");
const rows = [...document.querySelectorAll("[data-rows] th a")];
const hint = document.querySelector("[data-search-hint]");

if (hint) hint.hidden = false;

function walk(by) {
  const here = rows.indexOf(document.activeElement);
  if (here === -1 && document.activeElement !== search) return false;
  const next = here + by;
  (next < 0 ? search : rows[Math.min(next, rows.length - 1)])?.focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    search?.focus();
    search?.select();
    event.preventDefault();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (walk(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  }
});
