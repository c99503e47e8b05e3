import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Licence texts of the packages whose modules are among `inputs` (paths relative to `root`), as the licences require.
 */
export async function thirdPartyNotices(root: string, inputs: string[]): Promise<string> {
  const packages = new Set(inputs.flatMap((input) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  const notices = await Promise.all([...packages].sort().map((path) => noticeOf(join(root, path))));
  return `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

async function noticeOf(dir: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8'));
  const texts = (await readdir(dir)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file)).sort();
  const bodies = await Promise.all(texts.map((file) => readFile(join(dir, file), 'utf8')));
  return [`${name} ${version} (${license})`, ...bodies.map((body) => body.trim())].join('\n\n');
}
