import { limits } from '../../../../schema/limits.ts';
import type { DockerApi } from '../api.ts';
import { ownValues } from './own-values.ts';

/**
 * What the container wrote last, without what it was given in its environment and arguments. Throws `engine_error` if its
 * log driver can't be read.
 */
export async function lastLines(api: DockerApi, id: string, linesMax: number): Promise<string[]> {
  const secrets = await ownValues(api, id);
  const text = (await tailOf(api, id, linesMax)).join('\n');
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text).split('\n');
}

async function tailOf(api: DockerApi, id: string, linesMax: number): Promise<string[]> {
  const body = await api.download(`/containers/${id}/logs?stdout=true&stderr=true&tail=${linesMax}`);
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > limits.agent.containerLogBytesMax) break;
  }
  return linesOf(Buffer.concat(parts)).slice(-linesMax);
}

const headBytes = 8;

/**
 * The lines of an answer of the Engine. Without a terminal it is frames: stdout or stderr (1 byte), three zeros, the length
 * (4 bytes, big-endian), the text. With one it is the text itself.
 */
export function linesOf(answer: Buffer): string[] {
  const text = isFramed(answer) ? textOfFrames(answer) : answer.toString('utf8');
  const lines = text.split('\n').map((line) => line.replaceAll(escapes, '').replaceAll(controls, ''));
  // What ends with a line break ends with an empty part.
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

const isFramed = (answer: Buffer) =>
  answer.length >= headBytes && answer.readUInt8(0) <= 2 && answer.readUIntBE(1, 3) === 0;

function textOfFrames(answer: Buffer): string {
  const texts: Buffer[] = [];
  for (let at = 0; at + headBytes <= answer.length; ) {
    const end = at + headBytes + answer.readUInt32BE(at + 4);
    texts.push(answer.subarray(at + headBytes, end));
    at = end;
  }
  return Buffer.concat(texts).toString('utf8');
}

// The control characters are what is to go.
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/g;
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
