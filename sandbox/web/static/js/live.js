// The live stream. The browser reconnects by itself and says where it stopped.

const KINDS = [
  "message", "edit", "delete", "chat", "callback", "action", "draft", "commands", "presence",
  "mail", "mail_read", "push", "faults", "resync",
];

export function listen(after, onEvent, onState) {
  const source = new EventSource(`/sandbox/stream?after=${encodeURIComponent(after)}`);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => onEvent(kind, JSON.parse(event.data)));
  }
  source.addEventListener("open", () => onState(true));
  source.addEventListener("error", () => onState(false));
  return source;
}
