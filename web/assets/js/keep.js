// What was opened or closed stays so, and what has the focus keeps it, when the server sends a part of the page anew: both are found again by id.
const idOf = (el) => el.id || el.querySelector("[id]")?.id;

// signOf tells one thing that can have the focus from the others of its kind.
const signOf = (el) => [
  el.tagName, el.id, el.name, el.value, el.getAttribute("href"), el.dataset.copyFrom, el.form?.getAttribute("action"),
].join("\n");

// remember notes both in an element, and returns what brings them back once its content was replaced.
export function remember(scope) {
  const open = new Map([...scope.querySelectorAll("details")].filter(idOf).map((el) => [idOf(el), el.open]));
  const active = scope !== document.activeElement && scope.contains(document.activeElement) ? document.activeElement : null;
  const details = active?.matches("summary") && idOf(active.parentElement);
  const sign = active && !details && signOf(active);
  return () => {
    for (const el of scope.querySelectorAll("details")) {
      if (open.has(idOf(el))) el.open = open.get(idOf(el));
      if (details && idOf(el) === details) el.querySelector("summary").focus({ preventScroll: true });
    }
    if (sign) [...scope.querySelectorAll(active.tagName)].find((el) => signOf(el) === sign)?.focus({ preventScroll: true });
  };
}

// Parts that htmx fetches.
const swaps = new WeakMap();
document.addEventListener("htmx:beforeSwap", (e) => swaps.set(e.detail.target, remember(e.detail.target)));
document.addEventListener("htmx:afterSwap", (e) => swaps.get(e.detail.target)?.());
