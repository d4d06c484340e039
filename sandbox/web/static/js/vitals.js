// The service's own health, asked every few seconds.

import { $ } from "./dom.js";

const EVERY_MS = 3000;
const GOOD = ["ok", "up", "healthy", "running", "ready", "pass"];
const SHOWN = ["mode", "market_time", "speed"];

export function watchVitals() {
  const ask = async () => {
    if (!document.hidden) draw(await load());
    setTimeout(ask, EVERY_MS);
  };
  ask();
}

async function load() {
  try {
    const response = await fetch("/healthz", { cache: "no-store" });
    return await response.json();
  } catch {
    return { status: "down" };
  }
}

function draw(health) {
  const status = String(health.status ?? "unknown");
  const box = $("vital-status").parentElement;
  $("vital-status").textContent = status;
  box.dataset.state = GOOD.includes(status) ? "ok" : status === "down" ? "down" : "warn";
  box.title = String(health.error ?? health.detail ?? "");
  for (const name of SHOWN) {
    const node = $(`vital-${name.replace("_", "-")}`);
    const value = name === "speed" && health.mode !== "replay" ? "" : health[name]; // only a replay has one
    node.parentElement.hidden = value === null || value === undefined || value === "";
    node.textContent = name === "market_time" ? marketTime(value) : name === "speed" ? speed(value) : String(value ?? "");
  }
}

const speed = (value) => (/^[\d.]+$/.test(String(value)) ? `${value}×` : String(value ?? ""));

// Market time stays in UTC: it belongs to the data, not to the reader.
function marketTime(value) {
  const date = typeof value === "number" ? new Date(value > 1e11 ? value : value * 1000) : new Date(String(value ?? ""));
  return Number.isNaN(date.getTime()) ? String(value ?? "") : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
