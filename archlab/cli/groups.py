"""Commands that have commands."""

from __future__ import annotations

import click

from archlab.foundation import UserError


class Group(click.Group):
    """Names the nearest of its commands where somebody types another."""

    def resolve_command(self, ctx: click.Context, args: list[str]):
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:  # so that the shell completes what it can
            raise UserError(f"{ctx.command_path} has no command {args[0]!r}", name=args[0], known=known, listed=True)
        return super().resolve_command(ctx, args)
