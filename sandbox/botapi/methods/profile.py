"""Methods about the bot itself: who it is, its commands, its descriptions, its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sandbox.botapi.errors import bad_request
from sandbox.botapi.files import MAX_DOWNLOAD
from sandbox.botapi.params import Params
from sandbox.botapi.world import World
from sandbox.jsontypes import JsonObject, as_list, as_object, as_text, pick

MAX_COMMANDS = 100
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}
_NAMES = {"Name": "name", "Description": "description", "ShortDescription": "short_description"}


def profile_methods(world: World) -> Mapping[str, Callable[[Params], object]]:
    """Return the methods about the bot by name."""
    profile = Profile(world)
    methods: dict[str, Callable[[Params], object]] = {
        "getMe": profile.get_me,
        "logOut": profile.accept,
        "close": profile.accept,
        "setMyCommands": profile.set_commands,
        "getMyCommands": profile.get_commands,
        "deleteMyCommands": profile.delete_commands,
        "setChatMenuButton": profile.set_menu_button,
        "getChatMenuButton": profile.get_menu_button,
        "setMyDefaultAdministratorRights": profile.accept,
        "getFile": profile.get_file,
    }
    for suffix, field in _NAMES.items():
        methods[f"setMy{suffix}"] = profile.setter(field)
        methods[f"getMy{suffix}"] = profile.getter(field)
    return methods


class Profile:
    """Keeps what a bot says about itself in the settings."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_me(self, params: Params) -> JsonObject:
        """Return the bot's own `User`."""
        return {
            **self._world.bot,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def accept(self, params: Params) -> bool:
        """Accept a call that changes nothing here."""
        return True

    # commands

    def set_commands(self, params: Params) -> bool:
        """Set the command list of one scope and language."""
        given = params.array("commands", "commands")
        if given is None:
            raise bad_request("can't parse commands JSON object")
        if len(given) > MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        self._put(params, [_command(as_object(item)) for item in given])
        return True

    def delete_commands(self, params: Params) -> bool:
        """Remove the command list of one scope and language."""
        self._put(params, [])
        return True

    def get_commands(self, params: Params) -> list[object]:
        """Return the command list of one scope and language."""
        return as_list(self._all_commands().get(_scope_key(params)))

    def commands_for(self, chat_id: int, user_id: int, language: str) -> list[object]:
        """Return the list a person sees: the most specific scope that has one.

        Order of core.telegram.org/bots/api#determining-list-of-commands.
        """
        stored = self._all_commands()
        scopes = ["all_private_chats" if chat_id > 0 else "all_group_chats", "default"]
        scopes.insert(0, f"chat:{chat_id}")
        scopes.insert(0, f"chat_member:{chat_id}:{user_id}")
        for scope in scopes:
            for wanted in (language, ""):
                if found := as_list(stored.get(f"{scope}|{wanted}")):
                    return found
        return []

    def _all_commands(self) -> JsonObject:
        return self._world.db.setting("commands") or {}

    def _put(self, params: Params, commands: list[JsonObject]) -> None:
        stored = {**self._all_commands(), _scope_key(params): commands}
        self._world.db.put_setting(
            "commands", {key: value for key, value in stored.items() if value}
        )
        self._world.hub.publish("commands", {})

    # names and descriptions

    def setter(self, field: str) -> Callable[[Params], object]:
        """Return the method that stores one text about the bot."""

        def store(params: Params) -> bool:
            key = f"my_{field}:{params.text('language_code')}"
            self._world.db.put_setting(key, {field: params.text(field)})
            return True

        return store

    def text(self, field: str, language: str) -> str:
        """Return one text about the bot as a reader of this language sees it."""
        for wanted in (language, ""):
            stored = self._world.db.setting(f"my_{field}:{wanted}") or {}
            if found := as_text(stored.get(field)):
                return found
        return ""

    def getter(self, field: str) -> Callable[[Params], object]:
        """Return the method that reads one text about the bot."""
        default = as_text(self._world.bot.get("first_name")) if field == "name" else ""

        def load(params: Params) -> JsonObject:
            key = f"my_{field}:{params.text('language_code')}"
            return self._world.db.setting(key) or {field: default}

        return load

    # menu button and files

    def set_menu_button(self, params: Params) -> bool:
        """Choose what the button beside the text field does."""
        button = params.object("menu_button", "menu button") or {"type": "default"}
        self._world.db.put_setting(f"menu_button:{params.integer('chat_id')}", button)
        self._world.hub.publish("commands", {})
        return True

    def get_menu_button(self, params: Params) -> JsonObject:
        """Return what the button beside the text field does."""
        for chat_id in (params.integer("chat_id"), 0):
            if button := self._world.db.setting(f"menu_button:{chat_id}"):
                return button
        return {"type": "commands"}

    def get_file(self, params: Params) -> JsonObject:
        """Return where a file can be downloaded."""
        if not params.has("file_id"):
            raise bad_request("file_id not specified")
        stored = self._world.files.find(params.text("file_id"))
        if stored is None:
            raise bad_request("invalid file_id")
        if stored.size > MAX_DOWNLOAD:
            raise bad_request("file is too big")
        return stored.to_json()


def _scope_key(params: Params) -> str:
    scope = params.object("scope", "BotCommandScope") or {"type": "default"}
    kind = as_text(scope.get("type"))
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    ids = [str(scope.get(name, "")) for name in _SCOPES[kind]]
    if not all(ids):
        raise bad_request("can't parse BotCommandScope: chat_id is empty")
    return ":".join([kind, *ids]) + "|" + params.text("language_code")


def _command(item: JsonObject) -> JsonObject:
    name, description = as_text(item.get("command")), as_text(item.get("description"))
    if not _COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    known = pick(item, "is_ephemeral")
    return {"command": name.removeprefix("/"), "description": description, **known}
