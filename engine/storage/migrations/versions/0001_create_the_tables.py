"""Create the tables. There is no way back but a backup: a downgrade would drop books."""

import sqlalchemy as sa
from alembic import op

from engine.storage.sql import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("reporting", sa.String(), nullable=False),
        sa.Column("cost_method", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("day_cut", sa.String(), nullable=False),
        sa.Column("allow_short", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "commands",
        sa.Column("seq", types.Int64(), nullable=False),
        sa.Column("command_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("arguments", sa.String(), nullable=False),
        sa.Column("issued_at", types.Instant(), nullable=False),
        sa.Column("received_at", types.Instant(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("finished_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_commands")),
        sa.UniqueConstraint("command_id", name=op.f("uq_commands_command_id")),
    )
    op.create_index(
        op.f("ix_commands_account_id_seq"), "commands", ["account_id", "seq"], unique=False
    )

    op.create_table(
        "cursors",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", types.Int64(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", types.Int64(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event_seq", types.Int64(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("not_before", types.Instant(), nullable=False),
        sa.Column("lease_until", types.Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("may_have_arrived", sa.Boolean(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_deliveries_dedupe_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_deliveries_channel_state_recipient_delivery_id"),
        "deliveries",
        ["channel", "state", "recipient", "delivery_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_deliveries_state_sent_at"), "deliveries", ["state", "sent_at"], unique=False
    )

    op.create_table(
        "differences",
        sa.Column("difference_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("ours", types.Money(), nullable=False),
        sa.Column("venue", types.Money(), nullable=False),
        sa.Column("found_at", types.Instant(), nullable=False),
        sa.Column("instrument_id", sa.String(), nullable=True),
        sa.Column("asset", sa.String(), nullable=True),
        sa.Column("price", types.Money(), nullable=True),
        sa.Column("position_side", sa.String(), nullable=False),
        sa.Column("venue_order_id", sa.String(), nullable=True),
        sa.Column("client_order_id", sa.String(), nullable=True),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answered_at", types.Instant(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("difference_id", name=op.f("pk_differences")),
    )
    op.create_index(
        op.f("ix_differences_account_id_state"),
        "differences",
        ["account_id", "state"],
        unique=False,
    )

    op.create_table(
        "entries",
        sa.Column("seq", types.Int64(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("book_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ts_event", types.Instant(), nullable=False),
        sa.Column("postings", types.Json(), nullable=False),
        sa.Column("sequence", types.Int64(), nullable=False),
        sa.Column("instrument_id", sa.String(), nullable=True),
        sa.Column("position_side", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("quantity", types.Money(), nullable=True),
        sa.Column("price", types.Money(), nullable=True),
        sa.Column("value", types.Money(), nullable=True),
        sa.Column("trade_id", sa.String(), nullable=True),
        sa.Column("venue_order_id", sa.String(), nullable=True),
        sa.Column("client_order_id", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("rates", types.Json(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("corrects", sa.String(), nullable=True),
        sa.Column("counter_book", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entries")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_entries_entry_id")),
    )
    op.create_index(
        op.f("ix_entries_account_id_seq"), "entries", ["account_id", "seq"], unique=False
    )

    op.create_table(
        "equity_marks",
        sa.Column("seq", types.Int64(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("time", types.Instant(), nullable=False),
        sa.Column("is_day_cut", sa.Boolean(), nullable=False),
        sa.Column("equity", types.Money(), nullable=True),
        sa.Column("unrealized", types.Money(), nullable=True),
        sa.Column("realized", types.Money(), nullable=False),
        sa.Column("fees", types.Money(), nullable=False),
        sa.Column("funding", types.Money(), nullable=False),
        sa.Column("flows", types.Money(), nullable=False),
        sa.Column("revaluation", types.Money(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_equity_marks")),
        sa.UniqueConstraint(
            "account_id",
            "time",
            "is_day_cut",
            name=op.f("uq_equity_marks_account_id_time_is_day_cut"),
        ),
    )
    op.create_index(
        op.f("ix_equity_marks_account_id_is_day_cut_time"),
        "equity_marks",
        ["account_id", "is_day_cut", "time"],
        unique=False,
    )

    op.create_table(
        "events",
        sa.Column("seq", types.Int64(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ts_event", types.Instant(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_events_account_id_name_ts_event"),
        "events",
        ["account_id", "name", "ts_event"],
        unique=False,
    )

    op.create_table(
        "exit_plans",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("book_id", sa.String(), nullable=False),
        sa.Column("instrument_id", sa.String(), nullable=False),
        sa.Column("position_side", sa.String(), nullable=False),
        sa.Column("plan", types.Json(), nullable=False),
        sa.Column("entry_price", types.Money(), nullable=False),
        sa.Column("entry_quantity", types.Money(), nullable=False),
        sa.Column("best_price", types.Money(), nullable=False),
        sa.Column("stop_price", types.Money(), nullable=True),
        sa.Column("rungs_done", sa.Integer(), nullable=False),
        sa.Column("bars_held", sa.Integer(), nullable=False),
        sa.Column("last_bar", types.Instant(), nullable=True),
        sa.Column("unprotected_since", types.Instant(), nullable=True),
        sa.Column("tag", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "book_id", "instrument_id", "position_side", name=op.f("pk_exit_plans")
        ),
    )
    op.create_table(
        "inbox",
        sa.Column("update_id", types.Int64(), autoincrement=False, nullable=False),
        sa.Column("received_at", types.Instant(), nullable=False),
        sa.Column("sent_at", types.Instant(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor_id", types.Int64(), nullable=True),
        sa.Column("chat_id", types.Int64(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("update_id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_state"), "inbox", ["state"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("cadence", sa.String(), nullable=False),
        sa.Column("catch_up", sa.String(), nullable=False),
        sa.Column("next_due", types.Instant(), nullable=False),
        sa.Column("last_run", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_jobs")),
    )
    op.create_table(
        "latches",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("since", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_latches")),
    )
    op.create_table(
        "orders",
        sa.Column("seq", types.Int64(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("book_id", sa.String(), nullable=False),
        sa.Column("instrument_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("order_type", sa.String(), nullable=False),
        sa.Column("quantity", types.Money(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("ts_init", types.Instant(), nullable=False),
        sa.Column("ts_last", types.Instant(), nullable=False),
        sa.Column("position_side", sa.String(), nullable=False),
        sa.Column("quote_quantity", types.Money(), nullable=True),
        sa.Column("limit_price", types.Money(), nullable=True),
        sa.Column("trigger_price", types.Money(), nullable=True),
        sa.Column("reference_price", types.Money(), nullable=True),
        sa.Column("time_in_force", sa.String(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("venue_order_id", sa.String(), nullable=True),
        sa.Column("filled_quantity", types.Money(), nullable=False),
        sa.Column("filled_value", types.Money(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_orders")),
        sa.UniqueConstraint("client_order_id", name=op.f("uq_orders_client_order_id")),
    )
    op.create_index(
        op.f("ix_orders_account_id_ended_ts_last"),
        "orders",
        ["account_id", "ended", "ts_last"],
        unique=False,
    )

    op.create_table(
        "reconciliations",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("opened_at", types.Instant(), nullable=False),
        sa.Column("through", types.Instant(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("agreed", types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_reconciliations")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("params", types.Json(), nullable=False),
        sa.Column("instrument_ids", types.Json(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("capital", types.Money(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("paused_reason", sa.String(), nullable=False),
        sa.Column("targets", types.Json(), nullable=False),
        sa.Column("wait_for_change", types.Json(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=True),
        sa.Column("updated_at", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_account_id"), "runs", ["account_id"], unique=False)

    op.create_table(
        "service_marks",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", types.Instant(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("market_time", types.Instant(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("details", types.Json(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_service_marks")),
    )
    op.create_table(
        "slots",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "slot", name=op.f("pk_slots")),
    )
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("arguments", sa.String(), nullable=False),
        sa.Column("actor_id", types.Int64(), nullable=False),
        sa.Column("chat_id", types.Int64(), nullable=False),
        sa.Column("message_id", types.Int64(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=True),
        sa.Column("used_by", types.Int64(), nullable=True),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_state"), "tickets", ["state"], unique=False)
