// The list of messages of the chosen chat.

import { $, count, h, show } from "./dom.js";
import { bubble } from "./bubble.js";
import { dayName, sameDay } from "./format.js";

const NEAR = 90;
const GROUP_S = 300;

export class ChatLog {
  constructor(act, names) {
    this.act = act;
    this.names = names;
    this.messages = new Map();
    this.unread = 0;
    this.log = $("log");
    this.log.addEventListener("scroll", () => this.onScroll(), { passive: true });
    $("to-bottom").addEventListener("click", () => this.toBottom(true));
    this.typing = null;
    this.welcome = null;
  }

  load(messages) {
    this.messages = new Map(messages.map((message) => [message.message_id, message]));
    this.redraw();
    this.toBottom(false);
  }

  get isEmpty() { return this.messages.size === 0; }
  get(id) { return this.messages.get(id); }
  get ordered() { return [...this.messages.values()].sort((a, b) => a.message_id - b.message_id); }

  redraw() {
    const nodes = [];
    let previous = null;
    for (const message of this.ordered) {
      nodes.push(...this.withDay(message, previous));
      previous = message;
    }
    this.log.replaceChildren(...nodes);
    if (!nodes.length && this.welcome) this.log.append(this.welcome);
  }

  withDay(message, previous) {
    const node = bubble(message, this.act, this.names);
    const newDay = !previous || !sameDay(previous.date, message.date);
    if (!newDay && side(previous) === side(message) && message.date - previous.date < GROUP_S) node.classList.add("cont");
    return newDay ? [h("div", { class: "day" }, h("span", {}, dayName(message.date))), node] : [node];
  }

  add(message) {
    if (this.messages.has(message.message_id)) return this.change(message);
    const last = this.ordered.at(-1);
    const stay = this.isAtBottom() || !message.sandbox?.from_bot;
    this.messages.set(message.message_id, message);
    if (message.sandbox?.from_bot) this.setTyping(null);
    if (last && last.message_id > message.message_id) this.redraw();
    else {
      if (!last) this.log.replaceChildren();
      this.log.append(...this.withDay(message, last));
    }
    if (stay) this.toBottom(false);
    else this.setUnread(this.unread + 1);
  }

  change(message) {
    this.messages.set(message.message_id, message);
    const old = this.node(message.message_id);
    if (!old) return;
    const stay = this.isAtBottom();
    const focused = old.contains(document.activeElement) ? document.activeElement.textContent : null;
    const fresh = bubble(message, this.act, this.names);
    if (old.classList.contains("cont")) fresh.classList.add("cont");
    old.replaceWith(fresh);
    if (focused !== null) [...fresh.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
    if (stay) this.toBottom(false);
  }

  remove(id) {
    if (this.messages.delete(id)) this.redraw();
  }

  node(id) { return this.log.querySelector(`[data-id="${Number(id)}"]`); }

  jump(id) {
    const node = this.node(id);
    if (!node) return false;
    node.scrollIntoView({ block: "center", behavior: "smooth" });
    node.classList.remove("flash");
    requestAnimationFrame(() => node.classList.add("flash"));
    return true;
  }

  // typing is true, or the text of a draft, or null
  setTyping(typing) {
    this.typing?.remove();
    this.typing = null;
    if (typing === null) return;
    const stay = this.isAtBottom();
    const inside = typing === true ? ["i", "i", "i"].map((tag) => h(tag)) : h("div", { class: "text" }, typing);
    this.typing = h("div", { class: "msg in" }, h("div", { class: `bubble ${typing === true ? "typing" : "draft"}`, "aria-label": "The bot is typing" }, inside));
    this.log.append(this.typing);
    if (stay) this.toBottom(false);
  }

  isAtBottom() { return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR; }

  toBottom(smooth) {
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: smooth ? "smooth" : "instant" });
    this.setUnread(0);
    this.onScroll();
  }

  settled() { if (this.isAtBottom() || this.stuck) this.toBottom(false); }

  onScroll() {
    const bottom = this.isAtBottom();
    this.stuck = bottom;
    show($("to-bottom"), !bottom);
    if (bottom) this.setUnread(0);
  }

  setUnread(number) {
    this.unread = number;
    count($("unread"), number);
  }
}

const side = (message) => `${message.sandbox?.from_bot ? "bot" : message.from?.id}`;
