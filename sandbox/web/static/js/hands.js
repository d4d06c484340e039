// What somebody does at the exchange without the service: trades, money, prices, connections.

import { $, h, show } from "./dom.js";

const WORTH = 500; // of a manual trade to begin with, in the quote
const STREAMS = [
  { do: "cut", label: "Cut the streams", text: "Streams were cut" },
  { do: "die_silently", label: "Let them die silently", text: "Streams are dead, and nobody was told" },
  { do: "hang_up", label: "Drop all connections", text: "Every connection was dropped" },
];

export class Hands {
  constructor(act, connect) {
    this.act = act;
    this.connect = connect;
    this.built = false;
  }

  update(state) {
    this.markets = state.markets;
    if (!this.built) this.build(state);
    this.built = true;
  }

  build(state) {
    const linear = state.kind === "linear";
    const market = h("select", { id: "hand-market", "aria-label": "Market" }, state.markets.map((item) => h("option", { value: item.symbol }, `${item.base}/${item.quote}`)));
    const quantity = h("input", { id: "hand-quantity", inputmode: "decimal", "aria-label": "Quantity", value: some(state.markets[0]) });
    market.addEventListener("change", () => { quantity.value = some(this.markets.find((item) => item.symbol === market.value)); });
    const money = h("input", { id: "hand-money", inputmode: "decimal", "aria-label": "Amount, USDT", value: "1000" });
    const wallet = state.kind;
    const of = (body) => () => this.act({ symbol: market.value, ...body });
    const trade = (side) => () => this.act({ do: "manual_trade", symbol: market.value, side, quantity: quantity.value, text: `${side === "buy" ? "Bought" : "Sold"} on the website` });
    const move = (what, text) => () => this.act({ do: what, asset: "USDT", amount: money.value, wallet, text });
    const jump = (fraction) => button(`${fraction.startsWith("-") ? "−" : "+"}${Math.abs(Number(fraction)) * 100} %`, of({ do: "shock", fraction, text: "The price jumped" }));
    const groups = [
      group("Market", "For what follows.", market),
      group("Trade on the website", "Watch for: a difference with both numbers, and [Adopt] [Close] [Ignore].", quantity, button("Buy", trade("buy"), "buy"), button("Sell", trade("sell"), "sell")),
      group("Let the price jump", "Watch for: stops that fill beyond their price, and the loss.", jump("-0.05"), jump("-0.01"), jump("0.01"), jump("0.05")),
      group("Money, USDT", "Watch for: a transfer that is told and left out of profit and loss.", money, button("Deposit", move("deposit", "Deposited")), button("Withdraw", move("withdraw", "Withdrawn"))),
      linear ? group("Position", "Watch for: booked at once, with its reason.", button("Liquidate", of({ do: "liquidate", text: "Liquidated" }), "sell"), button("Deleverage", of({ do: "deleverage", text: "Closed by the exchange" })), button("Pay funding now", of({ do: "fund", text: "Funding was paid" }))) : null,
      group("Connections, once", "Watch for: streams that open anew; bars and fills that were missed are fetched.", STREAMS.map((item) => button(item.label, () => this.connect(item)))),
    ];
    $("exchange-hands").replaceChildren(...groups.filter(Boolean));
    show($("hand-market").closest("section"), state.markets.length > 1);
  }
}

function button(label, press, look = null) {
  return h("button", { type: "button", "data-look": look, onclick: press }, label);
}

function group(title, text, ...controls) {
  return h("section", { class: "hand" }, h("h3", {}, title), h("div", { class: "controls" }, controls.flat()), h("p", { class: "watch" }, text));
}

// About WORTH of it, in whole steps.
function some(market) {
  const digits = (market.step.split(".")[1] ?? "").replace(/0+$/, "").length;
  return (WORTH / Number(market.last)).toFixed(Math.min(digits, 4));
}
