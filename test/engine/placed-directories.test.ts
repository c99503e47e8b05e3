import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPlacedDirectories, type PlacedDirectories } from '../../agent/engine/placed-directories.ts';
import { temporaryDirectory } from '../agent/temporary.ts';

let root: string;
let path: string;
let placed: PlacedDirectories;

beforeEach(async () => {
  root = await temporaryDirectory();
  path = join(root, 'stacks', 'shop');
  placed = createPlacedDirectories(join(root, 'placed.json'));
});

/** Somebody puts their own directory where the migration's was. */
async function putAnother(): Promise<void> {
  await rm(path, { recursive: true });
  await mkdir(path);
  await writeFile(join(path, 'theirs'), 'kept');
}

const theirs = () => readFile(join(path, 'theirs'), 'utf8');

describe('a project directory that a migration placed', () => {
  it('is its own until it is removed, after a restart of the agent too', async () => {
    await placed.claim(path, 'mig_1');
    await writeFile(join(path, 'compose.yaml'), '');
    const restarted = createPlacedDirectories(join(root, 'placed.json'));
    await restarted.claim(path, 'mig_1');
    await restarted.empty(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
    await restarted.claim(path, 'mig_1');
    await restarted.remove(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
  });

  it('is refused where anything is, and where another migration placed it', async () => {
    await placed.claim(path, 'mig_1');
    await writeFile(join(path, 'compose.yaml'), '');
    await expect(placed.claim(path, 'mig_2')).rejects.toMatchObject({ code: 'resource_taken' });
    await placed.remove(path, 'mig_2');
    expect(existsSync(path)).toBe(true);
  });

  it('is gone for the migration once somebody has put their own there', async () => {
    await placed.claim(path, 'mig_1');
    await putAnother();
    await expect(placed.empty(path, 'mig_1')).rejects.toMatchObject({ code: 'resource_taken' });
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
  });

  it('is told from one that was moved to its place', async () => {
    await placed.claim(path, 'mig_1');
    const other = join(root, 'other');
    await mkdir(other);
    await writeFile(join(other, 'theirs'), 'kept');
    await rm(path, { recursive: true });
    await rename(other, path);
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
  });

  it('is removed after a crash before it was recorded which one was made, only while it is empty', async () => {
    await mkdir(path, { recursive: true });
    const crashed = { [path]: { migration_id: 'mig_1', mark: null } };
    await writeFile(join(root, 'placed.json'), JSON.stringify(crashed));
    await writeFile(join(path, 'theirs'), 'kept');
    await placed.remove(path, 'mig_1');
    expect(await theirs()).toBe('kept');
    await rm(join(path, 'theirs'));
    await placed.remove(path, 'mig_1');
    expect(existsSync(path)).toBe(false);
  });
});
