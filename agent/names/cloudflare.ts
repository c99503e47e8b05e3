import { z } from 'zod';
import { type AddressType, addressTypes, type ZoneAndName } from '../../schema/cutover-names.ts';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/** Records of Cloudflare's API (version 4). Only a record's content is ever changed: `ttl` and `proxied` stay. */

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const zones = z.array(z.object({ id, name: z.string() }));
const anyRecord = z.object({
  id,
  type: z.string(),
  name: z.string(),
  content: z.string(),
  ttl: z.number().catch(1),
  proxied: z.boolean().catch(false),
});
const envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number().optional(), message: z.string() })).catch([]),
  result: z.unknown(),
});

export interface AddressRecord {
  zone_id: string;
  record_id: string;
  type: AddressType;
  content: string;
  ttl: number;
  proxied: boolean;
}

export interface Cloudflare {
  /** Its address records, at most one of each type. Throws `command_failed` if there are none, or several of a type. */
  records(name: ZoneAndName, signal: AbortSignal): Promise<AddressRecord[]>;
  /** Null if it is gone. */
  read(record: Pick<AddressRecord, 'zone_id' | 'record_id'>, signal: AbortSignal): Promise<AddressRecord | null>;
  change(record: Pick<AddressRecord, 'zone_id' | 'record_id'>, content: string, signal: AbortSignal): Promise<void>;
}

export const cloudflareApi = 'https://api.cloudflare.com/client/v4';

/** `token` is asked for each call, so a file that was replaced counts at once. Its errors hold no token. */
export function createCloudflare(token: () => Promise<string>, api = cloudflareApi): Cloudflare {
  const call = async (method: string, path: string, what: string, signal: AbortSignal, body?: object) => {
    const secret = await token();
    const { status, text } = await answerTo(`${api}${path}`, { method, secret, body }, signal);
    const read = envelope.safeParse(parsed(text));
    if (status === 404 && method === 'GET') return null;
    if (read.success && read.data.success && status < 300) return read.data.result;
    const said = read.success ? read.data.errors.map(({ message }) => message).join('; ') : '';
    throw fault(whyRefused(status, what, said.replaceAll(secret, '***').slice(0, 200)));
  };
  const pathOf = ({ zone_id, record_id }: Pick<AddressRecord, 'zone_id' | 'record_id'>) =>
    `/zones/${zone_id}/dns_records/${record_id}`;
  return {
    records: async ({ zone, name }, signal) => {
      const path = `/zones?name=${encodeURIComponent(zone)}`;
      const known = understood(zones, (await call('GET', path, `read the zone ${zone}`, signal)) ?? []);
      const found = known.find((one) => one.name.toLowerCase() === zone);
      if (!found)
        throw fault(`The token sees no zone ${zone}: is it spelled right, and may the token read it (Zone → Zone)?`);
      const query = `/zones/${found.id}/dns_records?name=${encodeURIComponent(name)}&per_page=100`;
      const all = understood(z.array(anyRecord), (await call('GET', query, `read records of ${zone}`, signal)) ?? []);
      const own = all.filter((record) => record.name.toLowerCase() === name);
      return addressesOf(own, { zone, name }).map((record) => recordIn(found.id, record));
    },
    read: async (record, signal) => {
      const answer = await call('GET', pathOf(record), 'read the record', signal);
      return answer === null ? null : recordIn(record.zone_id, understood(anyRecord, answer));
    },
    change: async (record, content, signal) => {
      await call('PATCH', pathOf(record), 'change the record', signal, { content });
    },
  };
}

type AnyRecord = z.infer<typeof anyRecord>;

function addressesOf(own: AnyRecord[], { zone, name }: ZoneAndName): AnyRecord[] {
  const ofType = (type: string) => own.filter((record) => record.type === type);
  const twice = addressTypes.find((type) => ofType(type).length > 1);
  if (twice)
    throw fault(`${name} has ${ofType(twice).length} ${twice} records, and a migration can’t choose between them.`);
  const found = addressTypes.flatMap(ofType);
  if (found.length > 0) return found;
  const other = own.map(({ type }) => type).find((type) => type === 'CNAME');
  if (other) throw fault(`${name} is a CNAME record: only A and AAAA records can be pointed at a host.`);
  throw fault(`The zone ${zone} has no A or AAAA record ${name}: create it first.`);
}

const recordIn = (zone_id: string, { id: record_id, type, content, ttl, proxied }: AnyRecord): AddressRecord => ({
  ...{ zone_id, record_id, content, ttl, proxied },
  type: type as AddressType,
});

async function answerTo(
  url: string,
  { method, secret, body }: { method: string; secret: string; body: object | undefined },
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, {
      method,
      redirect: 'error',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.names.callMsMax)]),
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > limits.names.answerBytesMax) throw new Error('its answer is too long');
      parts.push(Buffer.from(part));
    }
    return { status: response.status, text: Buffer.concat(parts).toString('utf8') };
  } catch (cause) {
    signal.throwIfAborted();
    const why = errorMessageOf(cause instanceof Error && cause.cause ? cause.cause : cause);
    throw fault(`Cloudflare’s API can’t be reached: ${why.replaceAll(secret, '***').slice(0, 200)}`);
  }
}

function whyRefused(status: number, what: string, said: string): string {
  const words = said === '' ? '' : `: ${said}`;
  if (status === 401) return `Cloudflare does not know the token${words}`;
  if (status === 403)
    return `The token may not ${what} (it needs Zone → Zone → Read and Zone → DNS → Edit for it)${words}`;
  if (status === 429) return 'Cloudflare asks for a pause: too many calls.';
  return `Cloudflare answers ${status} when asked to ${what}${words}`;
}

function understood<T>(schema: z.ZodType<T>, answer: unknown): T {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  throw fault('Cloudflare’s answer is not understood.');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const fault = (message: string) => new StackferryError('command_failed', message);
