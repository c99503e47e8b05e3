import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';

/** The keys of the certificate authority, encrypted with AUTHORITY_WRAP_KEY. */
export const sealedAuthority = z
  .strictObject({
    sealed: z
      .string()
      .max(limits.api.sealedAuthorityCharsMax)
      .regex(/^[A-Za-z0-9+/]+=*$/, 'base64')
      .describe('Base64: 12 bytes of nonce, then AES-256-GCM of the keys.'),
  })
  .meta({ id: 'SealedAuthority', description: 'The encrypted keys of the certificate authority.' });

export const importedAuthority = z
  .strictObject({ fleet_id: z.string() })
  .meta({ id: 'ImportedAuthority', description: 'The fleet whose keys were imported.' });

/** Outcome of an import. */
export type ImportOutcome = 'imported' | 'present' | 'unknown' | 'unreadable' | 'foreign';

/** Operations of the object that holds the keys. */
export interface AuthorityKeys {
  /** All keys, encrypted with the wrap key. */
  sealed(wrapKey: string): Promise<string>;
  takeBack(wrapKey: string, sealed: string): Promise<ImportOutcome>;
}

export const importRefusals: Record<Exclude<ImportOutcome, 'imported'>, [ErrorCode, string]> = {
  present: ['authority_present', 'This control plane has a certificate authority; it is never replaced.'],
  unknown: ['authority_refused', 'The database knows no fleet, so nothing tells whether the keys are its own.'],
  unreadable: ['authority_refused', 'The keys cannot be opened: they were sealed with another key, or are damaged.'],
  foreign: ['authority_refused', 'The keys are of another fleet than the one that the database knows.'],
};
