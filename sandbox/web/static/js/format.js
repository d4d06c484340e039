// Dates, sizes and excerpts for people.

// 24 hours everywhere: logs, reports and exchanges use them too.
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const dayYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", hourCycle: "h23" });

const date = (epoch) => new Date(epoch * 1000);

export const clock = (epoch) => time.format(date(epoch));
export const fullDate = (epoch) => full.format(date(epoch));
export const sameDay = (a, b) => date(a).toDateString() === date(b).toDateString();

export function dayName(epoch) {
  const now = Date.now() / 1000;
  if (sameDay(epoch, now)) return "Today";
  if (sameDay(epoch, now - 86400)) return "Yesterday";
  const thisYear = date(epoch).getFullYear() === new Date().getFullYear();
  return (thisYear ? day : dayYear).format(date(epoch));
}

export const clockOrDay = (epoch) => (sameDay(epoch, Date.now() / 1000) ? clock(epoch) : short.format(date(epoch)));

export function ago(seconds) {
  const past = Math.max(0, Math.round(seconds));
  if (past < 60) return `${past} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  return `${Math.floor(past / 86400)} d ago`;
}

// Time of day in UTC, as exchanges write it; milliseconds.
export const when = (ms) => new Date(ms).toISOString().slice(11, 19);

// A decimal as the exchange wrote it, thousands apart; never a float.
export function amount(text, places = 8) {
  const [whole, digits = ""] = String(text).split(".");
  return grouped(whole, digits.slice(0, places).replace(/0+$/, ""));
}

// The same with as many digits as the tick has, so that prices don't dance.
export function price(text, tick) {
  const places = (tick.split(".")[1] ?? "").length;
  const [whole, digits = ""] = String(text).split(".");
  return grouped(whole, digits.slice(0, places).padEnd(places, "0"));
}

const grouped = (whole, fraction) => whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction && `.${fraction}`);

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export function excerpt(message) {
  if (!message) return "";
  const text = message.text ?? message.caption;
  if (text) return text.split(/\s+/).join(" ").slice(0, 140);
  if (message.photo) return "Photo";
  if (message.document) return message.document.file_name ?? "File";
  return "Message";
}

// Telegram's date_time entity: r relative, w weekday, d or D date, t or T time.
export function entityTime(epoch, form, fallback) {
  if (!form) return fallback;
  if (form === "r") return ago(Date.now() / 1000 - epoch);
  const options = {};
  if (form.includes("w")) options.weekday = "short";
  if (form.includes("d")) Object.assign(options, { day: "2-digit", month: "2-digit", year: "numeric" });
  if (form.includes("D")) Object.assign(options, { day: "numeric", month: "long", year: "numeric" });
  if (/[tT]/.test(form)) Object.assign(options, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (form.includes("T")) options.second = "2-digit";
  return new Intl.DateTimeFormat(undefined, options).format(date(epoch));
}
