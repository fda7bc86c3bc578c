// What was opened or closed stays so, and what has the focus keeps it, when the server sends a part of the page anew: both are found again by id.
const idOf = (el) => el.id || el.querySelector("[id]")?.id;

// remember notes both in an element, and returns what brings them back once its content was replaced.
export function remember(scope) {
  const open = new Map([...scope.querySelectorAll("details")].filter(idOf).map((el) => [idOf(el), el.open]));
  const active = scope.contains(document.activeElement) ? document.activeElement : null;
  const details = active?.matches("summary") && idOf(active.parentElement);
  const link = active?.matches("a[href]") && active.getAttribute("href");
  return () => {
    for (const el of scope.querySelectorAll("details")) {
      if (open.has(idOf(el))) el.open = open.get(idOf(el));
      if (details && idOf(el) === details) el.querySelector("summary").focus({ preventScroll: true });
    }
    if (link) [...scope.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === link)?.focus({ preventScroll: true });
  };
}

// Parts that htmx fetches.
const swaps = new WeakMap();
document.addEventListener("htmx:beforeSwap", (e) => swaps.set(e.detail.target, remember(e.detail.target)));
document.addEventListener("htmx:afterSwap", (e) => swaps.get(e.detail.target)?.());
