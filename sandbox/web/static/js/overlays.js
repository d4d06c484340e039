// Short notes, alerts, the enlarged picture; and dialogs that close.

import { $, h } from "./dom.js";

const TOAST_MS = 3600;

// Where the person looks: in the chat, else in the part of the page that is shown.
function place() {
  const places = [...document.querySelectorAll(".toasts")];
  return places.find((node) => node.offsetParent !== null) ?? $("toasts");
}

export function toast(text, kind = "", onPress = null) {
  const node = h(onPress ? "button" : "p", { class: "toast", type: onPress ? "button" : null, "data-kind": kind || null, onclick: onPress }, text);
  place().append(node);
  setTimeout(() => node.remove(), kind === "bad" ? TOAST_MS * 2 : TOAST_MS);
}

export function alertBox(text, title) {
  $("alert-title").textContent = title;
  $("alert-text").textContent = text;
  if (!$("alert").open) $("alert").showModal();
}

export function enlarge(source, alt) {
  $("lightbox-image").src = source;
  $("lightbox-image").alt = alt;
  $("lightbox").showModal();
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser did not allow copying. Select the text by hand.", "bad");
  }
}

export function wireDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
  $("lightbox").addEventListener("click", () => $("lightbox").close());
  $("open-help").addEventListener("click", () => $("help").showModal());
}
