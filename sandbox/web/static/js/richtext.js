// Text with Telegram entities as DOM nodes. Offsets are UTF-16 units, as JavaScript counts.

import { h, safeLink } from "./dom.js";
import { entityTime, fullDate } from "./format.js";

export function richText(text, entities, act) {
  const ordered = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return build(text, ordered, 0, text.length, act);
}

// A block ends its line by itself: the line break beside it would show as an empty line.
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);

function build(text, entities, start, end, act) {
  const nodes = [];
  let at = start;
  let index = 0;
  while (index < entities.length) {
    const entity = entities[index];
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    index += 1;
    if (from >= to) continue;
    const block = BLOCKS.has(entity.type);
    if (from > at) nodes.push(block ? text.slice(at, from).replace(/\n$/, "") : text.slice(at, from));
    const inside = [];
    while (index < entities.length && entities[index].offset < to) inside.push(entities[index++]);
    nodes.push(render(entity, text.slice(from, to), build(text, inside, from, to, act), act));
    at = block && to < end && text[to] === "\n" ? to + 1 : to;
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

function render(entity, plain, children, act) {
  switch (entity.type) {
    case "bold": return h("strong", {}, children);
    case "italic": return h("em", {}, children);
    case "underline": return h("u", {}, children);
    case "strikethrough": return h("s", {}, children);
    case "spoiler": return spoiler(children);
    case "code": return copyable(plain, children, act);
    case "pre": return h("pre", { "data-language": entity.language || null, tabindex: "0" }, plain.replace(/\n$/, ""));
    case "blockquote": return h("blockquote", {}, children);
    case "expandable_blockquote": return fold(children);
    case "text_link": return link(entity.url, children);
    case "url": return link(plain, children);
    case "email": return link(`mailto:${plain}`, children);
    case "bot_command": return command(plain, act);
    case "date_time": return when(entity, plain);
    case "mention": case "hashtag": case "cashtag": case "phone_number":
      return h("span", { class: "tag" }, children);
    default: return h("span", {}, children);
  }
}

function toggles(node, label) {
  const flip = () => node.setAttribute("aria-expanded", String(node.getAttribute("aria-expanded") !== "true"));
  node.setAttribute("role", "button");
  node.setAttribute("tabindex", "0");
  node.setAttribute("aria-expanded", "false");
  node.setAttribute("aria-label", label);
  node.addEventListener("click", flip);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); flip(); }
  });
  return node;
}

function spoiler(children) {
  return toggles(h("span", { class: "spoiler" }, children), "Hidden text");
}

function fold(children) {
  const node = h("blockquote", { class: "fold" }, h("span", { class: "fold-body" }, children));
  toggles(node, "Detail");
  node.removeAttribute("aria-label");
  return node;
}

function copyable(plain, children, act) {
  return h("code", { title: "Copy", onclick: () => act.copy(plain) }, children);
}

function link(url, children) {
  const target = safeLink(url);
  if (target === null) return h("span", { class: "tag" }, children);
  return h("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, children);
}

function command(plain, act) {
  return h("button", { type: "button", class: "command", onclick: () => act.send(plain) }, plain);
}

function when(entity, plain) {
  const shown = entityTime(entity.unix_time, entity.date_time_format, plain);
  const title = fullDate(entity.unix_time);
  return h("time", { datetime: new Date(entity.unix_time * 1000).toISOString(), title }, shown);
}
