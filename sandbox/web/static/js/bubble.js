// One message as a bubble with everything that hangs on it.

import { h, icon, safeLink } from "./dom.js";
import { clock, excerpt, fullDate, size } from "./format.js";
import { richText } from "./richtext.js";

const SILENT = "M9 5a5 5 0 0 1 8 4v4m1.500 4H5.500L7 14.500V10M10 20h4M4 4l16 16";
const FILE = "M7 3h7l4 4v14H7ZM14 3v4h4";

export function bubble(message, act, names) {
  const out = !message.sandbox?.from_bot;
  const keys = inlineKeyboard(message, act);
  const node = h("article", {
    class: `msg ${out ? "out" : "in"}${keys ? " with-keys" : ""}`,
    "data-id": message.message_id,
    "aria-label": `${out ? "You" : names.bot}, ${clock(message.date)}`,
  });
  node.append(body(message, act, names, out));
  if (keys) node.append(keys);
  return node;
}

function body(message, act, names, out) {
  const text = message.text ?? message.caption;
  const box = h("div", { class: `bubble${text ? "" : " no-text"}` });
  if (out && message.from?.id !== names.operatorId) box.append(h("div", { class: "author" }, author(message)));
  if (message.forward_origin) box.append(h("div", { class: "author" }, "Forwarded message"));
  if (message.reply_to_message) box.append(quote(message, act, names));
  const parts = [photo(message, act), fileRow(message)].filter(Boolean);
  if (text) {
    const rich = h("div", { class: "text" }, richText(text, message.entities ?? message.caption_entities, act));
    rich.style.setProperty("--meta-space", `${metaWidth(message)}px`);
    if (message.show_caption_above_media) parts.unshift(rich);
    else parts.push(rich);
  }
  box.append(...parts);
  const reactions = message.sandbox?.reactions ?? [];
  if (reactions.length) box.append(h("div", { class: "reactions" }, reactions.map((item) => h("span", {}, item))));
  box.append(meta(message));
  return box;
}

const author = (message) => message.sender_chat?.title ?? message.from?.first_name ?? "Someone";

function metaWidth(message) {
  return 46 + (message.sandbox?.edited ? 38 : 0) + (message.sandbox?.silent ? 16 : 0);
}

function meta(message) {
  const node = h("span", { class: "meta" });
  if (message.sandbox?.silent) {
    node.append(h("span", { title: "Sent without sound", role: "img", "aria-label": "silent" }, icon(SILENT, 12)));
  }
  if (message.sandbox?.edited) node.append(h("span", { class: "edited" }, "edited"));
  node.append(h("time", { datetime: new Date(message.date * 1000).toISOString(), title: fullDate(message.date) }, clock(message.date)));
  return node;
}

function quote(message, act, names) {
  const replied = message.reply_to_message;
  const who = replied.from?.id === names.botId ? names.bot : replied.from?.first_name ?? "Message";
  return h("button", { type: "button", class: "quote", onclick: () => act.jump(replied.message_id) },
    h("b", {}, who), h("span", {}, message.quote?.text ?? excerpt(replied)));
}

function photo(message, act) {
  const image = message.photo?.at(-1);
  if (!image) return null;
  const source = `/sandbox/files/${encodeURIComponent(image.file_id)}`;
  const alt = message.caption ? excerpt(message) : "Picture";
  const button = h("button", { type: "button", class: `photo${message.has_media_spoiler ? " veiled" : ""}`, "aria-label": `Enlarge: ${alt}` },
    h("img", { src: source, alt, width: image.width, height: image.height, onload: act.settled }));
  button.addEventListener("click", () => {
    if (button.classList.contains("veiled")) button.classList.remove("veiled");
    else act.enlarge(source, alt);
  });
  return button;
}

function fileRow(message) {
  const file = message.document;
  if (!file) return null;
  return h("a", { class: "doc", href: `/sandbox/files/${encodeURIComponent(file.file_id)}`, download: file.file_name ?? "file" },
    h("span", { class: "doc-icon" }, icon(FILE)),
    h("span", {}, h("div", { class: "doc-name" }, file.file_name ?? "file"), h("div", { class: "doc-size" }, size(file.file_size ?? 0))));
}

function inlineKeyboard(message, act) {
  const rows = message.reply_markup?.inline_keyboard ?? [];
  if (!rows.length) return null;
  return h("div", { class: "keys", role: "group", "aria-label": "Buttons" },
    rows.map((row) => h("div", { class: "keys-row" }, row.map((button) => key(button, message, act)))));
}

function key(button, message, act) {
  const props = { class: "key", "data-style": button.style };
  if (button.url) {
    const target = safeLink(button.url);
    return h("a", { ...props, href: target, target: "_blank", rel: "noopener noreferrer" }, button.text, h("small", { "aria-hidden": "true" }, "↗"));
  }
  if (button.copy_text) {
    return h("button", { ...props, type: "button", onclick: () => act.copy(button.copy_text.text) }, button.text, h("small", { "aria-hidden": "true" }, "⧉"));
  }
  const usable = button.callback_data !== undefined && !button.disabled;
  const node = h("button", { ...props, type: "button", disabled: !usable }, button.text);
  node.addEventListener("click", () => act.press(message, button, node));
  return node;
}
