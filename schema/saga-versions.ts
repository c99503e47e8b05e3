import { StackferryError } from './errors.ts';
import { type Saga, saga, sagaVersion } from './saga.ts';

type Stored = Record<string, unknown>;

/** Each brings a stored saga from the version of its place to the next. Never change one that was released. */
const upcasters: ((stored: Stored) => Stored)[] = [
  // 0.1.0 stored no version.
  (stored) => ({ ...stored, v: 1 }),
];

/** A saga as any release up to this one stored it. Throws where it was stored by a newer one, or is damaged. */
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
