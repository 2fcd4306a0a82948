"""`egide ...`: data on stdout, words for people on stderr, an exit code with a meaning.

    0 done    1 refused, or a proof or claim failed    2 usage or settings    3 consistent, not anchored
    4 kept, not delivered yet    5 unavailable: try again
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from egide import __version__
from egide.cli.errors import exit_code, say_error
from egide.errors import ConfigError, EgideError, StorageError

__all__ = ["app", "main"]

#: command -> (module, attribute, one line). Modules are loaded when used: `verify` never loads the cloud.
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("egide.cli.platform", "up", "Start the whole platform, from one folder of data."),
    "demo": ("egide.cli.demo", "demo", "Start a platform and a small ward of virtual objects."),
    "serve": ("egide.cli.platform", "serve", "Run one listener: objects or people."),
    "intake": ("egide.cli.platform", "intake", "Run one intake worker."),
    "worker": ("egide.cli.platform", "worker", "Run the gate of the broker, checkpoints and witnesses."),
    "object": ("egide.cli.object", "object_app", "Be an object: enrol, send, look at the outbox."),
    "fleet": ("egide.cli.fleet", "fleet_app", "Claims, pairings and revocations."),
    "system": ("egide.cli.system", "system_app", "Systems that write over FHIR: register, renew."),
    "events": ("egide.cli.events", "events_app", "Security events, and the messages in quarantine."),
    "held": ("egide.cli.held", "held_app", "Readings to attribute: held ones, and another patient's."),
    "person": ("egide.cli.person", "person_app", "Accounts, follow-ups and sign-in links."),
    "people": ("egide.cli.identity", "people_app", "Establishments, offices, invitations and identities."),
    "read": ("egide.cli.read", "read", "Read a patient's measurements, on a ground and for a purpose."),
    "rights": ("egide.cli.rights", "rights_app", "Requests of the rights: due, exports, erasures, the keyring."),
    "messages": ("egide.cli.messages", "messages_app", "Messages outside: send, list what was given up, try."),
    "verify": ("egide.cli.verify", "verify", "Check a proof file, offline."),
    "anchors": ("egide.cli.fleet", "anchors", "Print what an auditor pins: CA, logs and witnesses."),
    "witness": ("egide.cli.witness", "witness", "Run a witness, elsewhere than the platform."),
    "fsck": ("egide.cli.store", "fsck", "Read everything again and say what is damaged."),
    "pages": ("egide.cli.pages", "pages_app", "Sealed pages, for reading long periods: status, rebuild."),
    "backup": ("egide.cli.store", "backup", "Write an encrypted backup of a running platform."),
    "restore": ("egide.cli.store", "restore", "Restore a backup into an empty folder; opens a new epoch."),
    "keys": ("egide.cli.keys", "keys_app", "Renew the platform's own certificates."),
    "prove": ("egide.cli.prove", "prove", "Attack a platform started for it, and show what happened."),
}


class _Lazy(TyperGroup):
    def list_commands(self, _ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, help_line = _COMMANDS[cmd_name]
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_command(found)
        else:
            single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            single.command(cmd_name)(found)
            command = typer.main.get_command(single)
        command.name = cmd_name
        command.short_help = help_line
        return command

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in _COMMANDS.items()])


app = typer.Typer(
    cls=_Lazy,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help=__doc__,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"egide {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run a command; our errors become a line, a hint and an exit code, never a traceback."""
    try:
        app()
    except EgideError as err:
        say_error(err)
        sys.exit(exit_code(err))
    except BrokenPipeError:
        sys.exit(1)
    except Exception as err:
        if type(err).__module__ != "django.db.utils":
            raise
        failed = _of_the_database(err)
        say_error(failed)
        sys.exit(exit_code(failed))


def _of_the_database(err: Exception) -> EgideError:
    """A folder that holds no platform is a wrong setting; anything else that the database says is its trouble."""
    from django.conf import settings

    unmade = "no such table" in str(err) or "UndefinedTable" in type(err.__cause__).__name__
    if unmade or not settings.OPTIONS.data.is_dir():
        return ConfigError("no platform was made here: name its folder with --data, or make one with egide up")
    return StorageError("the database cannot be opened, read or written")
