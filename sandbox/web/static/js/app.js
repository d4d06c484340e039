// Puts the page together: loads the state, follows the stream, tells the parts.

import { get, post } from "./api.js";
import { ChatLog } from "./chat.js";
import { Composer } from "./composer.js";
import { $, count, h, show } from "./dom.js";
import { ExchangePane } from "./exchange.js";
import { FaultPanel } from "./faults.js";
import { excerpt } from "./format.js";
import { listen } from "./live.js";
import { MailPane } from "./mail.js";
import { alertBox, copy, enlarge, toast, wireDialogs } from "./overlays.js";
import { PresenceView } from "./presence.js";
import { PushPane } from "./push.js";
import { wireTheme } from "./theme.js";
import { watchVitals } from "./vitals.js";

const ANSWER_WITHIN_MS = 15000;
const names = { bot: "Outcry", botId: 0, operatorId: 0 };
const chats = new Map();
const waiting = new Map();
let commands = {};
let chatId = null;
let description = "";
let unseenChat = 0;

const act = { send: (text) => send(text, null), copy, enlarge, press, jump, settled: () => log.settled() };
const log = new ChatLog(act, names);
const composer = new Composer(send);
const presence = new PresenceView(log);
const mail = new MailPane();
const push = new PushPane(() => innerWidth > 820 || document.body.dataset.tab === "push");
const faults = new FaultPanel(load);
const exchange = new ExchangePane();

// Wide enough for the chat and one of the others beside it, see layout.css.
const between = () => innerWidth > 820 && innerWidth <= 1180;

// loading

async function load() {
  const state = await get("/sandbox/state");
  Object.assign(names, { bot: state.bot.first_name, botId: state.bot.id, operatorId: state.operator.id });
  chats.clear();
  state.chats.forEach((chat) => chats.set(chat.id, chat));
  commands = state.commands;
  description = state.description;
  if (!chats.has(chatId)) chatId = state.operator.id;
  faults.load(state.fault_kinds, state.faults, state.limits);
  if (exchange.start(state.exchange) && between()) showTab("exchange"); // there the chat has no tab
  show($("crash"), state.can_crash);
  presence.update(state.presence);
  const [mails, pushes] = await Promise.all([get("/sandbox/mails"), get("/sandbox/pushes"), loadChat()]);
  mail.load(mails.mails);
  push.load(pushes.pushes);
  return state.last_event_id;
}

async function loadChat() {
  const { messages } = await get(`/sandbox/messages?chat_id=${chatId}`);
  log.welcome = welcome();
  log.load(messages);
  drawChat();
}

function welcome() {
  const text = description || "Press Start, as on a phone. Then type / to see what the bot can do.";
  return h("div", { class: "welcome" }, h("h3", {}, "What can this bot do?"), h("p", {}, text));
}

function drawChat() {
  const chat = chats.get(chatId);
  $("chat-name").textContent = chatId === names.operatorId ? names.bot : title(chat);
  const options = [...chats.values()].map((item) => h("option", { value: item.id, selected: item.id === chatId }, item.id === names.operatorId ? "You" : title(item)));
  $("chat-select").replaceChildren(...options);
  show(document.querySelector(".chat-switch"), chats.size > 1);
  const pinned = chat?.sandbox.pinned_message;
  show($("pinned"), Boolean(pinned));
  $("pinned-text").textContent = excerpt(pinned);
  composer.setCommands(commands[chatId] ?? []);
  composer.setStart(log.isEmpty);
  const last = log.ordered.at(-1);
  const asked = last?.sandbox?.keyboard?.force_reply ? last : null;
  const markup = chat?.sandbox.keyboard;
  composer.setKeyboard(markup?.force_reply && !asked ? null : markup, asked, names.bot);
}

const title = (chat) => chat?.title ?? [chat?.first_name, chat?.last_name].filter(Boolean).join(" ");

// the stream

const handlers = {
  message: (message) => {
    if (message.chat.id !== chatId) return;
    log.add(message);
    if (message.sandbox?.from_bot) {
      presence.typing(false);
      if (document.body.dataset.tab !== "chat") unseen(message);
    }
    drawChat();
  },
  edit: (message) => {
    const chat = chats.get(message.chat.id);
    if (chat?.sandbox.pinned_message?.message_id === message.message_id) chat.sandbox.pinned_message = message;
    if (message.chat.id !== chatId) return;
    log.change(message);
    drawChat();
  },
  delete: ({ chat_id, message_id }) => {
    if (chat_id !== chatId) return;
    log.remove(message_id);
    drawChat();
  },
  chat: (chat) => { chats.set(chat.id, chat); drawChat(); },
  callback: answered,
  action: ({ chat_id }) => { if (chat_id === chatId) { log.setTyping(true); presence.typing(true); } },
  draft: ({ chat_id, text }) => { if (chat_id === chatId) { presence.typing(true); log.setTyping(text); } },
  commands: async () => {
    const state = await get("/sandbox/state");
    commands = state.commands;
    drawChat();
  },
  presence: (state) => presence.update(state),
  mail: (item) => mail.add(item),
  mail_read: ({ id }) => mail.markRead(id),
  push: (note) => push.add(note),
  faults: (on) => faults.update(on),
  resync: () => load(),
};

function unseen(message) {
  count(document.querySelector('.tabs [data-count="chat"]'), ++unseenChat);
  const isAway = $("log").offsetParent === null; // on a phone; elsewhere the chat is always there
  if (isAway && document.body.dataset.tab === "exchange") toast(excerpt(message), "chat", () => showTab("chat"));
}

// what the person does

async function send(text, replyTo) {
  try {
    const chat = chatId === names.operatorId ? undefined : { id: chatId };
    const user = chatId > 0 && chatId !== names.operatorId ? { id: chatId } : undefined;
    await post("/sandbox/send", { text, chat, user, reply_to: replyTo ?? undefined });
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function press(message, button, node) {
  node.setAttribute("aria-busy", "true");
  try {
    const { callback_query_id: id } = await post("/sandbox/press", { chat_id: message.chat.id, message_id: message.message_id, data: button.callback_data });
    const timer = setTimeout(() => {
      waiting.delete(id);
      node.removeAttribute("aria-busy");
      toast("The bot has not answered this button yet. It will see it when it is back.", "bad");
    }, ANSWER_WITHIN_MS);
    waiting.set(id, { node, timer });
    const { answered: done, answer } = await get(`/sandbox/callback?id=${id}`);
    if (done) answered({ ...answer, callback_query_id: id });
  } catch (error) {
    node.removeAttribute("aria-busy");
    toast(error.message, "bad");
  }
}

function answered({ callback_query_id: id, text, show_alert: loud }) {
  const pressed = waiting.get(id);
  if (!pressed) return;
  waiting.delete(id);
  clearTimeout(pressed.timer);
  pressed.node.removeAttribute("aria-busy");
  if (text && loud) alertBox(text, names.bot);
  else if (text) toast(text);
}

function jump(id) {
  if (!log.jump(id)) toast("That message is no longer in this chat.");
}

async function crash() {
  $("crash").disabled = true;
  try {
    await post("/sandbox/crash"); // the banner tells, from the stream
  } catch (error) {
    toast(error.message, "bad");
  } finally {
    $("crash").disabled = false;
  }
}

function showTab(tab) {
  document.body.dataset.tab = tab;
  for (const button of document.querySelectorAll(".tabs button")) {
    if (button.dataset.tab === tab) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  if (tab === "push") push.seen();
  if (tab === "exchange") exchange.look();
  if (tab === "chat") {
    unseenChat = 0;
    count(document.querySelector('.tabs [data-count="chat"]'), 0);
    log.toBottom(false);
  }
}

function wire() {
  wireDialogs();
  wireTheme();
  watchVitals();
  $("crash").addEventListener("click", crash);
  $("pinned").addEventListener("click", () => jump(chats.get(chatId).sandbox.pinned_message.message_id));
  $("chat-select").addEventListener("change", async (event) => { chatId = Number(event.target.value); await loadChat(); });
  document.querySelectorAll(".tabs button").forEach((button) => button.addEventListener("click", () => showTab(button.dataset.tab)));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !typing && !$("composer").hidden) $("composer-input").focus();
  });
}

async function start() {
  wire();
  for (;;) {
    try {
      const last = await load();
      listen(last, (kind, data) => handlers[kind](data), (online) => presence.setOnline(online));
      return;
    } catch {
      presence.setOnline(false);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

start();
