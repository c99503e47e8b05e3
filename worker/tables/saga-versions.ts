import { StackferryError } from '../../schema/errors.ts';
import { type Saga, saga, sagaVersion } from '../../schema/saga.ts';

type Stored = Record<string, unknown>;

/** The upcaster at index N turns version N into N + 1. Never change a released one. */
const upcasters: ((stored: Stored) => Stored)[] = [
  // Before 0.1.0 no version was stored.
  (stored) => ({ ...stored, v: 1 }),
  // 0.1.0 knows no hold: it would stop the stack of a migration that holds.
  (stored) => ({ ...stored, v: 2 }),
];

/** Reads a saga stored by this or an older release. Throws if it is newer or damaged. */
export function readSaga(value: unknown): Saga {
  let stored = (typeof value === 'object' && value !== null ? value : {}) as Stored;
  const version = typeof stored.v === 'number' ? stored.v : 0;
  if (version > sagaVersion)
    throw new StackferryError(
      'internal',
      `Migration ${stored.id} was stored by a newer release of the control plane (saga version ${version}, this one reads up to ${sagaVersion}). Deploy that release again.`,
    );
  for (const upcast of upcasters.slice(version)) stored = upcast(stored);
  const read = saga.safeParse(stored);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new StackferryError(
    'internal',
    `The stored state of migration ${stored.id} can't be read: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}
