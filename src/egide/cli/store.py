"""Check, back up and restore a platform's store."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def fsck(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """Read everything again (signatures, bindings, leaves, tiles, roots, epochs, gaps) and say what is damaged.

    Example: egide fsck --data ./egide-data --keys ./egide-keys

    Exit codes: 0 whole (notices may be printed), 1 damaged, 2 settings, 5 unavailable.
    """
    setup(data, keys)
    from egide.cloud.upkeep.fsck import fsck as check

    report = check(now_ms=time.time_ns() // 1_000_000, progress=_progress)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(report), "damaged": report.damaged}))
    else:
        for f in report.findings:
            typer.echo(f"{'notice' if f.notice else 'damaged'} {f.kind} {f.where} {f.what}")
        words(
            f"egide: {report.envelopes} envelopes, {report.statements} statements, {report.tiles} tiles,"
            f" {report.checkpoints} checkpoints read: {'DAMAGED' if report.damaged else 'whole'}"
        )
    raise typer.Exit(1 if report.damaged else 0)


def _progress(part: str, done: int, total: int) -> None:
    if total > 20_000:
        words(f"egide: {part} {done} of {total}")


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; its keys are not in it.")],
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an encrypted, consistent backup of a running platform. The keys folder is never in it: keep it apart.

    Example: egide backup /mnt/backups/tonight.egide

    Exit codes: 0 written, 2 settings, or a file of that name, 5 the disk.
    """
    setup(data, keys)
    from egide.cloud.register.journal import append_statement
    from egide.cloud.upkeep.backup import write_backup

    began_ms = time.time_ns() // 1_000_000
    counts = write_backup(file, now_ms=began_ms)
    # So that whoever administers the platform sees how old the last backup is; where it lies is nobody else's to know.
    append_statement("backup", None, {"rows": sum(counts.values()), "bytes": file.stat().st_size}, now_ms=began_ms)
    if as_json:
        typer.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size, "rows": counts}))
    else:
        words(f"egide: {sum(counts.values())} rows, {file.stat().st_size} bytes: {file}")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup, written under the same keys.")],
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty data folder. Opens a new epoch of the register; objects resend what lies beyond.

    Example: egide restore tonight.egide --data ./new-data --keys ./egide-keys

    Exit codes: 0 restored, 1 not a backup that these keys open, 2 the folder is not empty, or the file cannot be read,
    5 the disk.
    """
    options = setup(data, keys)
    from django.core.management import call_command

    from egide.cloud.config.initialise import write_key
    from egide.cloud.upkeep.restore import restore as fill

    counts, log = fill(
        file,
        options,
        now_ms=time.time_ns() // 1_000_000,
        migrate=lambda: call_command("migrate", verbosity=0, interactive=False),
        write_key=write_key,
    )
    if as_json:
        typer.echo(json.dumps({"rows": counts, "epoch": log.pk, "origin": log.origin}))
    else:
        words(f"egide: {sum(counts.values())} rows restored; epoch {log.pk} of the register is open")
        words("egide: start it with: egide up")
