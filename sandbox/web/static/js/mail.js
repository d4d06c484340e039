// The inbox: list, HTML or text body, attachments.

import { $, count, h, icon } from "./dom.js";
import { clockOrDay, fullDate, size } from "./format.js";
import { post } from "./api.js";

const ENVELOPE = "M3 6h18v12H3Zm0 1 9 7 9-7";
const CLIP = "m8 12 6-6a3 3 0 0 1 4 4l-8 8a5 5 0 0 1-7-7l7-7";

export class MailPane {
  constructor() {
    this.mails = new Map();
    this.open = null;
    this.asText = false;
    this.draw();
  }

  load(mails) {
    this.mails = new Map(mails.map((mail) => [mail.id, mail]));
    if (this.open !== null && !this.mails.has(this.open)) this.close();
    this.draw();
  }

  add(mail) {
    this.mails.set(mail.id, mail);
    this.draw();
  }

  markRead(id) {
    const mail = this.mails.get(id);
    if (mail) this.mails.set(id, { ...mail, unread: false });
    this.draw();
  }

  draw() {
    const ordered = [...this.mails.values()].sort((a, b) => b.id - a.id);
    $("mail-list").replaceChildren(...ordered.map((mail) => this.row(mail)));
    $("pane-mail").classList.toggle("filled", ordered.length > 0);
    const unread = ordered.filter((mail) => mail.unread).length;
    document.querySelectorAll('[data-count="mail"]').forEach((node) => count(node, unread));
    if (this.open === null) this.drawEmpty(ordered.length);
  }

  drawEmpty(number) {
    const [title, text] = number
      ? [`${number} ${number === 1 ? "mail" : "mails"}`, "Choose one to read it."]
      : ["No mail yet", "Daily reports and escalated alerts arrive here, over real SMTP with TLS and a login."];
    $("mail-reader").replaceChildren(h("div", { class: "empty" }, icon(ENVELOPE, 44), h("b", {}, title), h("p", {}, text)));
  }

  row(mail) {
    return h("li", {}, h("button", {
      type: "button", class: `mail-row${mail.unread ? " unread" : ""}`,
      "aria-current": this.open === mail.id ? "true" : null, onclick: () => this.read(mail.id),
    },
    h("span", { class: "who" }, mail.from_name || mail.from),
    h("span", { class: "when" }, clockOrDay(mail.received_at)),
    h("span", { class: "subject" }, mail.subject || "(no subject)", mail.unread ? h("span", { class: "sr" }, " (unread)") : null)));
  }

  read(id) {
    this.open = id;
    const mail = this.mails.get(id);
    this.asText = !mail.has_html;
    $("pane-mail").classList.add("reading");
    this.drawMail(mail);
    if (mail.unread) {
      post(`/sandbox/mails/${id}/read`).catch(() => {});
      this.markRead(id);
    } else this.draw();
  }

  close() {
    this.open = null;
    $("pane-mail").classList.remove("reading");
    this.draw();
  }

  drawMail(mail) {
    const files = mail.attachments.filter((file) => !file.inline);
    const bar = h("div", { class: "mail-bar" }, this.switcher(mail), files.map((file) => attachment(mail, file)));
    $("mail-reader").replaceChildren(
      h("header", { class: "mail-head" },
        h("button", { type: "button", class: "mail-back", onclick: () => this.close() }, "‹ Inbox"),
        h("h3", {}, mail.subject || "(no subject)"),
        h("p", {}, h("b", {}, mail.from_name || mail.from), mail.from_name ? ` <${mail.from}>` : "", " to ", mail.to || mail.recipients.join(", ")),
        h("p", {}, fullDate(mail.received_at))),
      bar,
      h("div", { class: "mail-body" }, this.asText ? h("pre", { tabindex: "0" }, mail.text || "(this mail has no text version)") : frame(mail)));
  }

  switcher(mail) {
    const choose = (asText) => { this.asText = asText; this.drawMail(mail); };
    const tab = (label, asText) => h("button", { type: "button", role: "tab", "aria-selected": String(this.asText === asText), onclick: () => choose(asText) }, label);
    return mail.has_html ? h("div", { class: "seg", role: "tablist", "aria-label": "Version" }, tab("Formatted", false), tab("Text", true)) : null;
  }
}

// No scripts run in it: the frame's sandbox and the answer's own policy both forbid them.
function frame(mail) {
  return h("iframe", {
    src: `/sandbox/mails/${mail.id}/html`, title: `Mail: ${mail.subject}`,
    sandbox: "allow-same-origin allow-popups allow-popups-to-escape-sandbox",
  });
}

function attachment(mail, file) {
  return h("a", { class: "attachment", href: `/sandbox/mails/${mail.id}/parts/${file.index}`, download: file.name },
    icon(CLIP, 15), file.name, " ", h("small", {}, size(file.size)));
}
