import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { overrideName } from '../../../../agent/engine/docker/facts/override-name.ts';
import { overrideHeader } from '../../../../agent/engine/docker/stack/bind-override.ts';
import { temporaryDirectory } from '../../../agent/temporary.ts';

const plain = 'compose.override.yaml';
const named = 'compose.stackferry.yaml';
const ours = `${overrideHeader}\nservices:\n`;

it.each<[string, string[], Record<string, string>, string]>([
  ['Compose finds an override by itself beside a file of a usual name', ['docker-compose.yml'], {}, plain],
  ['not where there is one already', ['compose.yaml'], { 'docker-compose.override.yml': '' }, named],
  ['not beside a file that is named', ['prod.yaml'], {}, named],
  ['not beside one in another directory', ['deploy/compose.yaml'], {}, named],
  ['not where .env names the files', ['compose.yaml'], { '.env': 'A=1\nCOMPOSE_FILE=compose.yaml\n' }, named],
  ['not beside several', ['compose.yaml', 'prod.yaml'], { [named]: '' }, 'compose.stackferry-2.yaml'],
  ['that of an earlier move is replaced', ['compose.yaml', plain], { [plain]: ours }, plain],
  ['also if it has a name of its own', ['compose.yaml', 'prod.yaml', named], { [named]: ours }, named],
])('%s', async (_, files, others, name) => {
  const directory = await temporaryDirectory();
  for (const [file, text] of Object.entries({ ...Object.fromEntries(files.map((each) => [each, ''])), ...others })) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
  const project = { project: 'p', directory, configFiles: files.map((file) => join(directory, file)), envFiles: [] };
  expect(await overrideName({ ...project, environment: {} })).toBe(name);
});
