// The text field with its command list, the bot's keyboard and the reply bar.

import { $, h, show } from "./dom.js";
import { excerpt } from "./format.js";

export class Composer {
  constructor(send) {
    this.send = send;
    this.commands = [];
    this.matches = [];
    this.selected = -1;
    this.replyTo = null;
    this.input = $("composer-input");
    this.list = $("suggest");
    this.keyboard = null;
    this.input.addEventListener("input", () => this.onInput());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    $("menu").addEventListener("click", () => this.toggleMenu());
    $("keyboard-toggle").addEventListener("click", () => this.toggleKeyboard());
    $("reply-cancel").addEventListener("click", () => this.setReply(null));
    $("start").addEventListener("click", () => this.send("/start", null));
    this.onInput();
  }

  setCommands(commands) {
    this.commands = commands;
    show($("menu"), commands.length > 0);
    this.onInput();
  }

  setStart(first) {
    show($("start"), first);
    show($("composer"), !first);
  }

  // text field

  onInput() {
    const text = this.input.value;
    $("send").disabled = text.trim() === "";
    this.fit();
    const typed = /^\/([a-z0-9_]*)$/i.exec(text);
    if (typed) this.suggest(typed[1].toLowerCase());
    else this.closeList();
  }

  fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
  }

  submit() {
    const text = this.input.value.trim();
    if (!text) return;
    this.input.value = "";
    this.onInput();
    this.send(text, this.replyTo?.message_id ?? null);
    this.setReply(null);
    this.hideOneTime();
    this.input.focus();
  }

  onKey(event) {
    if (!this.list.hidden && this.listKey(event)) { event.preventDefault(); return; }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit(); }
    if (event.key === "Escape") this.setReply(null);
  }

  // command list

  listKey(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) { this.select(this.selected + moves[event.key]); return true; }
    if (event.key === "Escape") { this.closeList(); return true; }
    const chosen = this.matches[Math.max(0, this.selected)];
    if (event.key === "Tab" && chosen) { this.complete(chosen); return true; }
    if (event.key === "Enter" && this.selected >= 0) { this.run(chosen); return true; }
    return false;
  }

  suggest(prefix) {
    const begins = this.commands.filter((item) => item.command.startsWith(prefix));
    const holds = this.commands.filter((item) => !begins.includes(item) && prefix.length > 1 && item.description.toLowerCase().includes(prefix));
    this.matches = [...begins, ...holds];
    this.list.replaceChildren(...this.matches.map((item, index) =>
      h("li", { role: "option", id: `command-${index}`, "aria-selected": "false", onclick: () => this.run(item) },
        h("b", {}, `/${item.command}`), h("span", {}, item.description))));
    this.setList(this.matches.length > 0);
    this.select(-1);
  }

  select(index) {
    const length = this.matches.length;
    this.selected = length ? ((index % length) + length) % length : -1;
    if (index === -1) this.selected = -1;
    [...this.list.children].forEach((item, at) => {
      item.setAttribute("aria-selected", String(at === this.selected));
      if (at === this.selected) item.scrollIntoView({ block: "nearest" });
    });
    if (this.selected < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `command-${this.selected}`);
  }

  complete(item) {
    this.input.value = `/${item.command} `;
    this.onInput();
  }

  run(item) {
    this.input.value = "";
    this.onInput();
    this.send(`/${item.command}`, null);
    this.input.focus();
  }

  toggleMenu() {
    if (!this.list.hidden) { this.closeList(); return; }
    this.suggest("");
    this.input.focus();
  }

  closeList() { this.setList(false); }

  setList(open) {
    show(this.list, open);
    this.input.setAttribute("aria-expanded", String(open));
    $("menu").setAttribute("aria-expanded", String(open));
  }

  // replies and the bot's keyboard

  setReply(message, name = "") {
    this.replyTo = message;
    show($("reply-bar"), message !== null);
    if (message === null) return;
    $("reply-name").textContent = `Reply to ${name}`;
    $("reply-text").textContent = excerpt(message);
    this.input.focus();
  }

  setKeyboard(markup, askedBy, name) {
    const signature = JSON.stringify([markup ?? null, askedBy?.message_id ?? null]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.keyboard = markup?.keyboard?.length ? markup : null;
    this.input.placeholder = markup?.input_field_placeholder || "Message";
    show($("keyboard-toggle"), this.keyboard !== null);
    this.drawKeyboard();
    show($("keyboard"), this.keyboard !== null);
    if (markup?.force_reply && askedBy) this.setReply(askedBy, name);
  }

  drawKeyboard() {
    const rows = this.keyboard?.keyboard ?? [];
    $("keyboard").replaceChildren(...rows.map((row) => h("div", { class: "keyboard-row" },
      row.map((button) => h("button", { type: "button", onclick: () => this.tap(button.text) }, button.text)))));
  }

  tap(text) {
    this.send(text, null);
    this.hideOneTime();
  }

  hideOneTime() {
    if (this.keyboard?.one_time_keyboard) show($("keyboard"), false);
  }

  toggleKeyboard() { show($("keyboard"), $("keyboard").hidden); }
}
