// The scripted exchange: what it holds, what can go wrong with it, and the hands behind it.
// Asked for every second while somebody looks; nobody else hears of its prices.

import { $, count, h, show } from "./dom.js";
import { del, get, post } from "./api.js";
import { amount, ago, price, when } from "./format.js";
import { Hands } from "./hands.js";
import { toast } from "./overlays.js";

const EVERY_MS = 1000;
const VIEWS = ["outages", "hands", "account", "log"];

export class ExchangePane {
  constructor() {
    this.state = null;
    this.drawn = {};
    this.asking = false;
    this.hands = new Hands((body) => this.act(body), (what) => this.connections(what));
    for (const view of VIEWS) $(`exchange-tab-${view}`).addEventListener("click", () => this.showView(view));
    $("outages-off").addEventListener("click", () => this.done(del("/exchange/control/faults"), "All outages are over"));
  }

  // Begins once the sandbox says that an exchange runs; returns whether it began now.
  start(kind) {
    if (!kind || this.kind) return false;
    this.kind = kind;
    document.body.dataset.exchange = kind;
    show($("pane-exchange"), true);
    show(document.querySelector('.tabs [data-tab="exchange"]'), true);
    this.showView("outages");
    setInterval(() => this.look(), EVERY_MS);
    this.look(true);
    return true;
  }

  get isShown() { return !document.hidden && $("pane-exchange").offsetParent !== null; }

  showView(view) {
    for (const name of VIEWS) {
      $(`exchange-tab-${name}`).setAttribute("aria-selected", String(name === view));
      show($(`exchange-${name}`), name === view);
    }
  }

  async look(anyway = false) {
    if (this.asking || !(anyway || this.isShown)) return;
    this.asking = true;
    try {
      this.draw(await get("/exchange/control/panel"));
    } catch {
      $("exchange-note").textContent = "does not answer"; // the chat's banner tells more
    } finally {
      this.asking = false;
    }
  }

  async done(promise, text = "") {
    try {
      await promise;
      if (text) toast(text);
    } catch (error) {
      toast(error.message, "bad");
    }
    await this.look(true);
  }

  act({ text, ...body }) {
    const account = this.state?.account.name;
    return this.done(post("/exchange/control/act", { account, ...body }), text);
  }

  connections(what) { return this.done(post("/exchange/control/connections", { do: what.do }), what.text); }

  // drawing: each part only when it changed, so that nothing moves under a finger

  draw(state) {
    this.state = state;
    this.names = new Map(state.markets.map((market) => [market.symbol, `${market.base}/${market.quote}`]));
    const ahead = Math.round((state.shown_ms - state.now_ms) / 1000);
    $("exchange-note").textContent = `${state.kind === "linear" ? "perpetuals" : "spot"} · ${when(state.shown_ms)} UTC${ahead ? `, ${Math.abs(ahead)} s ${ahead > 0 ? "ahead" : "behind"}` : ""}`;
    this.part("quotes", state.markets, (markets, before) => $("exchange-quotes").replaceChildren(...markets.map((market) => quote(market, before?.find((old) => old.symbol === market.symbol)))));
    this.part("outages", state.outages, (outages) => this.drawOutages(outages));
    this.part("account", [state.account, state.fills], () => $("exchange-account").replaceChildren(...this.holdings(state)));
    this.part("log", state.log, (log) => $("exchange-lines").replaceChildren(...this.lines(log)));
    this.part("record", state.record, (record) => { $("exchange-record").textContent = recorded(record); });
    this.hands.update(state);
  }

  part(name, value, redraw) {
    const text = JSON.stringify(value);
    const before = this.drawn[name];
    if (before?.text === text) return;
    this.drawn[name] = { text, value };
    const focused = document.activeElement?.id;
    redraw(value, before?.value);
    if (focused && document.activeElement?.id !== focused) $(focused)?.focus();
  }

  drawOutages(outages) {
    const on = outages.filter((outage) => outage.on).length;
    document.querySelectorAll('[data-count="outages"]').forEach((node) => count(node, on));
    $("outages-off").disabled = on === 0;
    $("outage-list").replaceChildren(...outages.map((outage) => this.outage(outage)));
  }

  outage({ name, title, text, watch, on }) {
    const box = h("input", { type: "checkbox", role: "switch", id: `outage-${name}`, "aria-describedby": `outage-${name}-watch` });
    box.checked = on;
    box.addEventListener("change", () => this.done(post(`/exchange/control/presets/${name}`, { on: box.checked })));
    return h("li", { class: "outage", "data-on": on ? "yes" : null },
      h("label", { class: "switch" }, box, h("span", {}, h("b", {}, title), h("small", {}, text))),
      h("p", { class: "watch", id: `outage-${name}-watch` }, watch));
  }

  name(symbol) { return this.names.get(symbol) ?? symbol; }

  holdings({ account, fills }) {
    const balances = Object.values(account.balances).flat().filter((item) => Number(item.total) !== 0);
    const positions = account.positions.filter((item) => Number(item.quantity) !== 0);
    const orders = [...account.open_orders, ...account.open_algos.map(asOrder)];
    return [
      table("Balances", ["", "free", "locked"], balances.map((item) => [h("b", {}, item.asset), amount(item.free), amount(item.locked)]), "No money."),
      this.kind === "linear" ? table("Positions", ["", "quantity", "entry", "liquidation"], positions.map((item) => [h("b", {}, this.name(item.symbol)), signed(item.quantity), amount(item.entry_price, 2), item.liquidation_price ? amount(item.liquidation_price, 2) : "none"]), "No position.") : null,
      h("section", {}, h("h3", {}, "Open orders"), orders.length ? h("ul", { class: "orders" }, orders.map((order) => this.order(order))) : h("p", { class: "none" }, "No open order.")),
      h("section", {}, h("h3", {}, "Last fills"), fills.length ? h("ul", { class: "orders" }, fills.map((fill) => this.fill(fill))) : h("p", { class: "none" }, "No fill yet.")),
    ].filter(Boolean);
  }

  order(order) {
    const cancel = h("button", { type: "button", id: `cancel-${order.algo_id || order.order_id}` }, "Cancel");
    cancel.addEventListener("click", () => this.act(order.isAlgo
      ? { do: "manual_cancel_algo", symbol: order.symbol, algo_id: order.algo_id, text: "Cancelled on the website" }
      : { do: "manual_cancel", symbol: order.symbol, order_id: order.order_id, text: "Cancelled on the website" }));
    const terms = [order.stop_price && `at ${amount(order.stop_price)}`, order.price && `limit ${amount(order.price)}`].filter(Boolean).join(", ");
    return h("li", {}, side(order.side),
      h("span", { class: "what" }, h("b", {}, `${amount(order.quantity ?? "0")} ${this.name(order.symbol)}`), h("small", {}, `${order.order_type.replace("_", " ")} ${terms} · ${order.client_order_id}`)),
      cancel);
  }

  fill(fill) {
    return h("li", {}, side(fill.side),
      h("span", { class: "what" }, h("b", {}, `${amount(fill.quantity)} ${this.name(fill.symbol)}`), h("small", {}, `at ${amount(fill.price)} · fee ${amount(fill.commission)} ${fill.commission_asset}`)),
      h("time", {}, when(fill.time_ms)));
  }

  lines(log) {
    if (!log.length) return [h("li", { class: "none" }, "Nothing went wrong yet, and nobody intervened.")];
    return log.map((line) => h("li", { "data-act": line.act },
      h("time", { title: ago((this.state.now_ms - line.time_ms) / 1000) }, when(line.time_ms)),
      h("span", {}, told(line, line.symbol ? this.name(line.symbol) : "")),
      line.times > 1 ? h("b", { class: "times" }, `×${line.times}`) : null));
  }
}

const asOrder = (algo) => ({ ...algo.request, algo_id: algo.algo_id, client_order_id: algo.client_algo_id, isAlgo: true });
const side = (word) => h("span", { class: "side", "data-side": word }, word);
const signed = (text) => (text.startsWith("-") ? `−${amount(text.slice(1))}` : amount(text));

function quote(market, before) {
  const moved = before ? Math.sign(Number(market.last) - Number(before.last)) : 0;
  return h("li", { "data-moved": moved > 0 ? "up" : moved < 0 ? "down" : null },
    h("span", {}, `${market.base}/${market.quote}`),
    h("b", {}, price(market.last, market.tick)),
    market.status === "trading" ? null : h("small", {}, market.status),
    market.book_is_frozen ? h("small", {}, "book frozen") : null);
}

function table(title, heads, rows, none) {
  return h("section", {}, h("h3", {}, title), rows.length
    ? h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))), h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))))
    : h("p", { class: "none" }, none));
}

function recorded({ accepted, twice }) {
  const orders = `By the exchange's own record: ${accepted} ${accepted === 1 ? "order" : "orders"} accepted`;
  return `${orders}, ${twice ? `${twice} of them twice!` : "none twice."}`;
}

const words = (text) => text.replaceAll("_", " ");

// A journal line in words.
function told(line, market) {
  const of = market ? ` · ${market}` : "";
  if (line.act === "flow") {
    const [asset, reason] = line.note.split(" ");
    return `${line.quantity?.startsWith("-") ? "−" : "+"}${amount((line.quantity ?? "0").replace("-", ""))} ${asset}${reason ? ` (${reason})` : ""}`;
  }
  const fault = line.act === "fault" && /^.+: (.+) on (.+)$/.exec(line.note);
  if (fault) return `${words(fault[2].replaceAll(".", " "))}: ${words(fault[1])}${of}`;
  if (line.act === "refuse") return `order refused: ${words(line.note)}${of}`;
  if (line.act === "liquidation") return `liquidated${of}`;
  return `${words(line.note)}${of}`;
}
