import { open } from 'node:fs/promises';

/** `PT_INTERP`, the program header of the interpreter. */
const interpreterType = 3;

/** Returns null if the file is no ELF program. `interpreter`: the dynamic loader; null for a static program. */
export async function readElf(path: string): Promise<{ interpreter: string | null } | null> {
  const file = await open(path, 'r');
  try {
    // The program headers follow the ELF header, and the interpreter's name follows them.
    const head = Buffer.alloc(8192);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return parseElf(head.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

export function parseElf(bytes: Buffer): { interpreter: string | null } | null {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 4) !== '\x7fELF') return null;
  const wide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const u16 = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const word = (at: number) =>
    wide ? Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : u32(at);
  try {
    const [table, size, count] = [word(wide ? 32 : 28), u16(wide ? 54 : 42), u16(wide ? 56 : 44)];
    for (let at = table; at < table + size * count; at += size) {
      if (u32(at) !== interpreterType) continue;
      const from = word(at + (wide ? 8 : 4));
      const end = bytes.indexOf(0, from);
      return end > from ? { interpreter: bytes.toString('latin1', from, end) } : null;
    }
  } catch {
    // The table lies beyond the bytes read.
    return null;
  }
  return { interpreter: null };
}
