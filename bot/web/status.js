// Asks /healthz every few seconds and shows what it says.

const EVERY_MS = 3000;

async function load() {
  try {
    return await (await fetch("/healthz", { cache: "no-store" })).json();
  } catch {
    return { status: "down", error: "the service does not answer" };
  }
}

function row(name, value, state) {
  const term = document.createElement("dt");
  const data = document.createElement("dd");
  term.textContent = name;
  data.textContent = value;
  if (state) data.dataset.state = state;
  return [term, data];
}

function draw(health) {
  const status = document.getElementById("status");
  status.textContent = health.status;
  status.dataset.state = health.status;
  const rows = [];
  for (const name of ["error", "mode", "account", "trading_state", "market_time", "speed", "version"]) {
    if (health[name]) rows.push(...row(name.replace("_", " "), String(health[name])));
  }
  for (const [name, part] of Object.entries(health.components ?? {})) {
    rows.push(...row(name, part.detail ? `${part.state}: ${part.detail}` : part.state, part.state));
  }
  document.getElementById("facts").replaceChildren(...rows);
}

async function watch() {
  if (!document.hidden) draw(await load());
  setTimeout(watch, EVERY_MS);
}

watch();
