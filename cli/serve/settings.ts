import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Address, address } from '../../schema/address.ts';
import { errorMessageOf } from '../../schema/errors.ts';
import { oidcNames, readOidcSettings } from '../../worker/auth/oidc/settings.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';

/** Flags of `stackferry serve`, as commander parses them. */
export interface ServeFlags {
  data: string;
  listen: string;
  publicUrl?: string;
  /** False for `--no-relay`. */
  relay: boolean;
  relayListen?: string;
  relayAdvertise?: string;
  tlsCert?: string;
  tlsKey?: string;
  trustProxy?: boolean;
}

export interface ServeSettings {
  dataDir: string;
  listen: Address;
  /** The origin that browsers, hosts and join lines use. */
  publicUrl: string;
  relay: { listen: Address; advertise: Address; metrics: Address; metricsToken: null } | null;
  tls: { certPath: string; keyPath: string } | null;
  trustProxy: boolean;
  /** Settings of the login at a provider, as the Worker reads them. */
  oidc: Record<string, string>;
}

export function readSettings(flags: ServeFlags, env: NodeJS.ProcessEnv = process.env): ServeSettings {
  const listen = place('--listen', flags.listen);
  const tls = certificatePaths(flags);
  const publicUrl = flags.publicUrl === undefined ? originOf(listen, tls !== null) : publicOrigin(flags.publicUrl);
  return {
    dataDir: resolve(flags.data),
    listen,
    publicUrl,
    relay: flags.relay ? relayOf(flags, listen, publicUrl) : null,
    tls,
    trustProxy: flags.trustProxy ?? false,
    oidc: oidcOf(env),
  };
}

/** A mistake would otherwise show at the first login only. */
function oidcOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const given = Object.fromEntries(oidcNames.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const read = readOidcSettings(given);
  if (read.kind === 'wrong') throw usageError(read.why, 'docs/security.md says what the settings of the login mean.');
  return given;
}

function relayOf(flags: ServeFlags, { host, port }: Address, publicUrl: string): ServeSettings['relay'] {
  const listen = flags.relayListen ? place('--relay-listen', flags.relayListen) : { host, port: port + 1 };
  const reached = flags.publicUrl ? new URL(publicUrl).hostname.replace(/^\[|\]$/g, '') : listen.host;
  const advertise = flags.relayAdvertise
    ? place('--relay-advertise', flags.relayAdvertise)
    : { host: reached, port: listen.port };
  if (isWildcard(advertise.host))
    throw usageError(
      `Hosts cannot reach a relay at ${bracketed(advertise.host)}: it is not an address of this machine.`,
      'Say where they reach it: --relay-advertise HOST:PORT, or --public-url, or --no-relay.',
    );
  const metrics = { host: '127.0.0.1', port: listen.port + 1 };
  return { listen, advertise, metrics, metricsToken: null };
}

function certificatePaths({ tlsCert, tlsKey }: ServeFlags): ServeSettings['tls'] {
  if (!tlsCert && !tlsKey) return null;
  if (!tlsCert || !tlsKey) throw usageError('A certificate and its key go together: give --tls-cert and --tls-key.');
  return { certPath: resolve(tlsCert), keyPath: resolve(tlsKey) };
}

function publicOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const example = 'One looks like this: https://ferry.example.com';
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    throw usageError(`--public-url: "${text}" is not an http or https address.`, example);
  if (url.pathname !== '/' || url.search || url.hash)
    throw usageError(`--public-url: "${text}" has more than scheme, host and port.`, example);
  return url.origin;
}

function place(flag: string, text: string): Address {
  const parsed = address.safeParse(text);
  if (parsed.success && parsed.data.port > 0) return parsed.data;
  throw usageError(`${flag}: "${text}" is not HOST:PORT.`, 'For example: 127.0.0.1:8787, 0.0.0.0:443 or [::]:443');
}

/** Nothing can connect to a wildcard address, so it becomes `localhost`. */
function originOf({ host, port }: Address, tls: boolean): string {
  const reached = isWildcard(host) ? 'localhost' : bracketed(host);
  return new URL(`${tls ? 'https' : 'http'}://${reached}:${port}`).origin;
}

const isWildcard = (host: string) => ['0.0.0.0', '::', '0:0:0:0:0:0:0:0'].includes(host);
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);

export interface Certificate {
  cert: string;
  key: string;
}

/** Throws `bad_certificate` if the pair cannot be used or has expired. */
export async function readCertificate({ certPath, keyPath }: NonNullable<ServeSettings['tls']>): Promise<Certificate> {
  const [cert, key] = await Promise.all([readText('--tls-cert', certPath), readText('--tls-key', keyPath)]);
  try {
    createSecureContext({ cert, key });
    const { validTo, validToDate } = new X509Certificate(cert);
    if (validToDate.getTime() < Date.now()) throw new Error(`it ended on ${validTo}`);
  } catch (error) {
    throw new CliError(
      'bad_certificate',
      `${certPath} and ${keyPath} cannot be used as certificate and key: ${errorMessageOf(error)}.`,
      exitCodes.failure,
      ['Both must be PEM, the chain with the server’s own certificate first, and belong together.'],
    );
  }
  return { cert, key };
}

async function readText(flag: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError('bad_certificate', `${flag}: ${path} cannot be read (${error.code}).`, exitCodes.failure);
  });
}
