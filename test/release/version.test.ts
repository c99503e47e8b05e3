import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { agentVersion } from '../../node/version.ts';

const text = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

it('is named alike wherever it is named', async () => {
  for (const path of ['package.json', 'package-lock.json'])
    expect(JSON.parse(await text(path)), path).toMatchObject({ version: agentVersion });
  // `npm pack` names the package so.
  for (const path of ['README.md', 'docs/install.md']) {
    const named = [...(await text(path)).matchAll(/stackferry-[\d.]+\.tgz/g)].map(([name]) => name);
    expect(new Set(named), path).toEqual(new Set([`stackferry-${agentVersion}.tgz`]));
  }
  expect(/^## (\S+)/m.exec(await text('CHANGELOG.md'))?.[1]).toBe(agentVersion);
});
