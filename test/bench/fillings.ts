import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const mebibyte = 1_048_576;

/** One file of random bytes. */
export const randomFile = (mebibytes: number) => async (dir: string) => {
  const file = await open(join(dir, 'blob'), 'w');
  for (let i = 0; i < mebibytes; i++) await file.write(randomBytes(mebibyte));
  await file.sync();
  await file.close();
};

/** `count` files of `bytes` random bytes in 500 directories. */
export const randomFiles = (count: number, bytes: number) => async (dir: string) => {
  const directories = 500;
  const noise = randomBytes(mebibyte + bytes);
  for (let d = 0; d < directories; d++) await mkdir(join(dir, `d${d}`), { recursive: true });
  for (let i = 0; i < count; i++) {
    const from = (i * 7919) % mebibyte;
    await writeFile(join(dir, `d${i % directories}`, `f${i}`), noise.subarray(from, from + bytes));
  }
};

/** Half text, half rows as a database keeps them: compresses to about a third. */
export const compressible = (mebibytes: number) => async (dir: string) => {
  const words = 'the stack moves from one host to another while its volume keeps every byte it ever held'.split(' ');
  const pick = () => words[Math.floor(Math.random() * words.length)];
  const text = await open(join(dir, 'text.log'), 'w');
  const rows = await open(join(dir, 'table.dat'), 'w');
  for (let i = 0; i < mebibytes / 2; i++) {
    const line = () => `2026-11-0${i % 9} ${Math.random().toString(36).slice(2, 10)} ${pick()} ${pick()} ${pick()}\n`;
    await text.write(Buffer.alloc(mebibyte, Array.from({ length: 4_000 }, line).join('')));
    const page = Buffer.alloc(8_192);
    for (let p = 0; p < 128; p++) {
      for (let r = 0; r < 60; r++) page.write(`${i * 7_680 + p * 60 + r}|${pick()}|${Math.random()}`, 8_000 - r * 100);
      await rows.write(page);
    }
  }
  for (const file of [text, rows]) {
    await file.sync();
    await file.close();
  }
};
