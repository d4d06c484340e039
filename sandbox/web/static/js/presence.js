// Is the bot there? The line under its name and the banner.

import { $, show } from "./dom.js";
import { ago } from "./format.js";
import { toast } from "./overlays.js";

const TYPING_MS = 5000;

export class PresenceView {
  constructor(log) {
    this.log = log;
    this.state = null;
    this.online = true;
    this.killedAt = null;
    this.typingUntil = 0;
    setInterval(() => this.draw(), 500);
  }

  update(state) {
    const wasKilled = this.state?.killed_pid;
    if (state.killed_pid && state.killed_pid !== wasKilled) this.killedAt = Date.now();
    if (wasKilled && state.polling) this.cameBack();
    this.state = { ...state, at: Date.now() };
    this.draw();
  }

  cameBack() {
    const seconds = ((Date.now() - this.killedAt) / 1000).toFixed(1);
    toast(`It is back, after ${seconds} s`);
  }

  setOnline(online) {
    this.online = online;
    this.draw();
  }

  typing(on) {
    this.typingUntil = on ? Date.now() + TYPING_MS : 0;
    if (!on) this.log.setTyping(null);
    this.draw();
  }

  draw() {
    const isTyping = Date.now() < this.typingUntil;
    if (!isTyping && this.typingUntil) { this.typingUntil = 0; this.log.setTyping(null); }
    const [kind, text] = this.banner();
    const banner = $("banner");
    if (banner.textContent !== text) banner.textContent = text;
    banner.dataset.kind = kind;
    show(banner, text !== "");
    const here = this.state?.polling && this.online;
    $("chat-status").textContent = isTyping ? "typing…" : here ? "bot, listening" : "bot, away";
    $("chat-status").dataset.live = String(Boolean(here));
  }

  banner() {
    if (!this.online) return ["off", "The sandbox does not answer. Trying again…"];
    const state = this.state;
    if (!state || state.polling) return ["", ""];
    if (state.killed_pid) {
      const waited = ((Date.now() - (this.killedAt ?? Date.now())) / 1000).toFixed(0);
      return ["killed", `Killed process ${state.killed_pid}, waiting for it to come back… ${waited} s`];
    }
    if (state.last_seen === null) return ["off", "No bot has connected yet. What you type waits for it."];
    const gone = state.now - state.last_seen + (Date.now() - state.at) / 1000;
    return ["off", `The bot is not polling: last seen ${ago(gone)}. What you type waits for it.`];
  }
}
