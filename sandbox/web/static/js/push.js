// Push notes on a lock screen, newest first.

import { $, count, h, icon, safeLink } from "./dom.js";
import { ago, fullDate } from "./format.js";
import { post } from "./api.js";
import { EMOJI } from "./tags.js";
import { copy, toast } from "./overlays.js";

const BELL = "M6 16V11a6 6 0 1 1 12 0v5l1.500 2h-15Zm4 4h4";

export class PushPane {
  constructor(isShown) {
    this.isShown = isShown;
    this.notes = [];
    this.unseen = 0;
    setInterval(() => this.tick(), 1000);
    this.tick();
    this.draw();
  }

  load(events) {
    this.notes = [];
    events.forEach((event) => this.take(event));
    this.draw();
  }

  add(event) {
    this.take(event);
    if (event.event === "message" && !this.isShown()) this.unseen += 1;
    this.draw();
  }

  seen() {
    this.unseen = 0;
    this.drawCount();
  }

  // A later note with the same sequence id replaces the former; clear and delete refer to it.
  take(event) {
    const sequence = event.sequence_id ?? event.id;
    const same = (note) => note.topic === event.topic && (note.sequence_id ?? note.id) === sequence;
    if (event.event === "message_clear") {
      this.notes = this.notes.map((note) => (same(note) ? { ...note, done: true } : note));
    } else if (event.event === "message_delete") {
      this.notes = this.notes.filter((note) => !same(note));
    } else {
      this.notes = [event, ...this.notes.filter((note) => !same(note))];
    }
  }

  tick() {
    const now = new Date();
    $("lock-time").textContent = now.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    $("lock-date").textContent = now.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
    for (const node of document.querySelectorAll("[data-ago]")) {
      node.textContent = shortAgo(Number(node.dataset.ago));
    }
  }

  draw() {
    const nodes = this.notes.slice(0, 100).map((note) => card(note));
    const empty = h("li", { class: "empty" }, icon(BELL, 44), h("b", {}, "No push notes yet"), h("p", {}, "Risk alerts and escalations appear here, as on a locked phone."));
    $("notes").replaceChildren(...(nodes.length ? nodes : [empty]));
    this.drawCount();
  }

  drawCount() {
    document.querySelectorAll('[data-count="push"]').forEach((node) => count(node, this.unseen));
  }
}

const shortAgo = (epoch) => (Date.now() / 1000 - epoch < 10 ? "now" : ago(Date.now() / 1000 - epoch));

function card(note) {
  const tags = note.tags ?? [];
  const emoji = tags.map((tag) => EMOJI[tag]).filter(Boolean).join(" ");
  const words = tags.filter((tag) => !EMOJI[tag]);
  const title = [emoji, note.title].filter(Boolean).join(" ");
  return h("li", { class: `note${note.done ? " done" : ""}`, "data-priority": note.priority ?? 3 },
    h("div", { class: "note-head" }, h("b", {}, note.topic), urgency(note.priority),
      note.done ? h("span", {}, "· acknowledged") : null,
      h("time", { "data-ago": note.time, title: fullDate(note.time) }, shortAgo(note.time))),
    title ? h("h3", {}, title) : null,
    h("p", {}, title || !emoji ? note.message : `${emoji} ${note.message}`),
    words.length ? h("div", { class: "note-tags" }, words.join(" · ")) : null,
    note.actions?.length && !note.done ? h("div", { class: "note-actions" }, note.actions.map((action, index) => actionButton(note, action, index))) : null);
}

function urgency(priority) {
  if (priority === 5) return h("span", { class: "urgent" }, "urgent");
  if (priority === 4) return h("span", { class: "high" }, "high");
  return null;
}

function actionButton(note, action, index) {
  if (action.action === "view") {
    return h("a", { href: safeLink(action.url), target: "_blank", rel: "noopener noreferrer" }, action.label);
  }
  const button = h("button", { type: "button" }, action.label);
  button.addEventListener("click", async () => {
    if (action.action === "copy") { await copy(action.value ?? ""); return; }
    button.disabled = true;
    try {
      const { status } = await post(`/sandbox/pushes/${encodeURIComponent(note.id)}/actions/${index}`);
      if (status >= 400) throw new Error(`The button's address answered ${status}. Nothing was acknowledged.`);
      button.textContent = `${action.label} ✓`;
    } catch (error) {
      button.disabled = false;
      toast(error.message, "bad");
    }
  });
  return button;
}
