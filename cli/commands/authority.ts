import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { limits } from '../../schema/limits.ts';
import { askSecret, readSecret } from '../ask.ts';
import { withAuthorityIn } from '../authority/in-data-directory.ts';
import { type KeyFile, lookInside, newKdf, readKeyFile, wrapKeyOf } from '../authority/key-file.ts';
import { type Authority, withAuthorityOnCloudflare } from '../authority/on-cloudflare.ts';
import { wranglerOnPath } from '../deploy/run-wrangler.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';
import { prose } from '../output/layout.ts';
import type { Session } from '../session.ts';

interface Options {
  /** Data directory of a local control plane; by default the one on Cloudflare that the session is logged in to. */
  data?: string;
  passphraseStdin?: boolean;
}

/** Exports the keys of the certificate authority to a file, encrypted with a passphrase. */
export async function exportAuthority(session: Session, target: string, options: Options) {
  const file = resolve(target);
  const passphrase = await newPassphrase(session, options);
  const kdf = newKdf();
  const wrapKey = await wrapKeyOf(passphrase, kdf);
  // Created before the export, so that exported keys always have a place to be stored.
  const written = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${file} cannot be created (${error.code}).`, 'Name a new file; an export never overwrites one.');
  });
  let done = false;
  try {
    const sealed = await withAuthority(session, options, wrapKey, (authority) => authority.exported());
    const inside = lookInside(wrapKey, sealed);
    if (!inside) throw new CliError('export_failed', 'What was exported cannot be opened again.', exitCodes.failure);
    const content: KeyFile = {
      format: 'stackferry-authority-1',
      ...inside,
      exported_at: new Date().toISOString(),
      kdf,
      cipher: 'HKDF-SHA-256, AES-256-GCM',
      sealed,
    };
    await written.writeFile(`${JSON.stringify(content, null, 2)}\n`);
    await written.sync();
    done = true;
    return tellExport(session, file, content);
  } finally {
    await written.close();
    if (!done) await rm(file, { force: true });
  }
}

function tellExport({ term }: Session, file: string, { fleet_id, ca_sha256 }: KeyFile) {
  if (term.json) return term.document({ file, fleet_id, ca_sha256 });
  term.out(
    ...prose(term, `${file} holds the keys of fleet ${fleet_id}.`),
    ...prose(term, 'Keep it apart from its passphrase, without which it cannot be opened.'),
  );
}

/** Imports the keys into a control plane that has lost them. */
export async function importAuthority(session: Session, source: string, options: Options) {
  const file = resolve(source);
  const { kdf, sealed, fleet_id, ca_sha256 } = await readKeyFile(file);
  const passphrase = options.passphraseStdin ? await readSecret() : await askSecret(session.term, 'Passphrase: ');
  const wrapKey = await wrapKeyOf(passphrase, kdf);
  // Before any secret is set or anything is started.
  if (!lookInside(wrapKey, sealed))
    throw new CliError('wrong_passphrase', `${file} cannot be opened with that passphrase.`, exitCodes.failure, [
      'Type it as it was at the export; if it is right, the file is damaged: take another copy.',
    ]);
  await withAuthority(session, options, wrapKey, (authority) => authority.imported(sealed));
  const { term } = session;
  if (term.json) return term.document({ fleet_id, ca_sha256 });
  term.out(`The certificate authority of fleet ${fleet_id} is restored. Its hosts and relays reconnect by themselves.`);
}

async function withAuthority<T>(
  session: Session,
  { data }: Options,
  wrapKey: string,
  use: (authority: Authority) => Promise<T>,
): Promise<T> {
  if (data !== undefined) return withAuthorityIn(resolve(data), wrapKey, use);
  return withAuthorityOnCloudflare(wranglerOnPath, await session.api(), wrapKey, use);
}

async function newPassphrase({ term }: Session, { passphraseStdin }: Options): Promise<string> {
  const passphrase = passphraseStdin ? await readSecret() : await askSecret(term, 'Passphrase for the file: ');
  if (passphrase.length < limits.cli.passphraseCharsMin)
    throw usageError(
      `A passphrase needs at least ${limits.cli.passphraseCharsMin} characters.`,
      'Six random words are enough.',
    );
  if (!passphraseStdin && (await askSecret(term, 'Once more: ')) !== passphrase)
    throw usageError('The two passphrases differ; nothing was done.');
  return passphrase;
}
