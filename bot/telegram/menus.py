"""The phone's command menu, from the registry: a convenience; rights are checked elsewhere."""

from collections.abc import Sequence

import structlog
from telegram import Bot, BotCommand, BotCommandScopeChat, BotCommandScopeDefault
from telegram.error import TelegramError

from bot.telegram.registry import CommandSpec, Registry
from bot.telegram.sender import delivery_error
from bot.telegram.settings import TelegramSettings
from engine.domain.messages import Role

_log = structlog.get_logger(__name__)

_FOR_ANYBODY = ("start", "help")


async def publish_menus(bot: Bot, registry: Registry, settings: TelegramSettings) -> None:
    """Set the menu of each operator by role, of each allowed group, and a short one for others.

    A server that refuses, or a chat that the operator has not opened yet, is logged and let be.
    """
    anybody = [spec for spec in registry.menu(Role.VIEWER) if spec.name in _FOR_ANYBODY]
    await _publish(bot, anybody, BotCommandScopeDefault())
    for operator in settings.operators:
        await publish_menu(bot, registry, operator.id, operator.role)
    for chat_id in settings.chats:
        await publish_menu(bot, registry, chat_id, Role.ADMIN)


async def publish_menu(bot: Bot, registry: Registry, chat_id: int, role: Role) -> None:
    """Set the menu of one chat."""
    await _publish(bot, registry.menu(role), BotCommandScopeChat(chat_id))


async def _publish(
    bot: Bot,
    specs: Sequence[CommandSpec],
    scope: BotCommandScopeDefault | BotCommandScopeChat,
) -> None:
    commands = [BotCommand(spec.name, spec.summary) for spec in specs]
    try:
        await bot.set_my_commands(commands, scope=scope)
    except TelegramError as exc:
        _log.info("command menu not set", scope=scope.type, error=str(delivery_error(exc)))
