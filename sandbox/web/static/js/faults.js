// The panel with the fault switches.

import { $, count, h } from "./dom.js";
import { patch, post, put } from "./api.js";
import { toast } from "./overlays.js";

const TITLES = { telegram: "Telegram", smtp: "Mail server", ntfy: "Push server" };
const AMOUNTS = { flood_429: ["retry_after", "seconds"], slow_ms: ["ms", "milliseconds"] };

export class FaultPanel {
  constructor(onReset) {
    this.kinds = {};
    this.on = {};
    $("open-faults").addEventListener("click", () => $("faults").showModal());
    $("faults-off").addEventListener("click", () => act(put("/sandbox/faults", {})));
    $("limits").addEventListener("change", (event) => act(put("/sandbox/limits", { enabled: event.target.checked })));
    $("burst").addEventListener("click", () => act(post("/sandbox/updates", { count: 100, text: "/status" }), "100 commands are waiting for the bot"));
    $("reset").addEventListener("click", () => {
      if (confirm("Forget this chat, the mails and the push notes? The service keeps its own state.")) act(post("/sandbox/reset")).then(onReset);
    });
  }

  load(kinds, on, limits) {
    this.kinds = kinds;
    $("limits").checked = limits;
    this.update(on);
  }

  update(on) {
    this.on = on;
    const active = Object.values(on).reduce((sum, group) => sum + Object.keys(group).length, 0);
    count($("faults-count"), active);
    const focused = document.activeElement?.id;
    $("fault-groups").replaceChildren(...Object.entries(this.kinds).map(([surface, kinds]) => this.group(surface, kinds)));
    if (focused?.startsWith("fault-")) $(focused)?.focus();
  }

  group(surface, kinds) {
    return h("section", { class: "fault-group" }, h("h3", {}, TITLES[surface] ?? surface),
      Object.entries(kinds).map(([kind, text]) => this.row(surface, kind, text)));
  }

  row(surface, kind, text) {
    const value = this.on[surface]?.[kind];
    const id = `fault-${surface}-${kind}`;
    const box = h("input", { type: "checkbox", id, role: "switch" });
    box.checked = value !== undefined;
    box.addEventListener("change", () => this.change(surface, kind, box.checked ? true : null));
    return h("div", { class: "fault" }, h("label", { class: "switch" }, box, h("span", {}, text)), value === undefined ? null : this.options(surface, kind, value));
  }

  options(surface, kind, value) {
    const settings = value === true ? {} : { ...value };
    const field = (name, label, props, read) => {
      const input = h("input", { id: `fault-${surface}-${kind}-${name}`, ...props });
      input.addEventListener("change", () => {
        const next = { ...settings, [name]: read(input.value) };
        if (next[name] === null) delete next[name];
        this.change(surface, kind, Object.keys(next).length ? next : true);
      });
      return h("label", {}, label, input);
    };
    const number = (text) => (text.trim() === "" ? null : Number(text));
    const names = (text) => { const found = text.split(/[\s,]+/).filter(Boolean); return found.length ? found : null; };
    const amount = AMOUNTS[kind];
    return h("div", { class: "fault-options" },
      amount ? field(amount[0], amount[1], { type: "number", min: 0, value: settings[amount[0]] ?? "" }, number) : null,
      field("next", "next calls", { type: "number", min: 1, value: settings.next ?? "", placeholder: "all" }, number),
      surface === "ntfy" ? null : field("methods", "only", { class: "wide", value: (settings.methods ?? []).join(", "), placeholder: surface === "smtp" ? "RCPT, DATA" : "sendMessage, …" }, names));
  }

  change(surface, kind, value) { act(patch("/sandbox/faults", { [surface]: { [kind]: value } })); }
}

async function act(promise, done = "") {
  try {
    await promise;
    if (done) toast(done);
  } catch (error) {
    toast(error.message, "bad");
  }
}
