import type { PointedRecord, ZoneAndName } from '../../../schema/cutover-names.ts';
import { errorMessageOf } from '../../../schema/errors.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { AddressRecord } from '../../names/cloudflare.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { laterThan } from '../runner/ledger-guard.ts';

/**
 * Points names of clients at this host, and back. What a record was before is in the ledger before it is changed, so both
 * may be repeated. A record that somebody else changed in between is left to them.
 */
type Pointed = LedgerEntry['pointed'][number];

export const pointNames: CommandHandler<'point_names'> = async ({ project, names }, context) => {
  const why = whyLeft(context);
  if (why !== null) return { records: names.map(({ name }) => ({ ...untouched(name), left: why, failed: null })) };
  const records: PointedRecord[] = [];
  for (const name of names) records.push(...(await pointed(name, project, context)));
  return { records };
};

export const pointNamesBack: CommandHandler<'point_names_back'> = async (_payload, context) => {
  const records: PointedRecord[] = [];
  const why = movedOn(context);
  for (const before of context.ledger.find(context.migrationId)?.pointed ?? [])
    records.push(why === null ? await setBack(before, context) : { ...backOf(before), left: why });
  return { records };
};

const untouched = (name: string) => ({ name, type: null, from: null, to: null });

const backOf = ({ name, type, from: to, to: from }: Pointed) => ({ name, type, from, to, left: null, failed: null });

/** The stack is elsewhere by now: a command that waited for long must not send its clients here. */
function whyLeft(context: CommandContext): string | null {
  const { ledger, migrationId } = context;
  const entry = ledger.find(migrationId);
  if (entry?.halted) return 'a rollback has stopped the stack here';
  return movedOn(context);
}

function movedOn({ ledger, migrationId }: CommandContext): string | null {
  const later = laterThan(migrationId, ledger);
  return later ? `the stack has moved on since, by migration ${later.migration_id}` : null;
}

async function pointed(named: ZoneAndName, project: string, context: CommandContext): Promise<PointedRecord[]> {
  const { name } = named;
  const found = await orWhy(() => context.names.records(named, context.signal), context);
  if ('failed' in found) return [{ ...untouched(name), left: null, failed: found.failed }];
  const all: PointedRecord[] = [];
  for (const record of found.value) {
    const done = await orWhy(() => pointedRecord(named, record, project, context), context);
    const { type, content } = record;
    all.push('failed' in done ? { name, type, from: content, to: null, left: null, failed: done.failed } : done.value);
  }
  return all;
}

async function pointedRecord(
  { zone, name }: ZoneAndName,
  record: AddressRecord,
  project: string,
  { names, ledger, migrationId, signal }: CommandContext,
): Promise<PointedRecord> {
  const { type, content, record_id, zone_id } = record;
  const to = names.addressFor(type);
  const known = ledger.find(migrationId)?.pointed.find((one) => one.record_id === record_id);
  const told = { name, type, from: known?.from ?? content, to, left: null, failed: null };
  if (known?.done && content !== known.from && content !== to)
    return { ...told, left: `somebody has pointed it at ${content} since` };
  const note = (done: boolean) =>
    ledger.update({ migration_id: migrationId, project, role: 'target' }, (entry) => {
      const others = entry.pointed.filter((one) => one.record_id !== record_id);
      entry.pointed = [...others, { zone, name, zone_id, record_id, type, from: content, to, done }];
    });
  if (content !== to) {
    await note(false);
    await names.change(record, to, signal);
    await note(true);
  } else if (known && !known.done)
    await ledger.amend(migrationId, (entry) => {
      for (const one of entry.pointed) if (one.record_id === record_id) one.done = true;
    });
  return told;
}

async function setBack(before: Pointed, context: CommandContext): Promise<PointedRecord> {
  const { names, ledger, migrationId, signal } = context;
  const { record_id } = before;
  const told = backOf(before);
  const { from, to } = told;
  const done = await orWhy(async (): Promise<string | null> => {
    const record = await names.read(before, signal);
    let left: string | null = null;
    if (record === null) left = 'it is no longer there';
    else if (record.content === from) await names.change(before, to, signal);
    else if (record.content !== to) left = `somebody has pointed it at ${record.content} since`;
    return left;
  }, context);
  if ('failed' in done) return { ...told, failed: done.failed };
  await ledger.amend(migrationId, (entry) => {
    for (const one of entry.pointed) if (one.record_id === record_id) one.done = false;
  });
  return { ...told, left: done.value };
}

/** A failure of one record is no failure of the others. An abort is one of all. */
async function orWhy<T>(act: () => Promise<T>, { signal }: CommandContext): Promise<{ value: T } | { failed: string }> {
  try {
    return { value: await act() };
  } catch (error) {
    signal.throwIfAborted();
    return { failed: errorMessageOf(error).slice(0, 500) };
  }
}
