// What makes the pages nicer where there are scripts. Nothing here is needed: every form and link works without.

import { remember } from "./keep.js";

const root = document.documentElement;
root.classList.add("js");

// Times: the server writes them in UTC; the browser knows the reader's zone and keeps "3 min ago" true.
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(then, now) {
  const seconds = (then - now) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return "now";
}

// Tabs that do not fit scroll; where one is has to be seen.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

function tellTimes(scope = document) {
  const now = Date.now();
  for (const el of scope.querySelectorAll("time[data-relative]")) {
    const then = new Date(el.dateTime);
    el.title = absolute.format(then);
    el.textContent = ago(then, now);
  }
  for (const el of scope.querySelectorAll("time[data-exact]")) el.textContent = absolute.format(new Date(el.dateTime));
}

// Copying: the text is that of the element the button names, or its own data-copy. Whoever hears the page is told too.
async function copy(button) {
  const from = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
  await navigator.clipboard.writeText(from ? from.textContent : button.dataset.copy);
  if ("done" in button.dataset) return; // a second click finds it said
  const label = button.textContent, told = document.createElement("span");
  told.className = "unseen";
  button.dataset.done = "";
  button.textContent = told.textContent = "Copied";
  document.getElementById("toasts")?.append(told);
  setTimeout(() => { delete button.dataset.done; button.textContent = label; told.remove(); }, 1600);
}

// Forms that change something are sent once: a second click while the first is under way would do it twice. After that time one is meant.
const meant = 10000;
const sent = new WeakMap();

function sendOnce(e) {
  const form = e.target, before = sent.get(form);
  if (form.method !== "post" || e.defaultPrevented) return;
  if (before && before.button === e.submitter && Date.now() - before.at < meant) e.preventDefault();
  else sent.set(form, { button: e.submitter, at: Date.now() });
}

// Pickers: search hides what does not fit; a group's star takes the place of its members.
function search(input) {
  const picker = input.closest(".picker");
  const wanted = input.value.trim().toLowerCase();
  let any = false;
  for (const group of picker.querySelectorAll(".picker__group")) {
    let found = 0;
    for (const item of group.querySelectorAll("[data-search]")) {
      item.hidden = wanted !== "" && !item.dataset.search.toLowerCase().includes(wanted);
      if (!item.hidden) found++;
    }
    group.hidden = found === 0;
    if (wanted !== "" && found > 0) group.open = true;
    any ||= found > 0;
  }
  picker.querySelector(".picker__none")?.toggleAttribute("hidden", any);
}

// Confirming by typing: the button is there for all; scripts keep it shut until the words are right. The server checks them anyway.
function confirmTyped(input) {
  const button = input.form.querySelector("[data-confirmed]");
  button.disabled = ![input.value, input.value.trim()].includes(input.dataset.confirm); // the words may begin or end with blanks
}

// Live counts beside pickers.
function countPicked(picker) {
  for (const group of picker.querySelectorAll(".picker__group")) {
    const out = group.querySelector("[data-picked]");
    const n = group.querySelectorAll("input:checked").length;
    if (out) out.textContent = n ? `${n} chosen` : "";
  }
}

// Streams: what the server sends takes the place of what the element shows; times in it are told anew. What was unfolded stays so, and
// what has the focus keeps it. A button with data-pause, the id of the element, holds a stream and lets it go on; it says so as well where
// the server lets the stream end for good, as it does once the session is over.
const streams = new Map();
const pauseOf = (el) => document.querySelector(`[data-pause="${CSS.escape(el.id)}"]`);

function show(el, html) {
  const restore = remember(el);
  el.innerHTML = html;
  restore();
  tellTimes(el);
}

function follow(el) {
  if (streams.has(el) || pauseOf(el)?.getAttribute("aria-pressed") === "true") return;
  const source = new EventSource(el.dataset.stream);
  streams.set(el, source);
  source.onmessage = (e) => { if (el.isConnected) show(el, e.data); else endStreams(); };
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED || streams.get(el) !== source) return;
    streams.delete(el);
    pauseOf(el)?.setAttribute("aria-pressed", true);
  };
}

// Streams of what was replaced end: browsers have few connections, which the next pages need.
function endStreams() {
  for (const [el, source] of streams) {
    if (el.isConnected) continue;
    source.close();
    streams.delete(el);
  }
}

function pause(button) {
  const el = document.getElementById(button.dataset.pause);
  const source = streams.get(el);
  const held = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", held);
  if (held) {
    source?.close();
    streams.delete(el);
  } else {
    follow(el);
  }
}

// A preview is of what was previewed: once a field is changed, it and its button go. The server would send nothing either.
function outdate(field) {
  const form = field.closest("[data-previews]");
  if (!form || field.name === "q" || !form.querySelector("[data-previewed]")) return;
  document.querySelectorAll("[data-previewed]").forEach((el) => el.remove());
  form.querySelector("[data-outdated]").hidden = false;
  form.querySelector("[data-previewing]").classList.add("button--main");
}

function enhance(scope) {
  endStreams();
  if (scope.matches?.("[data-stream]")) follow(scope);
  scope.querySelectorAll("[data-stream]").forEach(follow);
  tellTimes(scope);
  scope.querySelectorAll("[data-confirm]").forEach(confirmTyped);
  scope.querySelectorAll(".picker").forEach(countPicked);
}

document.addEventListener("click", (e) => {
  const button = e.target.closest("button");
  if (button?.matches(".copy")) copy(button);
  const link = e.target.closest('a[href^="#"]');
  if (link && document.getElementById(link.hash.slice(1))?.matches(".dialog")) opener = link;
  if (button?.matches("[data-pause]")) pause(button);
  if (button?.matches("[data-dismiss]")) button.closest(".toast").remove();
});
// What was found wrong is about what was sent: it goes once that is changed.
function forgive(input) {
  const field = input.closest(".field");
  if (!field) return;
  for (const el of field.querySelectorAll("[aria-invalid], [data-invalid]")) {
    el.removeAttribute("aria-invalid");
    el.removeAttribute("data-invalid");
  }
  field.querySelectorAll(".field__error").forEach((el) => el.remove());
}

addEventListener("submit", sendOnce); // after all others, one of which may hold it
document.addEventListener("input", (e) => {
  outdate(e.target);
  if (e.target.name) forgive(e.target);
  if (e.target.matches("[data-picker-search]")) search(e.target);
  if (e.target.matches("[data-confirm]")) confirmTyped(e.target);
});
document.addEventListener("change", (e) => {
  const picker = e.target.closest(".picker");
  if (picker) countPicked(picker);
});
// Dialogs: one that opens takes the focus, keeps it while it is open, and gives it back to what opened it.
let opener = null;
const stops = (dialog) => [...dialog.querySelectorAll(".dialog__box :is(a[href], button, input, select, textarea, summary)")].filter((el) => el.checkVisibility());
function followDialog() {
  const dialog = document.querySelector(".dialog:target");
  if (dialog) {
    dialog.querySelector(".dialog__box").focus(); // not its first button: who leans on Enter has to read first
  } else if (opener) {
    opener.focus();
    opener = null;
  }
}
addEventListener("hashchange", followDialog);
function keepInDialog(e) {
  const dialog = document.querySelector(".dialog:target");
  if (!dialog) return;
  const all = stops(dialog), at = all.indexOf(document.activeElement), next = at < 0 ? (e.shiftKey ? all.length - 1 : 0) : at + (e.shiftKey ? -1 : 1);
  if (at >= 0 && next >= 0 && next < all.length) return;
  e.preventDefault();
  all[(next + all.length) % all.length]?.focus();
}

document.addEventListener("keydown", (e) => {
  if (e.key === "Tab") keepInDialog(e);
  if (e.key === "Escape" && location.hash && document.querySelector(".dialog:target")) {
    location.hash = "";
  }
  const typing = e.target.closest("input, textarea, select");
  if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey) {
    const box = document.querySelector("[data-search-box]");
    if (box) { e.preventDefault(); box.focus(); }
  }
  if (e.key === "Enter" && e.target.matches("[data-picker-search]")) e.preventDefault();
});
document.addEventListener("htmx:load", (e) => enhance(e.detail.elt));
setInterval(() => tellTimes(), 20000);
enhance(document);
